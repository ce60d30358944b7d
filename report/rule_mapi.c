#include "report/rule_mapi.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/text.h"
#include "report/rule_directory.h"

bool is_mapi(const struct chain *chain)
{
    return chain->endpoint.service == SERVICE_MAPI || chain->endpoint.service == SERVICE_RPC;
}

bool mapi_is(const struct check *check, const char *step)
{
    return check != NULL &&
           (strncmp(check->probe, "mapi.", 5) == 0 || strncmp(check->probe, "rpc.", 4) == 0) &&
           strcmp(strchr(check->probe, '.') + 1, step) == 0;
}

const struct check *mapi_check(const struct chain *chain, const char *step)
{
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (mapi_is(at, step))
            return at;
    }
    return NULL;
}

const char *mapi_text(struct scan *scan, const struct check *check, const char *key)
{
    if (check == NULL)
        return NULL;
    int family = (int)strcspn(check->probe, ".");
    return check_get_text(
        check, arena_printf(scan->arena, "%.*s.%s", family, check->probe, key), NULL);
}

uint32_t mapi_code(const struct check *check)
{
    return check_is_bad(check) && check->fault.origin == ORIGIN_MAPI ? (uint32_t)check->fault.code
                                                                     : EC_NONE;
}

long mapi_response_code(const struct check *check)
{
    if (!check_is_bad(check) || check_fact(check, "mapi.numbering") != NULL)
        return 0;
    return (long)check_get_int(check, "mapi.response_code", 0);
}

bool is_of_public_folders(const struct check *check)
{
    return check->layer == LAYER_MAILBOX && check->subject != NULL &&
           strcmp(check->subject, "public folders") == 0;
}

const char *mapi_mailbox(const struct survey *survey, const struct check *check)
{
    return check->subject != NULL ? check->subject : survey->target.address;
}

/* "DB1" of "CN=DB1,CN=Databases,…". */
static const char *first_name(struct scan *scan, const char *dn)
{
    return text_starts_nocase(dn, "CN=") ? arena_strndup(scan->arena, dn + 3, strcspn(dn + 3, ","))
                                         : NULL;
}

const char *mapi_database(struct scan *scan, const struct check *check)
{
    const char *name = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL && name == NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL && name == NULL; at = at->next) {
            bool same = check->subject == NULL
                            ? at->subject == NULL
                            : at->subject != NULL && text_equal_nocase(at->subject, check->subject);
            if (is_recipient(at) && same)
                name = check_get_text(at, "recipient.database", NULL);
        }
    }
    for (const struct chain *chain = scan->survey->chains;
         chain != NULL && name == NULL && check->subject == NULL; chain = chain->next) {
        const struct check *cell = is_directory(chain) ? chain_cell(chain, LAYER_MAILBOX) : NULL;
        if (check_is_good(cell))
            name = first_name(scan, check_get_text(cell, "mailbox.home_mdb", ""));
    }
    return name;
}

/* What gromox tells in X-ServerApplication, whatever its own version is; no build of Exchange's. */
static const char gromox_application[] = "Exchange/15.00.0847.4040";

static bool names_gromox(const char *text)
{
    return text_find_nocase(text, "gromox") != NULL ||
           text_find_nocase(text, "grommunio") != NULL || strcmp(text, gromox_application) == 0;
}

bool mapi_is_gromox(const struct check *check)
{
    return check_answered(check) && strncmp(check->probe, "mapi.", 5) == 0 &&
           (check_fact(check, "mapi.numbering") != NULL ||
               names_gromox(check_get_text(check, "mapi.server", "")) ||
               names_gromox(check_get_text(check, "http.server", "")));
}

bool is_cited(const struct scan *scan, const char *rule, const struct check *check)
{
    for (const struct match *at = scan->matches; at != NULL; at = at->next) {
        if (strcmp(at->rule->id, rule) == 0 && match_cites(at, check))
            return true;
    }
    return false;
}

bool mapi_is_unlisted(const struct check *check)
{
    return check_is_bad(check) && check->fault.origin == ORIGIN_MAPI && check->fault.code == 0 &&
           (check->fault.cause == CAUSE_NO_OBJECT || check->fault.cause == CAUSE_NO_MAILBOX);
}

bool mapi_misses(const struct survey *survey, const char *mailbox)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (mapi_is(at, "mailbox_of") && mapi_is_unlisted(at) &&
                text_equal_nocase(at->subject, mailbox))
                return true;
        }
    }
    return false;
}

bool mapi_server_is_named(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service == SERVICE_AUTODISCOVER &&
            check_is_good(chain_cell(chain, LAYER_PROTOCOL)))
            return true;
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->subject == NULL && check_fact(at, "mailbox.guid") != NULL)
                return true;
        }
    }
    return false;
}

bool mapi_server_is_unknown(const struct chain *chain)
{
    const struct check *connect = chain_check(chain, "rpc.connect");
    return connect != NULL && connect->outcome == OUTCOME_SKIPPED &&
           strstr(connect->summary, "not known") != NULL;
}
