/*
 * Which groups the account is in, nested ones included, and by which way it got into privileged
 * ones.
 *
 * tokenGroups ([MS-ADTS] 3.1.1.4.5.19) holds the SIDs of them all in one read. Only when one of
 * them is privileged the way is looked for: breadth first over memberOf, one search a level.
 */
#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/run.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 12, NAMES_MAX = 200, GROUPS_MAX = 2000, NO_PARENT = -1 };

static bool groups_apply(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP;
}

static const struct fact_def groups_facts[] = {
    {"account.dn", FACT_TEXT, "whose groups: the account that logs on"},
    {"groups.count", FACT_INT, "groups it is in, nested ones included (tokenGroups)"},
    {"groups.privileged", FACT_LIST, "those that give power over the domain, with relative ids"},
    {"groups.path", FACT_LIST, "how it is in each of them"},
    {"groups.admin_count", FACT_INT,
        "adminCount: 1 where its permissions were reset as an admin's"},
    {"groups.protected_users", FACT_BOOL, "in Protected Users: no NTLM, no RC4"},
    LDAP_COST_FACTS,
    FACT_END,
};

/* [MS-DTYP] 2.4.2.4 */
enum { RID_DOMAIN_ADMINS = 512, RID_SCHEMA_ADMINS = 518, RID_ENTERPRISE_ADMINS = 519 };
enum { RID_PROTECTED_USERS = 525 };

static const struct privilege {
    uint32_t rid;
    bool builtin; /* S-1-5-32-…, else of a domain */
    bool warns;
    const char *name;
} privileges[] = {
    {RID_DOMAIN_ADMINS, false, true, "Domain Admins"},
    {RID_ENTERPRISE_ADMINS, false, true, "Enterprise Admins"},
    {RID_SCHEMA_ADMINS, false, true, "Schema Admins"},
    {RID_PROTECTED_USERS, false, true, "Protected Users"},
    {544, true, false, "Administrators"},
    {548, true, false, "Account Operators"},
    {549, true, false, "Server Operators"},
    {550, true, false, "Print Operators"},
    {551, true, false, "Backup Operators"},
};
enum { PRIVILEGES = sizeof privileges / sizeof privileges[0] };

static const struct privilege *privilege_of(const struct directory_value *value)
{
    enum { NT_AUTHORITY = 5, DOMAIN_PARTS = 5, NT_NON_UNIQUE = 21, BUILTIN = 32 };
    struct sid sid;
    if (!sid_read(value, &sid) || sid.authority != NT_AUTHORITY)
        return NULL;
    bool domain = sid.count == DOMAIN_PARTS && sid.parts[0] == NT_NON_UNIQUE;
    bool builtin = sid.count == 2 && sid.parts[0] == BUILTIN;
    for (size_t i = 0; i < PRIVILEGES; i++) {
        if (sid.parts[sid.count - 1] == privileges[i].rid &&
            (privileges[i].builtin ? builtin : domain))
            return &privileges[i];
    }
    return NULL;
}

/* ---- what it means ---- */

static void note_privilege(
    const struct group_reading *reading, const struct privilege *privilege, struct check *check)
{
    check_add(check, "groups.privileged",
        arena_printf(&check->arena, "%s (RID %u)", privilege->name, (unsigned)privilege->rid));
    for (size_t i = 0; i < reading->path_count; i++) {
        if (reading->paths[i].rid == privilege->rid && reading->paths[i].path != NULL)
            check_add(check, "groups.path", reading->paths[i].path);
    }
}

/* One SID is counted once, whatever the server sends. */
static void find_privileges(const struct directory_attribute *sids, bool ret_has[static PRIVILEGES])
{
    for (size_t i = 0; sids != NULL && i < sids->count; i++) {
        const struct privilege *privilege = privilege_of(&sids->values[i]);
        if (privilege != NULL)
            ret_has[privilege - privileges] = true;
    }
}

