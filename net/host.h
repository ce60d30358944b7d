/*
 * The machine we run on: files, environment, names. The only place that touches them.
 */
#ifndef NET_HOST_H
#define NET_HOST_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/sock.h"

const char *host_env(const char *name); /* NULL: unset or empty */
/* Our host name, fully qualified where the system knows it; never NULL. */
const char *host_name(struct arena *arena);
/* The DNS domain this machine is in: of its name, else what resolv.conf appends first; NULL: none.
 */
const char *host_domain(struct arena *arena);
/* Our non-loopback addresses; loopback ones where there are no others. Returns how many. */
size_t host_addresses(struct net_address *ret_addresses, size_t size);

/* Standard descriptors that we were started without are taken by /dev/null, opened so that using
 * them fails: else a socket or a file would get their numbers, and our report. In main, first. */
void host_keep_descriptors(void);

/* A whole file, at most max bytes; "-" is standard input. Faults (INTERNAL, SYSTEM) name the file.
 */
bool host_read_file(struct arena *arena, const char *path, size_t max, char **ret_bytes,
    size_t *ret_length, struct fault *fault);
/* Written beside and renamed, mode 0644; a device or pipe is written directly. */
bool host_write_file(const char *path, const char *bytes, size_t length, struct fault *fault);

/* Whether a directory has an entry whose name matches. false also where it cannot be read: then,
 * and only then, *fault is set (SYSTEM, ENOTDIR for a file). */
bool host_directory_has(const char *path, bool (*matches)(const char *name), struct fault *fault);

#endif
