#include "report/checklist_answer.h"

#include <string.h>

#include "net/wire/build.h"
#include "report/rule_mapi.h"

enum { BUILDS_MAX = 32, SERVERS_MAX = 256, ROLE_CLIENT_ACCESS = 4 /* msExchCurrentServerRoles */ };

/* A build, and who has it. */
struct seen {
    struct build build;
    const char *text;
    const char *server; /* by the directory, or the node that answered; NULL: unknown */
};

/* On the wire: different builds of different nodes. */
struct builds {
    struct seen list[BUILDS_MAX];
    size_t count;
};

/* In the directory: every Exchange server. Its serialNumber knows cumulative updates, but no
 * security updates. */
struct servers {
    struct seen list[SERVERS_MAX];
    size_t count;
};

/* "EX1" and "ex1.contoso.test" are the same one. */
static bool same_server(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    const char *shorter = strlen(a) <= strlen(b) ? a : b;
    const char *longer = shorter == a ? b : a;
    char end = longer[strlen(shorter)];
    return text_starts_nocase(longer, shorter) && (end == '\0' || end == '.');
}

static void note_build(struct builds *builds, const char *text, const char *node)
{
    struct build build;
    if (text == NULL || builds->count == BUILDS_MAX || !build_parse(text, &build))
        return;
    for (size_t i = 0; i < builds->count; i++) {
        struct seen *seen = &builds->list[i];
        if (build_compare(&seen->build, &build) != 0 || !same_server(seen->server, node))
            continue;
        /* OWA's links have no revision: the longer text is the better one */
        if (seen->build.revision < 0 && build.revision >= 0)
            *seen = (struct seen){build, text, node};
        return;
    }
    builds->list[builds->count++] = (struct seen){build, text, node};
}

static const char *join_texts(struct answer *answer, const struct seen *list, size_t count)
{
    const char *joined = "";
    for (size_t i = 0; i < count; i++) {
        bool before = false;
        for (size_t k = 0; k < i; k++)
            before = before || strcmp(list[k].text, list[i].text) == 0;
        if (!before)
            joined = arena_printf(
                answer->arena, "%s%s%s", joined, *joined != '\0' ? ", " : "", list[i].text);
    }
    return joined;
}

static struct builds seen_builds(struct answer *answer)
{
    struct builds builds = {.count = 0};
    for (const struct chain *chain = answer->survey->chains; chain != NULL; chain = chain->next) {
        const char *node = chain_node(chain);
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!mapi_is_gromox(at))
                note_build(&builds, check_get_text(at, "exchange.build", NULL), node);
            note_build(&builds, check_get_text(at, "owa.build", NULL), node);
        }
    }
    if (builds.count > 0)
        answer_text(answer, "exchange.builds", join_texts(answer, builds.list, builds.count));
    return builds;
}

static struct servers known_servers(struct answer *answer)
{
    struct servers servers = {.count = 0};
    const char *joined = "";
    const struct check *at = NULL;
    while ((at = next_check(answer->survey, "ldap.server", at)) != NULL) {
        struct seen seen = {.text = check_get_text(at, "server.build", NULL),
            .server = check_get_text(at, "server.name", at->subject)};
        if (servers.count == SERVERS_MAX || seen.text == NULL || seen.server == NULL ||
            !build_parse(seen.text, &seen.build))
            continue;
        servers.list[servers.count++] = seen;
        joined = arena_printf(answer->arena, "%s%s%s %s", joined, *joined != '\0' ? ", " : "",
            seen.server, seen.text);
    }
    if (servers.count > 0)
        answer_text(answer, "directory.builds", joined);
    return servers;
}

/* The same cumulative update. */
static bool same_level(const struct build *a, const struct build *b)
{
    return a->major == b->major && a->minor == b->minor && a->build == b->build;
}

static const char *name_of(struct answer *answer, const struct build *build)
{
    char name[80];
    return arena_strdup(answer->arena, build_name(build, name, sizeof name));
}

static const char *product_of(const struct seen *seen)
{
    return build_product_str(build_product(&seen->build));
}

/* The oldest one decides. */
static const struct seen *oldest(const struct seen *list, size_t count, const struct seen *than)
{
    for (size_t i = 0; i < count; i++) {
        if (than == NULL || build_compare(&list[i].build, &than->build) < 0)
            than = &list[i];
    }
    return than;
}

/* ---- faq-2: the latest update -----------------------------------------------------------------
 */

/* That server, or one of its level where nodes do not tell their names, answered on the wire, which
 * knows better. */
static bool answered(const struct builds *builds, const struct seen *server)
{
    for (size_t i = 0; i < builds->count; i++) {
        const struct seen *seen = &builds->list[i];
        if (seen->server != NULL ? same_server(seen->server, server->server)
                                 : same_level(&seen->build, &server->build))
            return true;
    }
    return false;
}

