#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/rule_directory.h"

/* Which domain controller has the account's object, and whether they agree about it. */

bool is_directory(const struct chain *chain)
{
    return chain->endpoint.service == SERVICE_LDAP || chain->endpoint.service == SERVICE_GC;
}

const char *controller_of(const struct chain *chain)
{
    const char *node = chain_node(chain);
    return node != NULL ? node : chain->endpoint.host;
}

/* The search for the account's object on a row of the directory, where it was answered. */
static const struct check *account_of(const struct chain *chain)
{
    const struct check *check = is_directory(chain) ? chain_check(chain, "ldap.account") : NULL;
    return check_answered(check) ? check : NULL;
}

static const char *dn_of(const struct chain *chain)
{
    const struct check *account = account_of(chain);
    return check_is_good(account) ? check_get_text(account, "account.dn", NULL) : NULL;
}

/* The row's server holds objects of this name: a Global Catalog those of the whole forest. */
static bool holds(const struct chain *chain, const char *dn)
{
    if (chain->endpoint.service == SERVICE_GC)
        return true;
    const struct check *root = chain_check(chain, "ldap.rootdse");
    const char *base =
        check_is_good(root) ? check_get_text(root, "ldap.naming_context", NULL) : NULL;
    if (base == NULL || !text_ends_nocase(dn, base))
        return false;
    /* DC=contoso,DC=test does not hold what is in DC=child,DC=contoso,DC=test */
    const char *domain = text_find_nocase(dn, ",DC=");
    return domain != NULL && strlen(domain + 1) == strlen(base);
}

/* ---- D01 ---- */

/* Who finds the account, a Global Catalog first; NULL: nobody. */
static const struct chain *finder_of(const struct survey *survey)
{
    const struct chain *finder = NULL;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (dn_of(chain) == NULL)
            continue;
        if (chain->endpoint.service == SERVICE_GC)
            return chain;
        finder = finder != NULL ? finder : chain;
    }
    return finder;
}

static void when_elsewhere(struct scan *scan)
{
    const struct chain *finder = finder_of(scan->survey);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *account = account_of(chain);
        bool absent = check_failed(account, CAUSE_NO_OBJECT) && finder != NULL &&
                      !holds(chain, dn_of(finder));
        if (chain->endpoint.service != SERVICE_LDAP ||
            (!absent && !check_failed(account, CAUSE_REFERRAL)))
            continue;
        struct match *match = scan_match_list(scan, "account search on", controller_of(chain));
        match_cite(scan, match, chain, account);
        if (finder == NULL) {
            match_say(scan, match, "no other server was seen that finds it");
            continue;
        }
        match_tell(scan, match, "but ", finder, account_of(finder));
        match_say(scan, match, "the object is %s", dn_of(finder));
    }
}

/* ---- D13 ---- */

static bool same_controller(const struct chain *a, const struct chain *b)
{
    return text_equal_nocase(controller_of(a), controller_of(b));
}

/* Two controllers have different states of one object, or one has none although it should. A GC
 * holds fewer attributes: what they say is held against other GCs only. */
static bool differ(const struct chain *a, const struct chain *b)
{
    if (same_controller(a, b))
        return false;
    const struct check *ours = account_of(a), *theirs = account_of(b);
    if (check_is_good(ours) && check_is_good(theirs)) {
        if (a->endpoint.service != b->endpoint.service)
            return false;
        const char *one = check_get_text(ours, "account.fingerprint", NULL);
        const char *other = check_get_text(theirs, "account.fingerprint", NULL);
        return one != NULL && other != NULL && strcmp(one, other) != 0;
    }
    if (check_failed(ours, CAUSE_NO_OBJECT) && dn_of(b) != NULL)
        return holds(a, dn_of(b));
    return check_failed(theirs, CAUSE_NO_OBJECT) && dn_of(a) != NULL && holds(b, dn_of(a));
}

bool is_disputed(const struct survey *survey, const struct chain *chain, const struct check *check)
{
    if (!is_directory(chain))
        return false;
    for (const struct chain *other = survey->chains; other != NULL; other = other->next) {
        const struct check *theirs = chain_check(other, check->probe);
        if (theirs != NULL && theirs->outcome == OUTCOME_PASS && differ(chain, other))
            return true;
    }
    return false;
}

