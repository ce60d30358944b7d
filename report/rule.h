/*
 * Rules: what a pattern of checks means. Const data, one table per layer, listed in rules.c; ids
 * from the catalogue, never reused.
 *
 * A rule looks at checks that answered (PASS, WARN, FAIL); BLOCKED, SKIPPED and ERROR prove
 * nothing. Every match cites at least one check. What a match explains besides is attached to it,
 * so that one cause never stands in the report twice.
 */
#ifndef REPORT_RULE_H
#define REPORT_RULE_H

#include "probes/survey.h"

#define RULE_OWN_TROUBLE "X-ERROR"

enum { RULE_TEXTS_MAX = 6 };

/* A match that only says how programs call what another finding has the cause of: INFO, and told
 * under that one. It takes nothing from the headings. */
enum echo { ECHO_NONE, ECHO_ALWAYS, ECHO_IF_EXPLAINED /* else it is a finding of its own */ };

/* One thing that is broken, as one rule sees it. */
struct match {
    const struct rule *rule;
    const char *component;       /* "account svc@contoso.test" */
    const char *key;             /* tells matches of one rule apart; not shown */
    const struct check **checks; /* cited: the evidence */
    size_t check_count;
    const char **evidence;
    size_t evidence_count;
    const struct check **explained; /* besides: what rule->explains() said yes to */
    size_t explained_count;
    bool fails;    /* FAIL in any case: it takes what the profile needs, whatever the rows show */
    bool harmless; /* as grave as its rule says although rows fail, while the services work */
    enum echo echo;
    struct match *next;
};

/* Where the rules put what they found. */
struct scan {
    const struct survey *survey;
    struct arena *arena;
    const struct rule *rule; /* whose turn it is */
    struct match *matches;
};

struct rule {
    const char *id;
    enum layer layer;
    const char *title;      /* of the finding: a sentence without its full stop */
    enum severity severity; /* FAIL: WARN where no service that the profile needs suffers from it */
    unsigned
        fail_profiles; /* 1u << profile: FAIL there in any case, although the checks only warn */
    void (*when)(struct scan *scan); /* NULL: never found by itself; a heading, or only explained */
    /* A check that a match does not cite follows from it: asked for FAIL, WARN and SKIPPED ones. */
    bool (*explains)(
        const struct survey *survey, const struct match *match, const struct check *check);
    const char *cause;                            /* paragraphs for `exreach explain` */
    const char *looks_like;                       /* on the wire */
    const char *const fix[RULE_TEXTS_MAX];        /* a NULL ends it */
    const char *const references[RULE_TEXTS_MAX]; /* a NULL ends it */
};

/* All rules, table after table; a NULL ends it. */
const struct rule *rule_at(size_t index);
const struct rule *rule_find(const char *id); /* without regard to case; NULL: unknown */

/* ---- for the rules ----------------------------------------------------------------------------
 */

/* The match of this rule with this key, or a new one with this component. Texts are copied. */
struct match *scan_match(struct scan *scan, const char *key, const char *component);
struct match *scan_matchf(struct scan *scan, const char *format, ...) /* key and component in one */
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* The rule's one match, whose component lists what it is about: "LDAP signing on dc1, dc2". */
struct match *scan_match_list(struct scan *scan, const char *kind, const char *name);
/* The component lists it. */
bool match_names(const struct match *match, const char *name);
/* Cites a check; its summary becomes evidence. */
void match_cite(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check);
/* Its summary as evidence alone: "tls.handshake at mail.contoso.test:443 (192.0.2.1): …", with
 * words before it. */
void match_tell(struct scan *scan, struct match *match, const char *before,
    const struct chain *chain, const struct check *check);
/* One more sentence of evidence; the same sentence twice is one. */
void match_say(struct scan *scan, struct match *match, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* {account}, {user}, {address}, {domain} and {host} in the texts of a rule, filled in. */
const char *match_fill(struct scan *scan, const struct match *match, const char *text);
bool match_cites(const struct match *match, const struct check *check);
void match_explain(struct scan *scan, struct match *match, const struct check *check);
bool match_explains(const struct match *match, const struct check *check);

/* "CN=a | CN=b", as facts list owners, in words: "CN=a and CN=b". */
const char *scan_owners(struct scan *scan, const char *text);
/* "a, b" of the texts of a list fact; "": it is not recorded. */
const char *scan_texts(struct scan *scan, const struct check *check, const char *key);

/* A NULL check is none of these. */
bool check_answered(const struct check *check);                 /* PASS, WARN or FAIL */
bool check_is_good(const struct check *check);                  /* PASS or WARN */
bool check_is_bad(const struct check *check);                   /* FAIL or WARN */
bool check_failed(const struct check *check, enum cause cause); /* FAIL or WARN with this cause */
/* Our side did not log on there: the password was refused, or may have been, elsewhere, or is not
 * used at all. */
bool check_is_gated(const struct check *check);
/* We held the password back ourselves, before anybody refused it: nothing is broken yet. */
bool check_is_held_back(const struct check *check);
const struct chain *survey_chain_of(const struct survey *survey, const struct check *check);

#endif
