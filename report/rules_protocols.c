#include "report/rules.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/text.h"
#include "report/profile.h"
#include "report/rule_directory.h"
#include "report/rule_mapi.h"

/* Protocols that are switched off for one mailbox (Set-CASMailbox), now or since an earlier one. */

#define SERVICE(name) (1u << SERVICE_##name)

/* What a switch takes. A block that hits only some clients takes no service for sure. */
static const struct protocol {
    const char *name;
    unsigned services;
    bool matters;  /* also where the profile does not need it */
    uint32_t code; /* the store's own to who is blocked by it; 0: none */
} protocols[] = {
    {"MAPI", SERVICE(MAPI) | SERVICE(RPC), true, EC_NONE},
    {"MapiHttp", SERVICE(MAPI), false, EC_NONE},
    {"EWS", SERVICE(EWS), true, EC_NONE},
    {"OWA", SERVICE(OWA), true, EC_NONE},
    {"ECP", SERVICE(ECP), false, EC_NONE},
    {"ActiveSync", SERVICE(ACTIVESYNC), false, EC_NONE},
    {"MAPIBlockOutlookRpcHttp", SERVICE(RPC), true, EC_NONE},
    {"MAPIBlockOutlookNonCachedMode", 0, true, EC_CACHED_MODE_REQUIRED},
    {"MAPIBlockOutlookVersions", 0, true, EC_CLIENT_VERSION_DISALLOWED},
    {"MAPIBlockOutlookExternalConnectivity", 0, true, EC_NONE},
};

static const char *const switch_keys[] = {"recipient.protocols_off", "recipient.mapi_blocks"};
enum { SWITCH_KEYS = sizeof switch_keys / sizeof switch_keys[0] };

static unsigned needed_services(const struct survey *survey)
{
    struct service_state states[SERVICE_COUNT];
    unsigned needed = 0;
    profile_judge(survey, states);
    for (int i = 0; i < SERVICE_COUNT; i++)
        needed |= states[i].needed ? 1u << i : 0;
    return needed;
}

/* "MAPIBlockOutlookVersions -12.0" is a block with a value. */
static const struct protocol *protocol_of(const char *entry)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        size_t length = strlen(protocols[i].name);
        if (text_starts_nocase(entry, protocols[i].name) &&
            (entry[length] == '\0' || entry[length] == ' '))
            return &protocols[i];
    }
    return NULL;
}

/* POP3 and IMAP4 are mostly off and nobody's fault; what no profile asks for is none either. */
static bool matters(const char *entry, unsigned needed)
{
    const struct protocol *protocol = protocol_of(entry);
    return protocol != NULL && (protocol->matters || (protocol->services & needed) != 0);
}

/* Calls for every switch of the account's own mailbox; what they take, together. */
static unsigned taken_services(const struct check *recipient, unsigned needed, bool *ret_any)
{
    unsigned services = 0;
    *ret_any = false;
    for (size_t k = 0; k < SWITCH_KEYS; k++) {
        const struct fact *fact = check_fact(recipient, switch_keys[k]);
        for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++) {
            if (!matters(fact->list[i], needed))
                continue;
            *ret_any = true;
            services |= protocol_of(fact->list[i])->services;
        }
    }
    return services;
}

/* EWS has attributes of its own; all others are values of protocolSettings. */
static bool is_in_settings(const struct check *recipient, unsigned needed)
{
    for (size_t k = 0; k < SWITCH_KEYS; k++) {
        const struct fact *fact = check_fact(recipient, switch_keys[k]);
        for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++) {
            if (matters(fact->list[i], needed) &&
                protocol_of(fact->list[i])->services != SERVICE(EWS))
                return true;
        }
    }
    return false;
}

/* protocolSettings was written before this mailbox was made: it outlives Disable-Mailbox, and no
 * administrator of today set it. A minute for what one cmdlet writes. */
static bool is_left_over(const struct check *recipient, unsigned needed)
{
    enum { ONE_CMDLET_S = 60 };
    const char *changed = check_get_text(recipient, "recipient.protocols_changed", NULL);
    const char *created = check_get_text(recipient, "recipient.mailbox_created", NULL);
    int64_t written, made;
    return changed != NULL && created != NULL && is_in_settings(recipient, needed) &&
           rfc3339_parse(changed, &written) && rfc3339_parse(created, &made) &&
           written + ONE_CMDLET_S < made;
}

