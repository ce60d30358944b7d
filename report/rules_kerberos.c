#include "report/rules.h"

#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/rule_account.h"

/* Tickets for services: who owns the principal, whether it can read them, with which keys. */

enum { SKEW_MAX_S = 300 };

/* The service principal a check asked a ticket for, where it is that of a web server: the KDC's own
 * ticket (ldap/…) is another matter. */
static const char *web_principal(const struct chain *chain, const struct check *check)
{
    const char *spn = check_get_text(check, "krb.spn", chain->endpoint.subject);
    return spn != NULL && text_starts_nocase(spn, "HTTP/") ? spn : NULL;
}

/* "HTTP/x | CN=a | CN=b": the first part is this. */
static bool entry_is_of(const char *entry, const char *spn)
{
    size_t length = strlen(spn);
    return text_starts_nocase(entry, spn) && strncmp(entry + length, " | ", 3) == 0;
}

static const char *principal_of(struct scan *scan, const char *entry)
{
    const char *end = strstr(entry, " | ");
    return end == NULL ? entry : arena_strndup(scan->arena, entry, (size_t)(end - entry));
}

/* Calls see() with every entry of a list fact that a search for service principals recorded. */
struct spn_search {
    struct scan *scan;
    struct match *match;
    const char *spn; /* whose entries are looked for */
    int found;
};

static void each_entry(struct spn_search *search, const char *key,
    void (*see)(struct spn_search *search, const char *entry))
{
    for (const struct chain *chain = search->scan->survey->chains; chain != NULL;
         chain = chain->next) {
        const struct check *check = chain_check(chain, "gc.spn");
        const struct fact *fact = check_answered(check) ? check_fact(check, key) : NULL;
        for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++)
            see(search, fact->list[i]);
    }
}

static void count_entry(struct spn_search *search, const char *entry)
{
    search->found += entry_is_of(entry, search->spn) ? 1 : 0;
}

static bool has_two_owners(struct scan *scan, const char *spn)
{
    struct spn_search search = {.scan = scan, .spn = spn};
    each_entry(&search, "spn.duplicates", count_entry);
    return search.found > 0;
}

/* ---- A16 ---- */

static void when_no_spn(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *spn = web_principal(chain, at);
            if (check_failed(at, CAUSE_SPN_UNKNOWN) && spn != NULL)
                match_cite(scan, scan_match_list(scan, "service principal", spn), chain, at);
        }
    }
}

/* Services that fell back to NTLM say so as a warning. */
static bool fallback_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    return check->layer == LAYER_AUTH && check->outcome == OUTCOME_WARN &&
           check_fact(check, "auth.kerberos") != NULL;
}

/* ---- A17 ---- */

/* RFC 4120 7.5.9: the service has another key than the KDC that made the ticket: 31 integrity, 35
 * not us, 41 modified, 44 key version, 45 no key. 32 to 34 and 37 are about time. */
static bool is_key_error(long code)
{
    return code == 31 || code == 35 || code == 41 || code == 44 || code == 45;
}

/* A ticket that is too old or too young is refused with a bare 401, too: whoever's clock it is. */
static bool clocks_agree(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            int64_t skew = check_get_int(at, "clock.skew_s", 0);
            if (check_answered(at) && (skew > SKEW_MAX_S || skew < -SKEW_MAX_S))
                return false;
        }
    }
    return true;
}

/* The service refused a ticket that the KDC had issued: said by the check's own fault, or, where
 * NTLM followed, by the words about Kerberos. *ret_named: with a Kerberos error, not a bare 401. */