void judge_groups(const struct group_reading *reading, struct check *check)
{
    struct arena *arena = &check->arena;
    const struct directory_attribute *sids = entry_attribute(reading->account, "tokenGroups");
    bool has[PRIVILEGES] = {false}, warns = false, is_protected = false;
    int64_t number;
    check_text(check, "account.dn", reading->account->dn);
    if (entry_int(reading->account, "adminCount", &number))
        check_int(check, "groups.admin_count", number);
    if (sids == NULL || sids->count == 0) {
        check_settle(check, OUTCOME_SKIPPED,
            "the server does not show us the account's groups (tokenGroups)");
        return;
    }
    check_int(check, "groups.count", (int64_t)sids->count);
    find_privileges(sids, has);
    for (size_t i = 0; i < PRIVILEGES; i++) {
        if (!has[i])
            continue;
        note_privilege(reading, &privileges[i], check);
        is_protected = is_protected || privileges[i].rid == RID_PROTECTED_USERS;
        warns = warns || privileges[i].warns;
    }
    check_bool(check, "groups.protected_users", is_protected);

    const char *name = dn_leaf(arena, reading->account->dn);
    const char *list = join_list(arena, check_fact(check, "groups.privileged"), ", ");
    const char *paths = join_list(arena, check_fact(check, "groups.path"), "; ");
    const char *how = paths[0] == '\0' ? "" : arena_printf(arena, ": %s", paths);
    const char *cut =
        reading->cut ? "; not every way was followed, it is in too many nested groups" : "";
    if (list[0] == '\0')
        check_settle(
            check, OUTCOME_PASS, "%s is in %zu groups, none of them privileged", name, sids->count);
    else
        check_settle(
            check, warns ? OUTCOME_WARN : OUTCOME_PASS, "%s is in %s%s%s", name, list, how, cut);
}

/* ---- the way into them ---- */

struct group {
    const char *dn;
    const char *name; /* its own, in the language of the domain; NULL until read */
    int parent;
};

struct walk {
    struct session *session;
    struct check *check;
    const struct directory_entry *account;
    struct group *groups; /* in the order they were found: level after level */
    size_t count;
    bool wanted[PRIVILEGES];
    struct group_path paths[PRIVILEGES];
    bool cut;
};

static void add_group(struct walk *walk, const char *dn, int parent)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (text_equal_nocase(walk->groups[i].dn, dn))
            return;
    }
    if (walk->count == GROUPS_MAX) {
        walk->cut = true;
        return;
    }
    walk->groups[walk->count++] = (struct group){.dn = dn, .parent = parent};
}

static void add_member_of(struct walk *walk, const struct directory_entry *entry, int parent)
{
    for (size_t i = 0; i < entry->count; i++) {
        const struct directory_attribute *attribute = &entry->attributes[i];
        bool ranged = text_starts_nocase(attribute->name, "memberOf;range=");
        if (!ranged && !text_equal_nocase(attribute->name, "memberOf"))
            continue;
        walk->cut = walk->cut || ranged; /* more of them than the server sends at once */
        for (size_t n = 0; n < attribute->count; n++)
            add_group(walk, attribute->values[n].bytes, parent);
    }
}

static const char *path_to(const struct walk *walk, int at)
{
    struct arena *arena = &walk->check->arena;
    const char *path = "";
    for (int i = at; i != NO_PARENT; i = walk->groups[i].parent) {
        const struct group *group = &walk->groups[i];
        const char *name = group->name != NULL ? group->name : dn_leaf(arena, group->dn);
        path = arena_printf(arena, " > %s%s", name, path);
    }
    const char *sam = entry_text(walk->account, "sAMAccountName");
    return arena_printf(arena, "%s%s", sam != NULL ? sam : dn_leaf(arena, walk->account->dn), path);
}

/* A group of the present level has been read. */
static void take_group(struct walk *walk, const struct directory_entry *entry)
{
    const struct directory_attribute *sid = entry_attribute(entry, "objectSid");
    size_t at = 0;
    while (at < walk->count && !text_equal_nocase(walk->groups[at].dn, entry->dn))
        at++;
    if (at == walk->count)
        return;
    walk->groups[at].name = entry_text(entry, "cn");
    const struct privilege *privilege =
        sid != NULL && sid->count > 0 ? privilege_of(&sid->values[0]) : NULL;
    if (privilege != NULL && walk->wanted[privilege - privileges]) {
        walk->wanted[privilege - privileges] = false;
        walk->paths[privilege - privileges] =
            (struct group_path){.rid = privilege->rid, .path = path_to(walk, (int)at)};
    }
    add_member_of(walk, entry, (int)at);
}

static bool wants_more(const struct walk *walk)
{
    for (size_t i = 0; i < PRIVILEGES; i++) {
        if (walk->wanted[i])
            return true;
    }
    return false;
}