static void say_services(struct scan *scan, struct match *match, unsigned services)
{
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if ((services & (1u << i)) != 0)
            match_say(scan, match, "profile %s needs %s", profile_str(scan->survey->target.profile),
                service_title((enum service)i));
    }
}

static void say_switches(struct scan *scan, struct match *match, const struct check *recipient)
{
    const char *off = scan_texts(scan, recipient, "recipient.protocols_off");
    const char *blocks = scan_texts(scan, recipient, "recipient.mapi_blocks");
    const char *changed = check_get_text(recipient, "recipient.protocols_changed", NULL);
    const char *created = check_get_text(recipient, "recipient.mailbox_created", NULL);
    if (*off != '\0')
        match_say(scan, match, "switched off: %s", off);
    if (*blocks != '\0')
        match_say(scan, match, "MAPI is limited: %s", blocks);
    if (changed != NULL)
        match_say(scan, match, "protocolSettings was last written at %s%s%s", changed,
            created != NULL ? ", the mailbox was made at " : "", created != NULL ? created : "");
    /* MAPI/CDO works without a cache: a client in online mode */
    if (scan->survey->target.profile == PROFILE_MAPI_CDO &&
        strstr(blocks, "MAPIBlockOutlookNonCachedMode") != NULL)
        match_say(scan, match, "MAPI/CDO keeps no cache: a block of online mode may well hit it");
}

/* A further mailbox matters only where the profile needs what is off, and breaks nothing unless it
 * does not open either. */
static void cite_recipient(
    struct scan *scan, const struct chain *chain, const struct check *recipient, unsigned needed)
{
    bool any;
    unsigned services = taken_services(recipient, needed, &any);
    if (!any || (recipient->subject != NULL && (services & needed) == 0))
        return;
    struct match *match = mailbox_match(scan, recipient->subject);
    match_cite(scan, match, chain, recipient);
    match->fails |= recipient->subject == NULL && (services & needed) != 0;
    say_switches(scan, match, recipient);
    say_services(scan, match, services & needed);
}

/* What has no mailbox has nothing to switch off: D04, D05. */
static void cite_switches(struct scan *scan, bool left_over)
{
    unsigned needed = needed_services(scan->survey);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (is_recipient(at) && !check_failed(at, CAUSE_NO_MAILBOX) &&
                is_left_over(at, needed) == left_over)
                cite_recipient(scan, chain, at, needed);
        }
    }
}

/* The store's own word for it, whoever may read the directory. */
static bool is_disabled(const struct check *check)
{
    return (mapi_is(check, "connect") || mapi_is(check, "mailbox") ||
               mapi_is(check, "mailbox_of")) &&
           mapi_code(check) == EC_PROTOCOL_DISABLED;
}

/* Then D11 has it. */
static bool has_left_overs(const struct survey *survey, const struct check *check)
{
    unsigned needed = needed_services(survey);
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (is_recipient(at) && is_left_over(at, needed) &&
                text_equal_nocase(mapi_mailbox(survey, at), mapi_mailbox(survey, check)))
                return true;
        }
    }
    return false;
}

static void cite_disabled(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_disabled(at) || has_left_overs(scan->survey, at))
                continue;
            struct match *match = mailbox_match(scan, at->subject);
            match_cite(scan, match, chain, at);
            match_say(scan, match, "the store refuses with ecProtocolDisabled (0x7d8): %s is off",
                service_title(chain->endpoint.service));
        }
    }
}

static void when_switched_off(struct scan *scan)
{
    cite_switches(scan, false);
    cite_disabled(scan);
}

static void when_left_over(struct scan *scan)
{
    cite_switches(scan, true);
}

/* The ways in which Exchange says that it is not for this mailbox. */
static bool is_denial(enum cause cause)
{
    return cause == CAUSE_ACCESS_DENIED || cause == CAUSE_HTTP_STATUS ||
           cause == CAUSE_SOAP_FAULT || cause == CAUSE_NOT_EXCHANGE || cause == CAUSE_NO_MAILBOX;
}

/* The store refuses with the code that belongs to a block of this mailbox. */
static bool is_block_of(const struct check *recipient, uint32_t code)
{
    const struct fact *fact = check_fact(recipient, "recipient.mapi_blocks");
    for (size_t i = 0; code != EC_NONE && fact != NULL && i < fact->count; i++) {
        const struct protocol *protocol = protocol_of(fact->list[i]);
        if (protocol != NULL && protocol->code == code)
            return true;
    }
    return false;
}