static bool refused_ticket(const struct check *check, bool *ret_named)
{
    static const char error[] = "(KRB-ERROR ";
    *ret_named = false;
    if (check_failed(check, CAUSE_TICKET_REFUSED)) {
        *ret_named = check->fault.origin == ORIGIN_KRB5;
        return !*ret_named || is_key_error(check->fault.code);
    }
    const char *words = check_is_good(check) ? check_get_text(check, "auth.kerberos", "") : "";
    const char *at = strstr(words, error);
    if (at != NULL) {
        *ret_named = true;
        return strncmp(words, "the service ", 12) == 0 &&
               is_key_error(strtol(at + sizeof error - 1, NULL, 10));
    }
    return text_starts_nocase(words, "the server refuses the Kerberos ticket") ||
           text_starts_nocase(words, "the server answered our ticket with a refusal");
}

static void say_owner(struct spn_search *search, const char *entry)
{
    if (!entry_is_of(entry, search->spn))
        return;
    search->found++;
    match_say(search->scan, search->match,
        "the directory gives %s to %s: with its key the KDC makes the ticket", search->spn,
        scan_owners(search->scan, entry + strlen(search->spn) + 3));
}

static void say_missing(struct spn_search *search, const char *entry)
{
    if (text_equal_nocase(entry, search->spn))
        match_say(search->scan, search->match,
            "no object has %s as such: the KDC takes the computer account with HOST/ of that name",
            search->spn);
}

static void say_owners(struct scan *scan, struct match *match, const char *spn)
{
    struct spn_search search = {.scan = scan, .match = match, .spn = spn};
    each_entry(&search, "spn.owners", say_owner);
    if (search.found == 0)
        each_entry(&search, "spn.missing", say_missing);
}

/* Where one server reads the ticket and another does not, the key is not on all of them. */
static void say_who_reads(struct scan *scan, struct match *match, const struct endpoint *refusing)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        const char *address = chain->endpoint.address;
        if (strcmp(chain->endpoint.host, refusing->host) != 0 || address == NULL ||
            refusing->address == NULL || strcmp(address, refusing->address) == 0 ||
            !check_is_good(logon) ||
            strcmp(check_get_text(logon, "auth.scheme", ""), "Kerberos") != 0)
            continue;
        const char *node = chain_node(chain);
        match_say(scan, match, "%s (%s) reads a ticket for the same name",
            node != NULL ? node : refusing->host, address);
    }
}

static void when_ticket_refused(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct endpoint *endpoint = &chain->endpoint;
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        bool directory = endpoint->service == SERVICE_LDAP || endpoint->service == SERVICE_GC;
        bool named;
        if (!refused_ticket(logon, &named) || (!named && !clocks_agree(scan->survey)))
            continue;
        const char *spn =
            arena_printf(scan->arena, "%s/%s", directory ? "ldap" : "HTTP", endpoint->host);
        if (has_two_owners(scan, spn))
            continue; /* A18 */
        struct match *match = scan_match_list(scan, "service principal", spn);
        match_cite(scan, match, chain, logon);
        if (check_is_good(logon))
            match_say(scan, match, "%s: %s; then %s", spn,
                check_get_text(logon, "auth.kerberos", ""), logon->summary);
        if (!named)
            match_say(scan, match,
                "the refusal carries no Kerberos error; 41 (KRB_AP_ERR_MODIFIED) would be the "
                "proof: look for event 4 of source Security-Kerberos on the client");
        say_owners(scan, match, spn);
        say_who_reads(scan, match, endpoint);
    }
}

/* ---- A18 ---- */

static void say_owners_of_duplicate(struct scan *scan, struct match *match, const char *entry)
{
    const char *spn = principal_of(scan, entry);
    match_say(scan, match, "%s belongs to %s", spn, scan_owners(scan, entry + strlen(spn) + 3));
}

static void cite_duplicates(struct scan *scan, const struct chain *chain, const struct check *check)
{
    const struct fact *fact = check_fact(check, "spn.duplicates");
    for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++) {
        if (strstr(fact->list[i], " | ") == NULL)
            continue;
        struct match *match =
            scan_match_list(scan, "service principal", principal_of(scan, fact->list[i]));
        match_cite(scan, match, chain, check);
        say_owners_of_duplicate(scan, match, fact->list[i]);
    }
}

