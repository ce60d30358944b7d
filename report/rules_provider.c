#include "report/rules.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "report/profile.h"
#include "report/rule_mapi.h"

/* The two codes of MAPI programs that name no cause: "the network" and "one of my providers". Where
 * the cause is found they only echo it: what the program will say. */

/* ---- M20 ---- */

/* The store itself answers so: then it is behind it. */
static void cite_answers(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (mapi_code(at) != EC_NETWORK_ERROR)
                continue;
            struct match *match = scan_matchf(scan, "servers behind %s", chain->endpoint.host);
            match_cite(scan, match, chain, at);
            match_say(scan, match,
                "from here to the store every step works: name, connection, TLS, HTTP and logon");
        }
    }
}

/* The check that ends the row before anybody could log on, or NULL. */
static const struct check *low_break(const struct chain *chain)
{
    for (int layer = LAYER_DNS; layer <= LAYER_HTTP; layer++) {
        const struct check *cell = chain_cell(chain, (enum layer)layer);
        if (cell != NULL && cell->outcome == OUTCOME_FAIL)
            return cell;
    }
    return NULL;
}

static bool all_break_low(const struct survey *survey, enum service service)
{
    bool any = false;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service != service)
            continue;
        if (check_is_good(chain_cell(chain, LAYER_HTTP)))
            return false;
        any |= low_break(chain) != NULL;
    }
    return any;
}

/* No row of a service that the profile needs gets as far as a logon. */
static void echo_low_breaks(struct scan *scan, enum service service)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *broken = low_break(chain);
        if (chain->endpoint.service != service || broken == NULL)
            continue;
        struct match *match = scan_match_list(scan, "MAPI programs over", service_title(service));
        match->echo = ECHO_ALWAYS;
        match_cite(scan, match, chain, broken);
        match_say(scan, match,
            "a MAPI program says 0x80040115 whichever step it is; the first that fails is %s",
            broken->probe);
    }
}

static void when_network_error(struct scan *scan)
{
    struct service_state states[SERVICE_COUNT];
    static const enum service services[] = {SERVICE_RPC, SERVICE_MAPI};
    profile_judge(scan->survey, states);
    cite_answers(scan);
    for (size_t i = 0; i < 2; i++) {
        if (states[services[i]].needed && !states[services[i]].works &&
            all_break_low(scan->survey, services[i]))
            echo_low_breaks(scan, services[i]);
    }
}

/* ---- M21 ---- */

/* Somebody whom the address book does not list is not its failure. */
static bool book_fails(const struct check *book)
{
    return book != NULL && book->outcome == OUTCOME_FAIL && !check_failed(book, CAUSE_NO_OBJECT) &&
           !check_failed(book, CAUSE_AMBIGUOUS);
}

/* The store's own refusal to open the account's own mailbox, or NULL. */
static const struct check *store_failure(const struct chain *chain)
{
    static const char *const steps[] = {"connect", "mailbox"};
    for (size_t i = 0; i < 2; i++) {
        const struct check *check = mapi_check(chain, steps[i]);
        if (check != NULL && check->outcome == OUTCOME_FAIL)
            return mapi_code(check) != EC_NONE ? check : NULL;
    }
    return NULL;
}

static void cite_provider(struct scan *scan, const struct chain *chain, const struct check *broken,
    const struct check *works)
{
    bool book = mapi_is(broken, "book");
    const char *provider = book ? "address book" : "store", *host = chain->endpoint.host;
    struct match *match =
        scan_match(scan, provider, arena_printf(scan->arena, "%s of %s", provider, host));
    if (!match_names(match, host))
        match->component = arena_printf(scan->arena, "%s, %s", match->component, host);
    match->echo = ECHO_IF_EXPLAINED;
    match_cite(scan, match, chain, broken);
    match_say(scan, match, "the %s works: %s", book ? "store" : "address book", works->summary);
}

static void when_one_provider(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *book = mapi_check(chain, "book"),
                           *mailbox = mapi_check(chain, "mailbox");
        const struct check *store = store_failure(chain);
        if (!is_mapi(chain))
            continue;
        if (book_fails(book) && check_is_good(mailbox))
            cite_provider(scan, chain, book, mailbox);
        else if (store != NULL && check_is_good(book))
            cite_provider(scan, chain, store, book);
    }
}

const struct rule rules_provider[] = {
    {
        .id = "M20",
        .layer = LAYER_PROTOCOL,
        .title = "MAPI programs report MAPI_E_NETWORK_ERROR, which names no cause",
        .severity = SEVERITY_FAIL,
        .when = when_network_error,
        .cause =
            "0x80040115 is what MAPI makes of every trouble below it: a name that does not "
            "resolve, a closed port, a certificate, a proxy, a server that is down. The code alone "
            "never says where. Look at the first cell of the row that fails, and at the finding "
            "for it. If the store itself answers so, all is well up to it, and the server could "
            "not reach what is behind: its directory, another server, the database.",
        .looks_like =
            "A program or its log shows MAPI_E_NETWORK_ERROR, 0x80040115, -2147221227. On "
            "the wire: anything, or an answer of the store with this code.",
        .fix = {"Mend what the first failing step names: exreach {address} shows it in the row of "
                "MAPI over HTTP or RPC over HTTP.",
            "The store itself says it: look at the Application log of the mailbox server "
            "(MSExchangeIS, MSExchange ADAccess) at this time; Test-ServiceHealth; "
            "Get-MailboxDatabaseCopyStatus"},
        .references = {OXCDATA_CODES, "Microsoft: MAPI return codes, MAPI_E_NETWORK_ERROR"},
    },
    {
        .id = "M21",
        .layer = LAYER_PROTOCOL,
        .title = "One provider of a MAPI profile works and the other does not "
                 "(MAPI_E_FAILONEPROVIDER)",
        .severity = SEVERITY_FAIL,
        .when = when_one_provider,
        .cause =
            "A MAPI profile has two providers, the message store and the address book, and a "
            "program says 0x8004011D when one of them fails. exreach asks both on their own: the "
            "finding names the one that fails, its cause is that one's. If both work here, the "
            "program holds too many sessions: MAPI/CDO hosts that never log off use up the limit "
            "of 32 sessions of an account.",
        .looks_like = "NSPI binds and the store refuses, or the store opens and NspiBind or a call "
                      "after it fails. The program: MAPI_E_FAILONEPROVIDER, 0x8004011D.",
        .fix = {"The address book fails: restart its service (MSExchangeAB on Exchange 2010, the "
                "application pools MSExchangeMapiAddressBookAppPool and MSExchangeRpcProxyAppPool "
                "later); look whether the server reaches a global catalogue.",
            "The store fails: its answer, in the evidence, has the code and its words; the mailbox "
            "server's Application log (MSExchangeIS) has more of the same minute.",
            "Both work in exreach: restart the MAPI/CDO host program, which frees its sessions.",
            "See each alone: exreach probe mapi {address} and exreach probe rpc {address}"},
        .references = {"Microsoft: MAPI return codes, MAPI_E_FAILONEPROVIDER",
            "[MS-OXNSPI] 3.1.4.1.1 NspiBind"},
    },
};

RULES_COUNT(rules_provider);
