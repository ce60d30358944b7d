/*
 * Private to redact.c: the dictionary of what is replaced, and the replacing.
 */
#ifndef REPORT_REDACT_WORDS_H
#define REPORT_REDACT_WORDS_H

#include "net/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum redact_kind {
    REDACT_HOST,    /* "host-1" */
    REDACT_DOMAIN,  /* "domain-1": every name below it is a host, too */
    REDACT_ADDRESS, /* "address-1" */
    REDACT_MAILBOX, /* "mailbox-1" */
    REDACT_ACCOUNT, /* "account-1" */
    REDACT_OBJECT,  /* "object-1": directory names, GUIDs, certificates */
    REDACT_KINDS
};

struct redact_word;

struct redact_words {
    struct arena *arena; /* tokens and replaced texts */
    struct redact_word **list;
    size_t count, size;
    const char **builds; /* look like addresses and are none */
    size_t build_count, build_size;
    int numbers[REDACT_KINDS];
};

void redact_words_done(struct redact_words *words);

/* Learns a word; NULL, empty and known ones are ignored. Case does not matter. Very short ones and
 * words that the report itself uses are replaced only where they are a whole text. */
void redact_learn(struct redact_words *words, enum redact_kind kind, const char *text);
void redact_keep(struct redact_words *words, const char *build);
/* The longest words are to be found first: once, after all learning. */
void redact_sort(struct redact_words *words);

/* The text with everything replaced, the text itself where nothing was; NULL gives NULL. */
const char *redact_text(struct redact_words *words, const char *text);

#endif