static void when_two_owners(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *spn = web_principal(chain, at);
            if (check_failed(at, CAUSE_SPN_DUPLICATE) && spn != NULL)
                match_cite(scan, scan_match_list(scan, "service principal", spn), chain, at);
            else if (check_answered(at))
                cite_duplicates(scan, chain, at);
        }
    }
}

/* Some KDCs say 7, as if nobody had it, where two have. */
static bool two_owners_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct chain *chain = survey_chain_of(survey, check);
    const char *spn = web_principal(chain, check);
    if (check_failed(check, CAUSE_SPN_UNKNOWN) && spn != NULL && match_names(match, spn))
        return true;
    if (check->layer == LAYER_AUTH && check_failed(check, CAUSE_TICKET_REFUSED))
        return strstr(match->component, chain->endpoint.host) != NULL;
    return fallback_explains(survey, match, check);
}

/* ---- A19 ---- */

/* [MS-KILE] 2.2.7: the bits of msDS-SupportedEncryptionTypes. */
static const char *etype_names(struct scan *scan, long value)
{
    static const struct {
        long bit;
        const char *name;
    } bits[] = {{0x1 | 0x2, "DES"}, {0x4, "RC4"}, {0x8, "AES128"}, {0x10, "AES256"}};
    const char *names = "";
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if ((value & bits[i].bit) != 0)
            names = arena_printf(
                scan->arena, "%s%s%s", names, *names != '\0' ? ", " : "", bits[i].name);
    }
    return *names != '\0' ? names : "none set: the domain's default";
}

/* "CN=… | 28" */
static void say_etypes(struct spn_search *search, const char *entry)
{
    const char *value = strstr(entry, " | ");
    if (value == NULL)
        return;
    long bits = strtol(value + 3, NULL, 10);
    match_say(search->scan, search->match, "msDS-SupportedEncryptionTypes of %s is %ld (%s)",
        principal_of(search->scan, entry), bits, etype_names(search->scan, bits));
}

static void when_no_common_etype(struct scan *scan)
{
    struct match *match = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *spn = web_principal(chain, at);
            if (!check_failed(at, CAUSE_ENCRYPTION_TYPE) || spn == NULL)
                continue;
            match = scan_match_list(scan, "service principal", spn);
            match_cite(scan, match, chain, at);
            say_owners(scan, match, spn);
        }
    }
    struct spn_search search = {.scan = scan, .match = match};
    if (match != NULL)
        each_entry(&search, "spn.etypes", say_etypes);
}

#define KERBEROS_LOAD_BALANCED \
    "Microsoft: Kerberos authentication for load-balanced Client Access services"

