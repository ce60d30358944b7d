#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"

/* What resolvers make of a name: two answers for one name, and aliases. */

static bool is_front_end(const struct endpoint *endpoint)
{
    return endpoint->service >= SERVICE_AUTODISCOVER;
}

static bool no_such_name(const struct check *check)
{
    return check_failed(check, CAUSE_NAME_NOT_FOUND) || check_failed(check, CAUSE_NAME_NO_DATA);
}

/* ---- N02 ---- */

static bool is_of_addresses(const struct lookup *lookup)
{
    return strcmp(lookup->type, "A") == 0 || strcmp(lookup->type, "AAAA") == 0;
}

/* NOERROR and NXDOMAIN are answers; failures and silence prove nothing. */
static bool has_answered(const struct lookup *lookup)
{
    return lookup->rcode == 0 || lookup->rcode == 3;
}

static bool has_record(const struct lookup *lookup, const char *record)
{
    for (size_t i = 0; i < lookup->count; i++) {
        if (text_equal_nocase(lookup->records[i], record))
            return true;
    }
    return false;
}

static size_t common_records(const struct lookup *a, const struct lookup *b)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += has_record(b, a->records[i]) ? 1 : 0;
    return count;
}

/* As sets: the order is round robin's. Of a list cut short nobody knows what is missing. */
static bool differ(const struct lookup *a, const struct lookup *b)
{
    size_t common = common_records(a, b);
    if (a->dropped > 0 || b->dropped > 0)
        return common == 0;
    return common != a->count || common_records(b, a) != b->count;
}

/* A name by which clients reach Exchange. The mail domain itself is another thing inside (domain
 * controllers) than outside (a web site), a guessed name anything: both only where Exchange
 * answers there. */
static bool is_name_of_service(const struct survey *survey, const char *name)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct endpoint *endpoint = &chain->endpoint;
        const struct check *offer = chain_cell(chain, LAYER_HTTP);
        bool doubtful = endpoint->sources == 1u << SOURCE_GUESS ||
                        text_equal_nocase(endpoint->host, survey->target.domain);
        if (is_front_end(endpoint) && text_equal_nocase(endpoint->host, name) &&
            (!doubtful || (offer != NULL && offer->outcome == OUTCOME_PASS)))
            return true;
    }
    return false;
}

/* Names of domain controllers do not belong into the public DNS: only two different answers count.
 */
static bool is_name_of_controller(const struct survey *survey, const char *name)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (!is_front_end(&chain->endpoint) && chain->endpoint.service != SERVICE_DNS &&
            text_equal_nocase(chain->endpoint.host, name))
            return true;
    }
    return false;
}

static bool is_disagreement(
    const struct survey *survey, const struct lookup *a, const struct lookup *b)
{
    if (!is_of_addresses(a) || strcmp(a->type, b->type) != 0 || !has_answered(a) ||
        !has_answered(b) || !text_equal_nocase(a->name, b->name) ||
        strcmp(a->resolver, b->resolver) == 0 || !differ(a, b))
        return false;
    return is_name_of_service(survey, a->name) ||
           (a->count > 0 && b->count > 0 && is_name_of_controller(survey, a->name));
}

/* RFC 1918, RFC 4193, link-local and loopback; in a redacted survey an address is a word. */
static bool is_private(const char *address)
{
    static const char *const prefixes[] = {
        "10.", "192.168.", "127.", "169.254.", "fc", "fd", "fe80:", "::1"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (text_starts_nocase(address, prefixes[i]))
            return true;
    }
    for (int i = 16; i < 32; i++) {
        const char prefix[] = {
            '1', '7', '2', '.', (char)('0' + i / 10), (char)('0' + i % 10), '.', '\0'};
        if (text_starts_nocase(address, prefix))
            return true;
    }
    return false;
}

static bool is_public(const char *address)
{
    return !is_private(address) && strpbrk(address, ".:") != NULL &&
           strspn(address, "0123456789abcdefABCDEF.:") == strlen(address);
}

static void say_side(struct scan *scan, struct match *match, const struct lookup *lookup)
{
    const char *list = "";
    for (size_t i = 0; i < lookup->count && i < 8; i++)
        list = arena_printf(scan->arena, "%s%s%s", list, i > 0 ? ", " : "", lookup->records[i]);
    if (lookup->count > 0)
        match_say(scan, match, "%s says that %s (%s) is %s", lookup->resolver, lookup->name,
            lookup->type, list);
    else
        match_say(scan, match, "%s says that %s %s (%s)", lookup->resolver, lookup->name,
            lookup->rcode == 3 ? "does not exist" : "has no address", lookup->type);
}

/* It is in one resolver's answer and not in another's. */
static bool is_disputed(const struct survey *survey, const char *name, const char *address)
{
    bool told = false, denied = false;
    for (const struct lookup *at = survey->lookups; at != NULL; at = at->next) {
        if (is_of_addresses(at) && has_answered(at) && text_equal_nocase(at->name, name))
            told |= has_record(at, address);
    }
    for (const struct lookup *at = survey->lookups; told && at != NULL; at = at->next) {
        if (!is_of_addresses(at) || !has_answered(at) || !text_equal_nocase(at->name, name))
            continue;
        bool other_kind = strcmp(at->type, "AAAA") == 0 ? strchr(address, ':') == NULL
                                                        : strchr(address, ':') != NULL;
        denied |= !other_kind && !has_record(at, address);
    }
    return denied;
}