/* What every controller counts for itself, or what is no attribute. */
static bool is_local(const char *key)
{
    static const char *const keys[] = {"account.fingerprint", "account.when_changed", "account.usn",
        "account.bad_pwd_count", "account.locked", "account.matches"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return !text_starts_nocase(key, "account.") && !text_starts_nocase(key, "mailbox.");
}

static const char *value_of(struct scan *scan, const struct check *check, const char *key)
{
    const struct fact *fact = check_fact(check, key);
    if (fact == NULL)
        return "nothing";
    switch (fact->type) {
    case FACT_BOOL:
        return fact->boolean ? "yes" : "no";
    case FACT_INT:
        return arena_printf(scan->arena, "%" PRId64, fact->integer);
    case FACT_TEXT:
        return fact->text;
    case FACT_LIST:
        return scan_texts(scan, check, key);
    }
    return "";
}

struct pair {
    const struct chain *a, *b;
};

/* Every fact of the one that the other has not, or otherwise. A check that did not run on one side
 * says nothing. */
static int say_facts(
    struct scan *scan, struct match *match, const struct pair *pair, const char *probe)
{
    const struct check *sides[] = {chain_check(pair->a, probe), chain_check(pair->b, probe)};
    int count = 0;
    if (!check_answered(sides[0]) || !check_answered(sides[1]))
        return 0;
    for (int side = 0; side < 2; side++) {
        for (const struct fact *at = sides[side]->facts; at != NULL; at = at->next) {
            if (is_local(at->key) || (side == 1 && check_fact(sides[0], at->key) != NULL))
                continue;
            const char *one = value_of(scan, sides[0], at->key);
            const char *other = value_of(scan, sides[1], at->key);
            if (strcmp(one, other) == 0)
                continue;
            match_say(scan, match, "%s: %s has %s, %s has %s", at->key, controller_of(pair->a), one,
                controller_of(pair->b), other);
            count++;
        }
    }
    return count;
}

static void say_stamp(struct scan *scan, struct match *match, const struct chain *chain)
{
    const struct check *account = account_of(chain);
    const char *when = check_get_text(account, "account.when_changed", NULL);
    if (check_is_good(account) && when != NULL)
        match_say(scan, match,
            "%s last changed its copy at %s (whenChanged), uSNChanged %s of its own count",
            controller_of(chain), when, value_of(scan, account, "account.usn"));
}

/* The stamp that all rows of the controller carry; false: they carry several, or none. */
static bool stamp_of(const struct survey *survey, const struct chain *controller, int64_t *ret_time)
{
    const char *stamp = NULL;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const char *when = dn_of(at) == NULL || !same_controller(at, controller)
                               ? NULL
                               : check_get_text(account_of(at), "account.when_changed", NULL);
        if (when != NULL && stamp != NULL && strcmp(when, stamp) != 0)
            return false;
        stamp = when != NULL ? when : stamp;
    }
    return stamp != NULL && rfc3339_parse(stamp, ret_time);
}

/* The later whenChanged has the news; each controller sets it when the change reaches it. It is a
 * matter of two controllers, whichever of their rows differ. */
static void say_who_is_behind(struct scan *scan, struct match *match, const struct pair *pair)
{
    int64_t ours, theirs;
    if (dn_of(pair->a) == NULL || dn_of(pair->b) == NULL) {
        match_say(scan, match, "%s does not have the object at all",
            controller_of(dn_of(pair->a) == NULL ? pair->a : pair->b));
        return;
    }
    if (!stamp_of(scan->survey, pair->a, &ours) || !stamp_of(scan->survey, pair->b, &theirs) ||
        ours == theirs)
        return;
    match_say(scan, match, "%s is behind %s", controller_of(ours < theirs ? pair->a : pair->b),
        controller_of(ours < theirs ? pair->b : pair->a));
}

static void tell_pair(struct scan *scan, const struct pair *pair)
{
    static const char *const probes[] = {"ldap.account", "ldap.mailbox"};
    scan_match_list(scan, "account's object on", controller_of(pair->a));
    struct match *match = scan_match_list(scan, "account's object on", controller_of(pair->b));
    int facts = 0;
    match_cite(scan, match, pair->a, account_of(pair->a));
    match_cite(scan, match, pair->b, account_of(pair->b));
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
        facts += say_facts(scan, match, pair, probes[i]);
    if (facts == 0 && dn_of(pair->a) != NULL && dn_of(pair->b) != NULL)
        match_say(scan, match,
            "all that is shown is alike; an attribute differs of which only the digest is kept "
            "(account.fingerprint)");
    say_stamp(scan, match, pair->a);
    say_stamp(scan, match, pair->b);
    say_who_is_behind(scan, match, pair);
}

