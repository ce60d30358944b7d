/*
 * What `reg export` and regedit write: "Windows Registry Editor Version 5.00" as UTF-16LE with a
 * byte order mark, or either header in single bytes (UTF-8; REGEDIT4 is the older one). Pure.
 *
 * No specification exists; the format is what regedit reads:
 *
 *     [HKEY_LOCAL_MACHINE\SOFTWARE\Clients\Mail]      a key; [-…] deletes it
 *     @="ExchangeMAPI"                                its default value
 *     "Quoted \"name\" and \\"="text"                 may go on over line ends
 *     "Level"=dword:00000003
 *     "Path"=hex(2):25,00,\                           bytes of a numbered type; a backslash goes on
 *       53,00                                         in the next line
 *     "Gone"=-                                        deletes a value
 *     ; a comment
 */
#ifndef NET_WIRE_REGFILE_H
#define NET_WIRE_REGFILE_H

#include "net/arena.h"
#include "net/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REGFILE_MAX = 16 << 20,     /* bytes of a file */
    REGFILE_LINE_MAX = 1 << 20, /* characters of a line, bytes of a text */
    REGFILE_KEY_MAX = 64 << 10  /* bytes of a key's or a value's name */
};

enum regfile_kind {
    REGFILE_KEY,     /* the key itself, ahead of its values */
    REGFILE_DELETED, /* the value, or where name is NULL the key with all below it */
    REGFILE_TEXT,    /* REG_SZ, REG_EXPAND_SZ */
    REGFILE_TEXTS,   /* REG_MULTI_SZ */
    REGFILE_NUMBER,  /* REG_DWORD, REG_QWORD */
    REGFILE_BYTES    /* anything else */
};

/* One line of the file. UTF-8 where the file is well-formed; valid during the call only. */
struct regfile_entry {
    enum regfile_kind kind;
    size_t line;      /* where it begins, from 1 */
    const char *key;  /* "HKEY_LOCAL_MACHINE\\SOFTWARE\\…" */
    const char *name; /* NULL for a key; "" for its default value */
    const char *text;
    const char *const *texts;
    size_t count; /* of texts */
    uint64_t number;
    const uint8_t *bytes; /* those within REGFILE_LINE_MAX */
    size_t length;        /* all of them */
};

typedef void regfile_visit(void *context, const struct regfile_entry *entry);

/* Whole file to its end. false: *fault (MALFORMED; TOO_LARGE) names the line in its text and quotes
 * nothing of it: the file may be another one than was meant. What came before was visited. */
bool regfile_read(
    const void *bytes, size_t length, regfile_visit *visit, void *context, struct fault *fault);

#endif