/* How a row fails that was sent to the wrong place. */
static const struct check *failed_place(const struct chain *chain)
{
    const struct check *connect = chain_cell(chain, LAYER_TCP);
    const struct check *tls = chain_cell(chain, LAYER_TLS), *offer = chain_cell(chain, LAYER_HTTP);
    if (connect != NULL && connect->outcome == OUTCOME_FAIL)
        return connect;
    if (tls != NULL && tls->outcome == OUTCOME_FAIL && tls->fault.cause == CAUSE_CERT_NAME)
        return tls;
    return offer != NULL && offer->outcome == OUTCOME_FAIL &&
                   offer->fault.cause == CAUSE_NOT_EXCHANGE
               ? offer
               : NULL;
}

static void cite_rows(struct scan *scan, struct match *match, const char *name)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_DNS);
        const char *address = chain->endpoint.address;
        if (!text_equal_nocase(chain->endpoint.host, name) ||
            (!check_is_good(cell) && !no_such_name(cell)))
            continue;
        match_cite(scan, match, chain, cell);
        const struct check *failed = failed_place(chain);
        if (failed == NULL || address == NULL || match_cites(match, failed) ||
            !is_disputed(scan->survey, name, address))
            continue;
        match_cite(scan, match, chain, failed);
        match_explain(scan, match, failed);
    }
}

static bool was_answered(const struct survey *survey, const char *name)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_DNS);
        if (text_equal_nocase(chain->endpoint.host, name) &&
            (check_is_good(cell) || no_such_name(cell)))
            return true;
    }
    return false;
}

static void when_split(struct scan *scan)
{
    for (const struct lookup *a = scan->survey->lookups; a != NULL; a = a->next) {
        for (const struct lookup *b = a->next; b != NULL; b = b->next) {
            if (!is_disagreement(scan->survey, a, b) || !was_answered(scan->survey, a->name))
                continue;
            struct match *match = scan_match_list(scan, "name", a->name);
            say_side(scan, match, a);
            say_side(scan, match, b);
            bool apart = a->count > 0 && b->count > 0 &&
                         ((is_private(a->records[0]) && is_public(b->records[0])) ||
                             (is_public(a->records[0]) && is_private(b->records[0])));
            if (apart)
                match_say(scan, match,
                    "one address is private, the other public: a zone for the inside and one for "
                    "the outside");
            cite_rows(scan, match, a->name);
        }
    }
}

/* ---- N07 ---- */

/* "HTTP/mail.contoso.test | CN=…": the owner's name behind the bar; NULL: not listed. */
static const char *owner_of(const struct survey *survey, const char *spn)
{
    size_t length = strlen(spn);
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *check = chain_check(chain, "gc.spn");
        const struct fact *owners = check_is_good(check) ? check_fact(check, "spn.owners") : NULL;
        for (size_t i = 0; owners != NULL && owners->type == FACT_LIST && i < owners->count; i++) {
            if (text_starts_nocase(owners->list[i], spn) &&
                strncmp(owners->list[i] + length, " | ", 3) == 0)
                return owners->list[i] + length + 3;
        }
    }
    return NULL;
}

/* HTTP/name, else HOST/name, which stands for it ([MS-ADTS] sPNMappings). */
static const char *web_owner(struct scan *scan, const char *host)
{
    const char *owner = owner_of(scan->survey, arena_printf(scan->arena, "HTTP/%s", host));
    return owner != NULL ? owner
                         : owner_of(scan->survey, arena_printf(scan->arena, "HOST/%s", host));
}

/* The check that searched for this SPN and found no owner. */
static const struct chain *spn_is_missing(struct scan *scan, const char *host)
{
    const char *spn = arena_printf(scan->arena, "HTTP/%s", host);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *check = chain_check(chain, "gc.spn");
        const struct fact *missing = check_is_good(check) ? check_fact(check, "spn.missing") : NULL;
        for (size_t i = 0; missing != NULL && missing->type == FACT_LIST && i < missing->count;
             i++) {
            if (text_equal_nocase(missing->list[i], spn))
                return chain;
        }
    }
    return NULL;
}

static const struct chain *ticket_row(const struct survey *survey, const char *host)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const char *subject = chain->endpoint.subject;
        if (subject != NULL && text_starts_nocase(subject, "HTTP/") &&
            text_equal_nocase(subject + strlen("HTTP/"), host))
            return chain;
    }
    return NULL;
}

static const struct check *ticket_of(const struct survey *survey, const char *host)
{
    const struct chain *chain = ticket_row(survey, host);
    return chain != NULL ? chain_check(chain, "kerberos.ticket") : NULL;
}

static const struct chain *spn_row(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (check_is_good(chain_check(chain, "gc.spn")))
            return chain;
    }
    return NULL;
}

