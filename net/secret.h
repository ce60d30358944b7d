/*
 * The one place where a password lives: a locked, wiped buffer that no core dump has.
 */
#ifndef NET_SECRET_H
#define NET_SECRET_H

#include "net/fault.h"

#include <stddef.h>
#include <stdint.h>

enum { SECRET_MAX = 8192 }; /* a bearer token fits */

struct secret;

/* Copies; the caller wipes its own. INTERNAL: over SECRET_MAX, or no memory to lock. */
bool secret_new(const char *bytes, size_t length, struct secret **ret_secret, struct fault *fault);
void secret_free(struct secret *secret); /* wipes; NULL is allowed */

const char *secret_text(const struct secret *secret); /* NUL-terminated; may contain NUL before */
size_t secret_length(const struct secret *secret);
/* The NT hash, computed once by secret_new(); NULL where MD4 is not to be had. */
const uint8_t *secret_nt_hash(const struct secret *secret);

/* First line of a file ("-": standard input), without its line end. The descriptor is read
 * directly, so no stdio buffer keeps a copy. Faults name the file. */
bool secret_read_file(const char *path, struct secret **ret_secret, struct fault *fault);
/* From the terminal, without echo; false where there is none. The terminal's state is restored, by
 * secret_restore_terminal() also from a signal handler. */
bool secret_prompt(const char *prompt, struct secret **ret_secret, struct fault *fault);
void secret_restore_terminal(void);
/* No core, no ptrace by others. In main, first. */
void secret_protect_process(void);

#endif