/* Autodiscover leaves out, or refuses, what MAPI clients would need. */
static bool switches_explain(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    unsigned all = (1u << SERVICE_COUNT) - 1, services = 0;
    enum service service = survey_chain_of(survey, check)->endpoint.service;
    bool any, blocked = false, disabled = false;
    for (size_t i = 0; i < match->check_count; i++) {
        services |= taken_services(match->checks[i], all, &any);
        disabled |= is_disabled(match->checks[i]);
        if (is_disabled(match->checks[i]))
            services |= 1u << survey_chain_of(survey, match->checks[i])->endpoint.service;
        blocked |= is_block_of(match->checks[i], mapi_code(check));
    }
    const char *mailbox = check->subject != NULL ? check->subject : survey->target.address;
    if (check->layer < LAYER_PROTOCOL || !match_names(match, mailbox) || !check_is_bad(check))
        return false;
    if (service == SERVICE_AUTODISCOVER)
        return (services & SERVICE(MAPI)) != 0 &&
               (check_failed(check, CAUSE_NO_MAILBOX) ||
                   check_failed(check, CAUSE_AUTODISCOVER_ERROR));
    /* Autodiscover names no RPC server to whom MAPI is switched off */
    if (blocked || (disabled && mapi_server_is_unknown(survey_chain_of(survey, check))))
        return true;
    return (services & (1u << service)) != 0 &&
           (is_denial(check->fault.cause) || is_mapi_refusal(survey, check));
}

#define SET_CAS_MAILBOX "Microsoft: Set-CASMailbox"

const struct rule rules_protocols[] = {
    {
        .id = "D10",
        .layer = LAYER_PROTOCOL,
        .title = "A protocol is switched off for this mailbox",
        .severity = SEVERITY_WARN,
        .when = when_switched_off,
        .explains = switches_explain,
        .cause =
            "Each mailbox has switches of its own for MAPI, EWS, OWA and the rest, and MAPI some "
            "finer ones: no RPC over HTTP, no client in online mode, no client of some versions. "
            "The logon succeeds, for the password is right; the service behind it refuses. It is a "
            "failure where the profile needs the service, else a warning.",
        .looks_like =
            "LDAP: protocolSettings has an entry for the protocol that begins with its name and 0; "
            "EWS: msExchEwsEnabled 0. "
            "Autodiscover leaves out the EXCH part. EWS: 403 after the logon. OWA: an error page. "
            "MAPI: ecProtocolDisabled (0x7d8), ecRpcHttpDisallowed, ecCachedModeRequired. All "
            "other "
            "mailboxes work.",
        .fix = {"See them all: Get-CASMailbox {address} | fl *Enabled,MAPIBlock*",
            "Switch on what is needed: Set-CASMailbox {address} -MAPIEnabled $true "
            "-MAPIBlockOutlookRpcHttp $false (-EwsEnabled, -OWAEnabled, -MapiHttpEnabled)",
            "Ask first who switched it off: it may be a rule for all service accounts.",
            "It may take two hours until every server has noticed; restarting the application pool "
            "is quicker."},
        .references = {SET_CAS_MAILBOX, "[MS-OXPROTO] protocols of a mailbox"},
    },
    {
        .id = "D11",
        .layer = LAYER_PROTOCOL,
        .title = "Switches of an earlier mailbox are still set for this one",
        .severity = SEVERITY_WARN,
        .when = when_left_over,
        .explains = switches_explain,
        .cause =
            "Disable-Mailbox does not take protocolSettings from the account. A mailbox that is "
            "enabled or connected again later gets the switches of the old one, although nobody "
            "switched anything off for it: some protocols work and others do not.",
        .looks_like =
            "protocolSettings was last written before the mailbox was made "
            "(msDS-ReplAttributeMetaData against msExchWhenMailboxCreated), and has protocols off. "
            "Written after it, somebody means it: D10.",
        .fix = {"Write the switches anew, all of them: Set-CASMailbox {address} -MAPIEnabled $true "
                "-EwsEnabled $true -OWAEnabled $true -MAPIBlockOutlookRpcHttp $false",
            "See what is left: Get-CASMailbox {address} | fl *Enabled,MAPIBlock*",
            "If the cmdlet says that nothing was modified, set the switch to the other value first "
            "and then back: only a change is written."},
        .references = {SET_CAS_MAILBOX,
            "Microsoft: clients cannot connect to a re-enabled mailbox"},
    },
};

RULES_COUNT(rules_protocols);