/* The alias has its principal, what it leads to has none, or another account's. */
static void judge_alias(
    struct scan *scan, const struct chain *chain, const struct check *name, const char *target)
{
    const struct survey *survey = scan->survey;
    const char *alias = chain->endpoint.host;
    const char *own = web_owner(scan, alias), *other = web_owner(scan, target);
    const struct check *ticket = ticket_of(survey, target);
    const struct chain *search = spn_is_missing(scan, target);
    /* of several owners (A18) none is the one */
    bool single =
        own != NULL && other != NULL && strstr(own, " | ") == NULL && strstr(other, " | ") == NULL;
    bool stranger = single && !text_equal_nocase(own, other);
    bool nobody = search != NULL && other == NULL && !check_is_good(ticket);
    bool refused = check_failed(ticket, CAUSE_SPN_UNKNOWN);
    if ((own == NULL && !check_is_good(ticket_of(survey, alias))) ||
        (!stranger && !nobody && !refused))
        return;
    struct match *match = scan_match(
        scan, alias, arena_printf(scan->arena, "name %s, an alias of %s", alias, target));
    match_cite(scan, match, chain, name);
    match_say(scan, match, "%s is an alias (CNAME) of %s", alias, target);
    if (refused) {
        match_cite(scan, match, ticket_row(survey, target), ticket);
        match_explain(scan, match, ticket);
    }
    if (nobody)
        match_cite(scan, match, search, chain_check(search, "gc.spn"));
    if (nobody || refused)
        match_say(scan, match, "no account owns HTTP/%s", target);
    if (own != NULL && !stranger)
        match_say(scan, match, "HTTP/%s belongs to %s", alias, own);
    if (stranger) {
        search = spn_row(survey);
        match_cite(scan, match, search, chain_check(search, "gc.spn"));
        match_say(scan, match, "HTTP/%s belongs to %s, HTTP/%s to %s", alias, own, target, other);
    }
}

static void when_alias(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *name = chain_cell(chain, LAYER_DNS);
        const struct fact *aliases = check_is_good(name) ? check_fact(name, "dns.cname") : NULL;
        if (!is_front_end(&chain->endpoint) || aliases == NULL || aliases->type != FACT_LIST ||
            aliases->count == 0)
            continue;
        const char *target = aliases->list[aliases->count - 1];
        if (!text_equal_nocase(target, chain->endpoint.host))
            judge_alias(scan, chain, name, target);
    }
}

const struct rule rules_zone[] = {
    {
        .id = "N02",
        .layer = LAYER_DNS,
        .title = "Two resolvers give different answers for the name",
        .severity = SEVERITY_WARN,
        .when = when_split,
        .cause =
            "The zone exists twice, for the inside and for the outside, and the two do not say the "
            "same. Which server a client reaches then depends on the resolver it happens to ask: "
            "it works in one network and not in the other, or changes with the VPN.",
        .looks_like =
            "The same name and type, two resolvers: other addresses, a private address against a "
            "public one, or NXDOMAIN against an address. Another order (round robin) or TTL is no "
            "difference; SERVFAIL, REFUSED or silence is a resolver's own trouble.",
        .fix = {"Decide which addresses clients in this network are to reach, and enter the same "
                "in both zones: dig {host} @RESOLVER for each.",
            "Where only this name has to differ, make an internal zone of the name alone "
            "(pin-point zone {host}) instead of a copy of the whole domain.",
            "A host that has resolvers of both kinds gets either answer: let it ask one kind "
            "only."},
        .references = {"RFC 8499 6: split DNS",
            "Microsoft: DNS policy for split-brain DNS deployment"},
    },
    {
        .id = "N07",
        .layer = LAYER_DNS,
        .title = "The name is an alias, and Kerberos clients ask a ticket for another name",
        .severity = SEVERITY_WARN,
        .when = when_alias,
        .cause =
            "The name is a CNAME. Many clients (Internet Explorer's engine, older Outlook, Java, "
            "MIT Kerberos with dns_canonicalize_hostname) follow it first and ask a ticket for the "
            "name they end at. Nobody owns a service principal of that name, or another account "
            "does, so that they fall back to NTLM or fail, while those that ask for the name as "
            "it is written get through.",
        .looks_like =
            "The answer for the name begins with a CNAME; HTTP/TARGET has no owner in the "
            "directory (TGS-REQ: KDC_ERR_S_PRINCIPAL_UNKNOWN), or another one than HTTP/NAME. "
            "Where HTTP/NAME itself is missing it is the service principal, not the alias.",
        .fix = {"Make {host} an A record with the address of the service; Microsoft recommends "
                "that for names of Kerberos services.",
            "Or give the target's name to the same account: setspn -S HTTP/TARGET DOMAIN\\ASA$",
            "See it by hand: nslookup {host}; klist get HTTP/TARGET"},
        .references =
            {"Microsoft: Kerberos authentication for load-balanced Client Access services",
                "RFC 4120 1.3: canonicalisation by DNS is insecure"},
    },
};

RULES_COUNT(rules_zone);
