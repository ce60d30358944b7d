#include "report/checklist_answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/rule.h"

enum { DOMAINS_MAX = 16, RID_DOMAIN_ADMINS = 512, RID_ENTERPRISE_ADMINS = 519 };

/* ---- faq-8: domains ---------------------------------------------------------------------------
 */

static bool has_ntlm_domain(const struct check *check)
{
    return check_fact(check, "ntlm.dns_domain") != NULL;
}

/* "CN=svc,OU=x,DC=contoso,DC=test" is in contoso.test; "" where the name has no DC. */
static const char *domain_of_dn(struct arena *arena, const char *dn)
{
    const char *domain = "";
    for (const char *at = dn; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length > 3 && text_starts_nocase(at, "DC="))
            domain = arena_printf(
                arena, "%s%s%.*s", domain, *domain != '\0' ? "." : "", (int)(length - 3), at + 3);
        at += length;
        at += *at == ',' ? 1 : 0;
    }
    return domain;
}

static bool is_web_ticket(const struct check *check)
{
    return check_is_good(check) &&
           text_starts_nocase(check_get_text(check, "krb.server", ""), "HTTP/");
}

/* The domain that the front end's own account is in: its NTLM challenge says so, or the realm that
 * issued the ticket for it. NULL: not seen. */
static const char *wire_domain(const struct survey *survey)
{
    const struct check *challenge = find_check(survey, "http.logon", has_ntlm_domain);
    if (challenge == NULL)
        challenge = find_check(survey, "http.offer", has_ntlm_domain);
    if (challenge != NULL)
        return check_get_text(challenge, "ntlm.dns_domain", NULL);
    const struct check *ticket = find_check(survey, "kerberos.ticket", is_web_ticket);
    const char *realm = strrchr(check_get_text(ticket, "krb.server", ""), '@');
    return realm != NULL ? realm + 1 : NULL;
}

static size_t add_domain(const char **domains, size_t count, size_t size, const char *domain)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal_nocase(domains[i], domain))
            return count;
    }
    if (count == size || *domain == '\0')
        return count;
    domains[count] = domain;
    return count + 1;
}

/* home: a name, a DN, or a legacy DN that ends in "/cn=EX1" */
static bool is_home(struct answer *answer, const char *home, const struct check *server)
{
    const char *name = check_get_text(server, "server.name", server->subject);
    if (home == NULL || name == NULL)
        return false;
    return text_equal_nocase(home, name) ||
           text_equal_nocase(home, check_get_text(server, "server.fqdn", "")) ||
           text_starts_nocase(home, arena_printf(answer->arena, "CN=%s,", name)) ||
           text_ends_nocase(home, arena_printf(answer->arena, "/cn=%s", name));
}

size_t exchange_domains(struct answer *answer, const char **ret_domains, size_t size)
{
    const struct survey *survey = answer->survey;
    const char *home =
        check_get_text(find_witness(survey, "ldap.recipient"), "recipient.home_server", NULL);
    size_t count = 0;
    const struct check *server = NULL;
    while ((server = next_check(survey, "ldap.server", server)) != NULL) {
        const char *domain = check_get_text(server, "server.domain", "");
        if (*domain != '\0' && is_home(answer, home, server)) {
            ret_domains[0] = domain;
            return 1;
        }
        count = add_domain(ret_domains, count, size, domain);
    }
    const char *wire = count == 0 ? wire_domain(survey) : NULL;
    return wire != NULL ? add_domain(ret_domains, count, size, wire) : count;
}

static const char *join(struct answer *answer, const char *const *texts, size_t count)
{
    const char *joined = count > 0 ? texts[0] : "";
    for (size_t i = 1; i < count; i++)
        joined = arena_printf(answer->arena, "%s, %s", joined, texts[i]);
    return joined;
}