static void judge_latest(struct answer *answer, const struct seen *seen, bool wire, size_t silent)
{
    const char *name = name_of(answer, &seen->build);
    const struct build_row *newest = build_newest(&seen->build, false);
    const char *end = build_support_end(build_product(&seen->build));
    const char *today = rfc3339(answer->arena, answer->survey->started_us / 1000000);
    const char *what =
        wire ? seen->text : arena_printf(answer->arena, "%s %s", seen->server, seen->text);
    bool behind = newest != NULL && build_compare(&seen->build, &newest->build) < 0;
    if (!wire && newest != NULL) /* the directory does not tell more */
        behind = behind && !same_level(&seen->build, &newest->build);
    if (end != NULL && strncmp(today, end, 10) > 0)
        answer_settle(answer, OUTCOME_FAIL, "%s is %s: out of support since %s", what, name, end);
    else if (behind)
        answer_settle(answer, OUTCOME_WARN, "%s is %s; the newest known is %s %s%s%s", what, name,
            build_product_str(newest->product), newest->level, newest->update != NULL ? " " : "",
            newest->update != NULL ? newest->update : "");
    else if (silent > 0)
        answer_settle(answer, OUTCOME_PASS,
            "%s is %s; of %zu server%s only the directory's word is known, which leaves out "
            "security updates",
            what, name, silent, silent == 1 ? "" : "s");
    else
        answer_settle(answer, OUTCOME_PASS, "%s is %s", what, name);
}

void answer_latest(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    struct servers servers = known_servers(answer);
    const struct seen *silent = NULL;
    size_t count = 0;
    for (size_t i = 0; i < servers.count; i++) {
        if (answered(&builds, &servers.list[i]))
            continue;
        silent = oldest(&servers.list[i], 1, silent);
        count++;
    }
    const struct seen *wire = oldest(builds.list, builds.count, NULL);
    if (wire == NULL && silent == NULL)
        return;
    bool by_wire =
        silent == NULL || (wire != NULL && (same_level(&wire->build, &silent->build) ||
                                               build_compare(&wire->build, &silent->build) < 0));
    judge_latest(answer, by_wire ? wire : silent, by_wire, count);
}

/* ---- faq-6: one version -----------------------------------------------------------------------
 */

/* Two of different products; false: there are none. */
static bool find_mixed(const struct seen *list, size_t count, const struct seen **ret_other)
{
    for (size_t i = 1; i < count; i++) {
        if (build_product(&list[i].build) != build_product(&list[0].build)) {
            *ret_other = &list[i];
            return true;
        }
    }
    return false;
}

/* What a node says of itself and what the directory says of it; false: they agree. */
static bool answer_disagreement(
    struct answer *answer, const struct builds *builds, const struct servers *servers)
{
    for (size_t i = 0; i < builds->count; i++) {
        for (size_t k = 0; k < servers->count; k++) {
            const struct seen *wire = &builds->list[i], *known = &servers->list[k];
            if (wire->server == NULL || !same_server(wire->server, known->server) ||
                same_level(&wire->build, &known->build))
                continue;
            answer_settle(answer, OUTCOME_WARN, "%s is %s in the directory and %s on the wire",
                known->server, known->text, wire->text);
            return true;
        }
    }
    const struct seen *wire = builds->list, *known = servers->list;
    if (builds->count == 0 || build_product(&wire->build) == build_product(&known->build))
        return false;
    answer_settle(answer, OUTCOME_WARN, "the directory has %s only, on the wire answers %s",
        product_of(known), product_of(wire));
    return true;
}

static void answer_by_directory(
    struct answer *answer, const struct builds *builds, const struct servers *servers)
{
    const struct seen *first = &servers->list[0];
    if (answer_disagreement(answer, builds, servers))
        return;
    for (size_t i = 1; i < servers->count; i++) {
        const struct seen *other = &servers->list[i];
        if (same_level(&other->build, &first->build))
            continue;
        answer_settle(answer, OUTCOME_WARN, "all are %s, but %s has %s and %s %s",
            product_of(first), first->server, first->text, other->server, other->text);
        return;
    }
    answer_settle(answer, OUTCOME_PASS, "%zu server%s in the directory, %s%s%s", servers->count,
        servers->count == 1 ? "" : "s", servers->count == 1 ? "" : "all ",
        name_of(answer, &first->build), builds->count > 0 ? "; the wire agrees" : "");
}

void answer_one_version(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    struct servers servers = known_servers(answer);
    const struct seen *other = NULL;
    if (find_mixed(servers.list, servers.count, &other))
        answer_settle(answer, OUTCOME_FAIL, "%s is %s, %s is %s", servers.list[0].server,
            product_of(&servers.list[0]), other->server, product_of(other));
    else if (find_mixed(builds.list, builds.count, &other))
        answer_settle(answer, OUTCOME_FAIL, "servers answer as %s and as %s",
            product_of(&builds.list[0]), product_of(other));
    else if (servers.count > 0)
        answer_by_directory(answer, &builds, &servers);
    else if (builds.count > 0) /* the wire shows who answered, not who else there is */
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: Get-ExchangeServer, every server has the same version; on the wire "
            "only "
            "%s was seen",
            product_of(&builds.list[0]));
}