/* Each row is held against the first it differs from. */
static void when_replicas_differ(struct scan *scan)
{
    for (const struct chain *b = scan->survey->chains; b != NULL; b = b->next) {
        for (const struct chain *a = scan->survey->chains; a != b; a = a->next) {
            if (!differ(a, b))
                continue;
            tell_pair(scan, &(struct pair){a, b});
            break;
        }
    }
}

/* What one of them says of the object, and, where that is "no mailbox", Exchange's same words. */
static bool replicas_explain(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)match;
    const struct chain *chain = survey_chain_of(survey, check);
    if (is_directory(chain)) {
        /* one row of a run reads the object in full: it says what the mailbox's check says */
        const struct check *cell = is_recipient(check) ? chain_check(chain, "ldap.mailbox") : check;
        return check_is_bad(check) && check->layer >= LAYER_PROTOCOL && check->subject == NULL &&
               cell != NULL && is_disputed(survey, chain, cell);
    }
    if (!check_failed(check, CAUSE_NO_MAILBOX) || check->subject != NULL)
        return false;
    for (const struct chain *other = survey->chains; other != NULL; other = other->next) {
        const struct check *cell = chain_check(other, "ldap.mailbox");
        if (check_failed(cell, CAUSE_NO_MAILBOX) && is_disputed(survey, other, cell))
            return true;
    }
    return false;
}

const struct rule rules_replicas[] = {
    {
        .id = "D01",
        .layer = LAYER_PROTOCOL,
        .title = "The account is not in the domain that is searched",
        .severity = SEVERITY_WARN,
        .when = when_elsewhere,
        .cause =
            "A domain controller holds the objects of its own domain only. The account lives in "
            "another domain of the forest, so a search on the LDAP port finds nothing or is "
            "referred elsewhere, while the global catalogue, which has all domains, finds it. A "
            "program that searches one domain by LDAP does not find the account either.",
        .looks_like =
            "Search below the domain's naming context: result 10 (referral), or success with 0 "
            "entries; the same search on port 3268 or 3269 finds the object, with other DC parts "
            "in its name. Where a second controller of the same domain finds it, it is D13.",
        .fix = {"Let the application ask the global catalogue: port 3269 (TLS) or 3268, with an "
                "empty search base.",
            "Or give it a controller and a search base of the account's own domain; for exreach: "
            "--dc NAME",
            "The vendor's checklist wants account, server and Exchange in one domain (faq-8, "
            "faq-9)."},
        .references = {"[MS-ADTS] 3.1.1.3 referrals and the global catalogue",
            "RFC 4511 4.1.10 referral"},
    },
    {
        .id = "D13",
        .layer = LAYER_PROTOCOL,
        .title = "Domain controllers disagree about the account",
        .severity = SEVERITY_WARN,
        .when = when_replicas_differ,
        .explains = replicas_explain,
        .cause =
            "Two domain controllers have different copies of the account's object: a change has "
            "not reached one of them. Exchange, Outlook and the application each ask a controller "
            "of their own choice, so that the account works here and not there, or now and not "
            "then. Minutes after a change that is normal; it must not stay so.",
        .looks_like =
            "The same search on two controllers: attributes such as homeMDB, proxyAddresses, "
            "msExchHideFromAddressLists or userAccountControl differ, or one finds no object; "
            "whenChanged differs. uSNChanged is each controller's own count and differs always.",
        .fix = {"Wait for the interval between sites (15 minutes to 3 hours), then run exreach "
                "again.",
            "See what is stuck: repadmin /replsummary; repadmin /showrepl {host}",
            "Send it on now: repadmin /syncall {host} /AdeP",
            "What does not arrive at all: repadmin /showobjmeta {host} \"DN\" on both sides shows "
            "which attribute is old; look for lingering objects and for clocks (A20)."},
        .references = {"Microsoft: repadmin", "[MS-ADTS] 3.1.1.1.9 whenChanged, uSNChanged"},
    },
};

RULES_COUNT(rules_replicas);
