/*
 * Private to the checklist: what an answering function gets and may do. One that settles nothing
 * leaves its item to be checked by hand.
 */
#ifndef REPORT_CHECKLIST_ANSWER_H
#define REPORT_CHECKLIST_ANSWER_H

#include <stdarg.h>

#include "net/wire/text.h"
#include "probes/survey.h"

struct answer {
    const struct survey *survey;
    struct arena *arena;
    struct checklist_item *item;
};

void answer_settle(struct answer *answer, enum outcome outcome, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* Values must live as long as the survey. */
void answer_text(struct answer *answer, const char *key, const char *value);
void answer_int(struct answer *answer, const char *key, int64_t value);
void answer_list(struct answer *answer, const char *key, const char *const *list, size_t count);

/* The first check of this probe that is so; NULL: none. */
const struct check *find_check(
    const struct survey *survey, const char *probe, bool (*is_so)(const struct check *check));
/* The best witness: one that worked, else one that failed; NULL: nobody answered. */
const struct check *find_witness(const struct survey *survey, const char *probe);

/* Every check of a probe: what it reads about each of several objects. last: the one before, or
 * NULL. NULL: no more. */
const struct check *next_check(
    const struct survey *survey, const char *probe, const struct check *last);

/* checklist_build.c: builds on the wire and in the directory */
void answer_latest(struct answer *answer);
void answer_one_version(struct answer *answer);
void answer_minimum(struct answer *answer);
void answer_2010(struct answer *answer);
void answer_2010_role(struct answer *answer);
/* A server of Exchange 2016 or later was seen. */
bool answer_has_later_than_2013(struct answer *answer);

/* checklist_directory.c: the account and its mailbox in the directory */
void answer_same_domain(struct answer *answer);
void answer_own_mailbox(struct answer *answer);
void answer_visible(struct answer *answer);
void answer_privileged(struct answer *answer);
/* The domains that Exchange servers are in, of the account's own server where it is known; count of
 * them. */
size_t exchange_domains(struct answer *answer, const char **ret_domains, size_t size);

/* checklist_mapi.c: what opens, over EWS and MAPI */
void answer_contacts(struct answer *answer);
void answer_calendar(struct answer *answer);
void answer_voicemail(struct answer *answer);
void answer_public(struct answer *answer);
void answer_public_server(struct answer *answer);
void answer_outlook_own(struct answer *answer);
void answer_outlook_other(struct answer *answer);
void answer_one_provider(struct answer *answer);

/* checklist_registry.c: the application server, by --registry */
void answer_mapi_cdo(struct answer *answer);
void answer_no_outlook(struct answer *answer);
void answer_mail_client(struct answer *answer);
void answer_machine_domain(struct answer *answer);
void answer_newest_mapi_cdo(struct answer *answer);
void answer_lm_level(struct answer *answer);

#endif