/* ---- faq-2013-1, faq-2010 ---------------------------------------------------------------------
 */

void answer_minimum(struct answer *answer)
{
    static const struct build minimum = {15, 0, 712, 24};
    struct builds builds = seen_builds(answer);
    struct servers servers = known_servers(answer);
    const struct seen *at = oldest(builds.list, builds.count, NULL);
    const struct seen *silent = oldest(servers.list, servers.count, at);
    if (silent == NULL)
        return;
    /* of the same update the wire's word is the better one */
    bool wire = at != NULL && same_level(&at->build, &silent->build);
    at = wire ? at : silent;
    bool enough = build_compare(&at->build, &minimum) >= 0;
    const char *what = wire ? at->text : arena_printf(answer->arena, "%s %s", at->server, at->text);
    answer_settle(answer, enough ? OUTCOME_PASS : OUTCOME_FAIL, "%s is %s", what,
        name_of(answer, &at->build));
}

bool answer_has_later_than_2013(struct answer *answer)
{
    static const struct build first_2016 = {15, 1, 0, -1};
    struct answer quiet = *answer; /* without the facts */
    quiet.item = arena_alloc(answer->arena, sizeof *quiet.item);
    struct builds builds = seen_builds(&quiet);
    struct servers servers = known_servers(&quiet);
    for (size_t i = 0; i < builds.count; i++) {
        if (build_compare(&builds.list[i].build, &first_2016) >= 0)
            return true;
    }
    for (size_t i = 0; i < servers.count; i++) {
        if (build_compare(&servers.list[i].build, &first_2016) >= 0)
            return true;
    }
    return false;
}

/* The first of Exchange 2010 or older; NULL: none. */
static const struct seen *find_2010(const struct seen *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].build.major <= 14)
            return &list[i];
    }
    return NULL;
}

void answer_2010(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    struct servers servers = known_servers(answer);
    const struct seen *known = find_2010(servers.list, servers.count);
    const struct seen *at = find_2010(builds.list, builds.count);
    if (builds.count + servers.count == 0)
        return;
    if (at == NULL && known == NULL) {
        answer_settle(answer, OUTCOME_SKIPPED, "does not apply: no Exchange 2010 was seen");
        return;
    }
    if (at == NULL) {
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: the installed updates of %s, which is %s; the directory knows no "
            "update "
            "rollups",
            known->server, name_of(answer, &known->build));
        return;
    }
    at = oldest(builds.list, builds.count, NULL);
    const struct build_row *newest = build_newest(&at->build, false);
    bool current = newest == NULL || build_compare(&at->build, &newest->build) >= 0;
    answer_settle(answer, current ? OUTCOME_PASS : OUTCOME_WARN, "%s is %s%s", at->text,
        name_of(answer, &at->build), current ? "" : ", not the last update");
}

static const struct check *home_database(const struct survey *survey)
{
    const struct check *at = NULL;
    while ((at = next_check(survey, "ldap.database", at)) != NULL) {
        if (check_get_bool(at, "database.home", false))
            return at;
    }
    return NULL;
}

void answer_2010_role(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    struct servers servers = known_servers(answer);
    const struct survey *survey = answer->survey;
    const struct check *server = NULL;
    if (builds.count + servers.count == 0)
        return;
    if (find_2010(builds.list, builds.count) == NULL &&
        find_2010(servers.list, servers.count) == NULL) {
        answer_settle(answer, OUTCOME_SKIPPED, "does not apply: no Exchange 2010 was seen");
        return;
    }
    const char *holder = NULL;
    bool told = false;
    while ((server = next_check(survey, "ldap.server", server)) != NULL) {
        int64_t roles = check_get_int(server, "server.roles", -1);
        told = told || roles >= 0;
        if (holder == NULL && roles >= 0 && (roles & ROLE_CLIENT_ACCESS) != 0)
            holder = check_get_text(server, "server.name", server->subject);
    }
    const struct check *database = home_database(survey);
    const char *rpc = check_get_text(database, "database.rpc_server", NULL);
    if (rpc != NULL)
        answer_text(answer, "database.rpc_server", rpc);
    if (told && holder == NULL)
        answer_settle(answer, OUTCOME_FAIL, "no server in the directory has the role");
    else if (holder != NULL && rpc != NULL)
        answer_settle(answer, OUTCOME_PASS,
            "%s has the role; clients of the mailbox's database go "
            "to %s",
            holder, rpc);
}