const struct rule rules_kerberos[] = {
    {
        .id = "A16",
        .layer = LAYER_AUTH,
        .title = "Kerberos cannot be used: the directory has no service principal for the name",
        .severity = SEVERITY_WARN,
        .when = when_no_spn,
        .explains = fallback_explains,
        .cause =
            "No account in the directory owns the service principal HTTP/NAME, so the KDC gives no "
            "ticket for it. Clients fall back to NTLM: slower, more load on domain controllers, "
            "and "
            "broken where NTLM is switched off.",
        .looks_like =
            "TGS-REQ for HTTP/NAME answered with KDC_ERR_S_PRINCIPAL_UNKNOWN (7), while the server "
            "offers Negotiate and NTLM works.",
        .fix = {"Give the names to the alternate service account that all servers share: "
                "RollAlternateServiceAccountPassword.ps1, then setspn -S HTTP/{host} DOMAIN\\ASA$",
            "With one server only: setspn -S HTTP/{host} SERVER$",
            "Check that the names are not CNAMEs: clients ask for the name behind a CNAME."},
        .references = {KERBEROS_LOAD_BALANCED, KDC_CODES},
    },
    {
        .id = "A17",
        .layer = LAYER_AUTH,
        .title = "The service cannot read the Kerberos tickets made for its name",
        .severity = SEVERITY_WARN,
        .when = when_ticket_refused,
        .cause =
            "A ticket is encrypted with the key of the account that owns the service principal. "
            "The server that got it runs with another key: the principal is registered on the "
            "wrong account, or the alternate service account is not on this server, or its "
            "password differs there. Clients fall back to NTLM, where it is allowed; now and then "
            "they ask for a password for no reason anybody sees.",
        .looks_like =
            "The KDC issues the ticket; the server answers it with KRB_AP_ERR_MODIFIED (41) in its "
            "SPNEGO token, or with a bare 401. Often one node of a pool reads it and another does "
            "not. Clocks that differ give 37.",
        .fix = {"See who owns it: setspn -Q HTTP/{host}; take it from an account that is not the "
                "server's: setspn -D HTTP/{host} DOMAIN\\WRONG",
            "Give every server the same alternate service account with the same password: "
            "RollAlternateServiceAccountPassword.ps1 -CopyFrom SERVER -ToArrayMembers ARRAY",
            "Check it: Get-ClientAccessService -IncludeAlternateServiceAccountCredentialStatus",
            "Wait for replication, then purge old tickets on the clients: klist purge"},
        .references = {KERBEROS_LOAD_BALANCED, "RFC 4120 7.5.9 KRB_AP_ERR_MODIFIED"},
    },
    {
        .id = "A18",
        .layer = LAYER_AUTH,
        .title = "Kerberos is unreliable: two accounts own the same service principal",
        .severity = SEVERITY_WARN,
        .when = when_two_owners,
        .explains = two_owners_explains,
        .cause =
            "A service principal must belong to one account of the forest. With two the KDC cannot "
            "tell whose key to use: it refuses the ticket, or takes one, which may be the wrong "
            "one. That happens when a name moves from an old server to an alternate service "
            "account and is not taken from the old one.",
        .looks_like =
            "A search for servicePrincipalName=HTTP/NAME in the global catalogue finds two "
            "objects. The KDC answers KDC_ERR_PRINCIPAL_NOT_UNIQUE (8), or 7 as if there were "
            "none; it logs event 11.",
        .fix = {"List them: setspn -X -F; setspn -Q HTTP/{host}",
            "Take it from the account that does not run the service: setspn -D HTTP/{host} "
            "DOMAIN\\OLD",
            "Register with setspn -S from now on: it looks for duplicates first, -A does not."},
        .references = {"Microsoft: setspn", "Microsoft: event 11, duplicate service principal name",
            KDC_CODES},
    },
    {
        .id = "A19",
        .layer = LAYER_AUTH,
        .title = "Kerberos cannot be used: the service's account has no key of a type that is "
                 "still allowed",
        .severity = SEVERITY_WARN,
        .when = when_no_common_etype,
        .explains = fallback_explains,
        .cause =
            "The account behind the service principal has only keys of a type that the KDC or this "
            "client no longer uses, mostly RC4. RC4 was switched off, or the account was made "
            "before AES and has not changed its password since. Clients fall back to NTLM.",
        .looks_like =
            "TGS-REQ for HTTP/NAME answered with KDC_ERR_ETYPE_NOSUPP (14). "
            "msDS-SupportedEncryptionTypes of the owner lacks 0x8 (AES128) and 0x10 (AES256); "
            "event 27 or 16 on the domain controller.",
        .fix = {"Allow AES for the account: Set-ADComputer ASA -KerberosEncryptionType "
                "AES128,AES256 (Set-ADUser, Set-ADServiceAccount alike); 28 keeps RC4 besides, 24 "
                "does not.",
            "Then give it a new password, for AES keys come only with one: "
            "RollAlternateServiceAccountPassword.ps1 for the alternate service account.",
            "Check the client: permitted_enctypes in krb5.conf, or the policy \"Configure "
            "encryption types allowed for Kerberos\"."},
        .references = {"[MS-KILE] 2.2.7 supported encryption types", KDC_CODES},
    },
};

RULES_COUNT(rules_kerberos);