void answer_same_domain(struct answer *answer)
{
    const char *servers[DOMAINS_MAX];
    size_t count = exchange_domains(answer, servers, DOMAINS_MAX);
    const struct check *account = find_witness(answer->survey, "ldap.account");
    const char *dn = check_get_text(account, "account.dn", NULL);
    const char *domain = check_get_text(account, "account.domain", NULL);
    if (domain == NULL && dn != NULL)
        domain = domain_of_dn(answer->arena, dn);
    if (domain == NULL || count == 0)
        return;
    bool among = false;
    for (size_t i = 0; i < count; i++)
        among = among || text_equal_nocase(servers[i], domain);
    const char *all = join(answer, servers, count);
    answer_text(answer, "account.domain", domain);
    answer_text(answer, "exchange.domain", all);
    const char *wire = wire_domain(answer->survey);
    if (!among)
        answer_settle(answer, OUTCOME_FAIL, "the account is in %s, the Exchange server%s in %s",
            domain, count == 1 ? "" : "s", all);
    else if (count > 1)
        answer_settle(answer, OUTCOME_WARN,
            "the account is in %s, Exchange servers are in %s: which of them has the mailbox?",
            domain, all);
    else if (wire != NULL && !text_equal_nocase(wire, domain))
        answer_settle(answer, OUTCOME_WARN,
            "both are in %s by the directory, but who answers on the wire is in %s", domain, wire);
    else
        answer_settle(answer, OUTCOME_PASS, "both are in %s", domain);
}

/* ---- faq-11, faq-12: the mailbox --------------------------------------------------------------
 */

/* Of nobody, or of an account in another forest: nobody logs on as its own account. */
static bool is_shared(const char *type)
{
    static const char *const shared[] = {
        "SharedMailbox", "RoomMailbox", "EquipmentMailbox", "LinkedMailbox", "LinkedRoomMailbox"};
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        if (text_equal_nocase(type, shared[i]))
            return true;
    }
    return false;
}

/* What ldap.recipient says more than that there is a mailbox; false: nothing. */
static bool answer_recipient(struct answer *answer)
{
    const struct check *recipient = find_witness(answer->survey, "ldap.recipient");
    const char *type = check_get_text(recipient, "recipient.type_name", NULL);
    const char *database = check_get_text(recipient, "recipient.database", NULL);
    if (type == NULL)
        return false;
    answer_text(answer, "recipient.type_name", type);
    if (check_get_bool(recipient, "recipient.remote", false)) {
        answer_settle(answer, OUTCOME_FAIL, "a %s: the mailbox is in Exchange Online", type);
        return true;
    }
    if (text_find_nocase(type, "Mailbox") == NULL)
        answer_settle(answer, OUTCOME_FAIL, "a %s has no mailbox of its own here", type);
    else if (is_shared(type))
        answer_settle(answer, OUTCOME_WARN,
            "a %s: not made for logging on; Set-Mailbox -Type Regular makes it the account's own",
            type);
    else
        answer_settle(answer, OUTCOME_PASS, "a %s%s%s", type, database != NULL ? " in " : "",
            database != NULL ? database : "");
    return true;
}

void answer_own_mailbox(struct answer *answer)
{
    const struct check *object = find_witness(answer->survey, "ldap.mailbox");
    const char *home = check_get_text(object, "mailbox.home_mdb", NULL);
    if (home != NULL)
        answer_text(answer, "mailbox.home_mdb", home);
    if (object != NULL && !check_is_good(object))
        answer_settle(answer, OUTCOME_FAIL, "%s", object->summary);
    else if (answer_recipient(answer))
        return;
    else if (object != NULL)
        answer_settle(answer, OUTCOME_PASS, "the directory has msExchMailboxGuid and homeMDB");
    else if (find_check(answer->survey, "ews.folders", check_is_good) != NULL)
        answer_settle(answer, OUTCOME_PASS, "its mailbox opens over EWS");
}

/* "CN=PBX,CN=AddressBook Mailbox Policies,…" is PBX. */
static const char *first_name(struct arena *arena, const char *dn)
{
    if (!text_starts_nocase(dn, "CN="))
        return dn;
    return arena_strndup(arena, dn + 3, strcspn(dn + 3, ","));
}

