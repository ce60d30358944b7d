#include "report/rule_version.h"

#include <string.h>

#include "net/wire/text.h"
#include "report/rule_mapi.h"

bool check_build(const struct check *check, struct build *ret_build)
{
    const char *text = check_get_text(check, "exchange.build", NULL);
    return text != NULL && !mapi_is_gromox(check) && build_parse(text, ret_build);
}

bool server_build(const struct check *check, struct build *ret_build)
{
    enum { ROLE_EDGE = 64 };
    return strcmp(check->probe, "ldap.server") == 0 &&
           check_get_int(check, "server.roles", 0) != ROLE_EDGE &&
           build_parse(check_get_text(check, "server.build", ""), ret_build);
}

bool same_server(const char *a, const char *b)
{
    return *a != '\0' && strcspn(a, ".") == strcspn(b, ".") &&
           (text_starts_nocase(a, b) || text_starts_nocase(b, a));
}

/* Yes, no, or the witness does not know. */
enum answer { ANSWER_NONE, ANSWER_OLD, ANSWER_NEW };

static enum answer judge(const struct build *build)
{
    enum build_product product = build_product(build);
    return product == BUILD_2007 || product == BUILD_2010 ? ANSWER_OLD : ANSWER_NEW;
}

/* The header of the front end, on this path or another one of the same address. */
static enum answer ask_front_end(const struct survey *survey, const struct chain *row)
{
    struct build build;
    const struct check *offer = chain_check(row, "http.offer");
    if (check_answered(offer) && check_build(offer, &build))
        return judge(&build);
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        offer = chain_check(at, "http.offer");
        if (row->endpoint.address != NULL && at->endpoint.address != NULL &&
            strcmp(at->endpoint.address, row->endpoint.address) == 0 && check_answered(offer) &&
            check_build(offer, &build))
            return judge(&build);
    }
    return ANSWER_NONE;
}

/* The directory's object of the node that answered. */
static enum answer ask_directory(const struct survey *survey, const struct chain *row)
{
    const char *node = chain_node(row);
    struct build build;
    for (const struct chain *chain = survey->chains; node != NULL && chain != NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_is_good(at) && server_build(at, &build) &&
                same_server(node, check_get_text(at, "server.name", "")))
                return judge(&build);
        }
    }
    return ANSWER_NONE;
}

/* All that anybody shows. */
static enum answer ask_all(const struct survey *survey)
{
    enum answer answer = ANSWER_NONE;
    struct build build;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!check_is_good(at) || !(server_build(at, &build) || check_build(at, &build)))
                continue;
            answer = judge(&build);
            if (answer == ANSWER_NEW)
                return answer;
        }
    }
    return answer;
}

static bool is_before_2013(const struct survey *survey, const struct chain *row)
{
    enum answer answer = ask_front_end(survey, row);
    if (answer == ANSWER_NONE)
        answer = ask_directory(survey, row);
    if (answer == ANSWER_NONE)
        answer = ask_all(survey);
    return answer == ANSWER_OLD;
}

bool is_absent_by_age(
    const struct survey *survey, const struct chain *row, const struct check *check)
{
    enum { NOT_FOUND = 404 };
    bool page = strcmp(check->probe, "http.health") == 0;
    bool directory = row->endpoint.service == SERVICE_MAPI &&
                     strcmp(check->probe, "http.offer") == 0 &&
                     check_failed(check, CAUSE_HTTP_STATUS) && check->fault.code == NOT_FOUND;
    return check_is_bad(check) && (page || directory) && is_before_2013(survey, row);
}