static bool find_groups(struct walk *walk, const char *filter, struct directory_result *ret_found)
{
    static const char *const attributes[] = {"cn", "objectSid", "memberOf", NULL};
    const struct directory_search search = {.base = walk->session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = filter,
        .attributes = attributes,
        .max = NAMES_MAX};
    struct fault fault;
    return ldap_find(walk->session, walk->check, &search, ret_found, &fault);
}

/* Some groups of a level, from `from` on, by their names. */
static bool read_groups(struct walk *walk, size_t from, size_t end)
{
    enum { PART_LENGTH = 24 };
    struct arena *arena = &walk->session->arena;
    size_t size = PART_LENGTH;
    for (size_t i = from; i < end; i++)
        size += 3 * strlen(walk->groups[i].dn) + PART_LENGTH;
    char *filter = arena_alloc(arena, size);
    size_t used = 2;
    memcpy(filter, "(|", 2);
    for (size_t i = from; i < end; i++) {
        const char *part = arena_printf(
            arena, "(distinguishedName=%s)", directory_escape(arena, walk->groups[i].dn));
        memcpy(filter + used, part, strlen(part));
        used += strlen(part);
    }
    filter[used] = ')'; /* the rest is zero */
    struct directory_result found;
    if (!find_groups(walk, filter, &found))
        return false;
    for (size_t i = 0; i < found.count; i++)
        take_group(walk, &found.entries[i]);
    return true;
}

/* The primary group is no value of memberOf: it is named by its relative id alone. */
static void add_primary_group(struct walk *walk)
{
    const struct directory_attribute *own = entry_attribute(walk->account, "objectSid");
    int64_t rid;
    struct sid sid;
    struct directory_result found;
    if (own == NULL || own->count == 0 || !sid_read(&own->values[0], &sid) ||
        !entry_int(walk->account, "primaryGroupID", &rid) || rid < 0 || rid > UINT32_MAX)
        return;
    sid = sid_sibling(&sid, (uint32_t)rid);
    const char *filter = arena_printf(
        &walk->session->arena, "(objectSid=%s)", sid_filter(&walk->session->arena, &sid));
    if (find_groups(walk, filter, &found) && found.count == 1)
        add_group(walk, found.entries[0].dn, NO_PARENT);
}

static void walk_groups(struct walk *walk)
{
    size_t from = 0;
    add_member_of(walk, walk->account, NO_PARENT);
    add_primary_group(walk);
    for (int level = 0; wants_more(walk) && from < walk->count; level++) {
        size_t end = walk->count;
        if (level == LEVELS_MAX) {
            walk->cut = true;
            return;
        }
        for (; from < end; from += NAMES_MAX) {
            if (!read_groups(walk, from, end - from < NAMES_MAX ? end : from + NAMES_MAX)) {
                walk->cut = true;
                return;
            }
        }
        from = end;
    }
}

/* ---- reading ---- */

static void groups_run(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"tokenGroups", "adminCount", "objectSid",
        "primaryGroupID", "memberOf", "sAMAccountName", NULL};
    if (!run_claim_check(session, check))
        return;
    struct fault fault = {.cause = CAUSE_NONE};
    struct directory_result found = {.count = 0};
    const char *dn = ldap_logon_object(session, check);
    if (dn == NULL) {
        run_release(session, check->probe);
        return;
    }
    const struct directory_search search = {.base = dn,
        .scope = DIRECTORY_BASE, /* tokenGroups is computed for nothing else */
        .filter = "(objectClass=*)",
        .attributes = attributes,
        .max = 1};
    if (!ldap_find(session, check, &search, &found, &fault) || found.count != 1) {
        if (fault.cause == CAUSE_NONE)
            fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0, "%.150s cannot be read", dn);
        check_fail(check, &fault);
        run_release(session, check->probe);
        return;
    }
    struct walk walk = {.session = session, .check = check, .account = &found.entries[0]};
    find_privileges(entry_attribute(walk.account, "tokenGroups"), walk.wanted);
    if (wants_more(&walk)) {
        walk.groups = arena_alloc(&session->arena, GROUPS_MAX * sizeof *walk.groups);
        walk_groups(&walk);
    }
    const struct group_reading reading = {.account = walk.account,
        .paths = walk.paths,
        .path_count = PRIVILEGES,
        .cut = walk.cut && wants_more(&walk)};
    judge_groups(&reading, check);
}

const struct probe probe_ldap_groups = {
    .id = "ldap.groups",
    .title = "the account is in no privileged group",
    .layer = LAYER_PROTOCOL,
    .facts = groups_facts,
    .applies = groups_apply,
    .run = groups_run,
};