void answer_visible(struct answer *answer)
{
    const struct survey *survey = answer->survey;
    const struct check *object = find_check(survey, "ldap.mailbox", check_is_good);
    const struct check *recipient = find_witness(survey, "ldap.recipient");
    int64_t lists = check_get_int(
        object, "mailbox.address_lists", check_get_int(recipient, "recipient.address_lists", -1));
    bool hidden = check_get_bool(object, "mailbox.hidden", false) ||
                  check_get_bool(recipient, "recipient.hidden", false);
    const char *policy = check_get_text(recipient, "recipient.address_book_policy", "");
    if (object == NULL || lists < 0)
        return;
    answer_int(answer, "mailbox.address_lists", lists);
    if (*policy != '\0')
        answer_text(answer, "recipient.address_book_policy", policy);
    if (hidden)
        answer_settle(answer, OUTCOME_FAIL, "msExchHideFromAddressLists is TRUE");
    else if (lists == 0)
        answer_settle(answer, OUTCOME_FAIL,
            "not hidden, but showInAddressBook is empty: no address list has it");
    else
        answer_settle(answer, OUTCOME_PASS, "in %" PRId64 " address list%s%s%s%s", lists,
            lists == 1 ? "" : "s", *policy != '\0' ? "; it sees those of address book policy " : "",
            first_name(answer->arena, policy), *policy != '\0' ? " only" : "");
}

/* ---- faq-13: groups ---------------------------------------------------------------------------
 */

/* "Domain Admins (RID 512)" is 512; 0: it says none. */
static long rid_of(const char *group)
{
    const char *rid = strstr(group, "(RID ");
    return rid != NULL ? strtol(rid + 5, NULL, 10) : 0;
}

/* The way to the group of this index; its own text where none is known. Paths have the names the
 * groups go by here, which need not be ours. */
static const char *way_to(
    struct answer *answer, const struct check *groups, const struct fact *privileged, size_t index)
{
    const char *group = privileged->list[index];
    const struct fact *paths = check_fact(groups, "groups.path");
    if (paths != NULL && paths->type == FACT_LIST && paths->count == privileged->count)
        return paths->list[index];
    const char *end = strstr(group, " (RID ");
    const char *name =
        end != NULL ? arena_strndup(answer->arena, group, (size_t)(end - group)) : group;
    const char *tail = arena_printf(answer->arena, "> %s", name);
    for (size_t i = 0; paths != NULL && paths->type == FACT_LIST && i < paths->count; i++) {
        if (text_ends_nocase(paths->list[i], tail))
            return paths->list[i];
    }
    return group;
}

static void answer_member(
    struct answer *answer, const struct check *groups, const struct fact *privileged)
{
    size_t worst = 0;
    bool admins = false;
    for (size_t i = 0; i < privileged->count && !admins; i++) {
        long rid = rid_of(privileged->list[i]);
        admins = rid == RID_DOMAIN_ADMINS || rid == RID_ENTERPRISE_ADMINS;
        worst = admins ? i : 0;
    }
    const char *way = way_to(answer, groups, privileged, worst);
    const char *more = privileged->count > 1
                           ? arena_printf(answer->arena, "; and of %zu more privileged group%s",
                                 privileged->count - 1, privileged->count == 2 ? "" : "s")
                           : "";
    if (admins)
        answer_settle(answer, OUTCOME_FAIL, "a member: %s%s", way, more);
    else
        answer_settle(answer, OUTCOME_WARN,
            "of neither, but of another group with power over the domain: %s%s", way, more);
}

void answer_privileged(struct answer *answer)
{
    const struct check *groups = find_witness(answer->survey, "ldap.groups");
    const struct fact *privileged = check_fact(groups, "groups.privileged");
    int64_t count = check_get_int(groups, "groups.count", -1);
    if (groups == NULL || count < 0)
        return;
    answer_int(answer, "groups.count", count);
    bool is_protected = check_get_bool(groups, "groups.protected_users", false);
    bool is_list = privileged != NULL && privileged->type == FACT_LIST;
    if (is_list && privileged->count > (is_protected ? 1 : 0)) {
        answer_list(answer, "groups.privileged", privileged->list, privileged->count);
        answer_member(answer, groups, privileged);
    } else if (is_protected) {
        answer_settle(answer, OUTCOME_WARN,
            "of neither, but of Protected Users: no NTLM, tickets end after four hours");
    } else if (check_get_int(groups, "groups.admin_count", 0) > 0) {
        answer_settle(answer, OUTCOME_WARN,
            "in none of %" PRId64 " groups, but adminCount is set: it was a member once, and its "
            "object still has the permissions of protected accounts",
            count);
    } else {
        answer_settle(answer, OUTCOME_PASS,
            "neither is among its %" PRId64 " group%s, nested ones included", count,
            count == 1 ? "" : "s");
    }
}
