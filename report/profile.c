#include "report/profile.h"

#include <string.h>

#include "report/rule_mapi.h"
#include "report/rule_version.h"

#define NEEDS(service) (1u << SERVICE_##service)

/* The resolver is needed by all: without names there are no rows. */
static const unsigned needs[PROFILE_COUNT] = {
    /* MAPI/CDO 1.2.1 speaks RPC over HTTP only and resolves names in the global catalogue. */
    [PROFILE_MAPI_CDO] = NEEDS(DNS) | NEEDS(LDAP) | NEEDS(GC) | NEEDS(AUTODISCOVER) | NEEDS(RPC),
    [PROFILE_OUTLOOK] = NEEDS(DNS) | NEEDS(AUTODISCOVER) | NEEDS(EWS) | NEEDS(MAPI) | NEEDS(OAB),
    [PROFILE_EWS_APP] = NEEDS(DNS) | NEEDS(AUTODISCOVER) | NEEDS(EWS),
    [PROFILE_OWA_USER] = NEEDS(DNS) | NEEDS(OWA),
    [PROFILE_ALL] = NEEDS(DNS) | NEEDS(KERBEROS) | NEEDS(LDAP) | NEEDS(GC) | NEEDS(AUTODISCOVER) |
                    NEEDS(EWS) | NEEDS(OWA) | NEEDS(ECP) | NEEDS(MAPI) | NEEDS(RPC) | NEEDS(OAB) |
                    NEEDS(ACTIVESYNC),
};

/* Services this version has no probe for: said in the summary, never counted against a server. */
static const unsigned untested = NEEDS(ECP) | NEEDS(OAB) | NEEDS(ACTIVESYNC);

static const char *const titles[SERVICE_COUNT] = {
    [SERVICE_DNS] = "DNS",
    [SERVICE_KERBEROS] = "Kerberos",
    [SERVICE_LDAP] = "LDAP",
    [SERVICE_GC] = "the global catalogue",
    [SERVICE_AUTODISCOVER] = "Autodiscover",
    [SERVICE_EWS] = "EWS",
    [SERVICE_OWA] = "OWA",
    [SERVICE_ECP] = "ECP",
    [SERVICE_MAPI] = "MAPI over HTTP",
    [SERVICE_RPC] = "RPC over HTTP",
    [SERVICE_OAB] = "the offline address book",
    [SERVICE_ACTIVESYNC] = "ActiveSync",
};

const char *service_title(enum service service)
{
    return titles[service];
}

static const char *layer_title(enum layer layer)
{
    static const char *const names[LAYER_COUNT] = {
        [LAYER_DNS] = "DNS",
        [LAYER_TCP] = "TCP",
        [LAYER_TLS] = "TLS",
        [LAYER_HTTP] = "HTTP",
        [LAYER_AUTH] = "the logon",
        [LAYER_PROTOCOL] = "the service",
        [LAYER_MAILBOX] = "the mailbox",
    };
    return names[layer];
}

/* ---- states -----------------------------------------------------------------------------------
 */

static bool works_up_to(const struct chain *chain, enum layer last)
{
    for (int layer = 0; layer <= (int)last; layer++) {
        const struct check *cell = chain_cell(chain, (enum layer)layer);
        if (cell != NULL && !check_is_good(cell) && cell->outcome != OUTCOME_SKIPPED)
            return false;
    }
    return check_is_good(chain_cell(chain, last));
}

/* A MAPI profile is made of two providers: without address book and referral nobody gets to the
 * store (MAPI_E_FAILONEPROVIDER). They are read beside it, as extras. */
static bool any_provider_failed(const struct chain *chain)
{
    static const char *const probes[] = {"rpc.referral", "rpc.book", "mapi.book"};
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        const struct check *check = chain_check(chain, probes[i]);
        if (check != NULL && check->outcome == OUTCOME_FAIL)
            return true;
    }
    return false;
}

bool profile_row_works(const struct survey *survey, const struct chain *chain)
{
    if (chain->endpoint.service == SERVICE_DNS) {
        /* SKIPPED: nothing had to be asked of it */
        const struct check *cell = chain_cell(chain, LAYER_DNS);
        return check_is_good(cell) || (cell != NULL && cell->outcome == OUTCOME_SKIPPED);
    }
    if (!survey->target.anonymous)
        return chain_works(chain) && !any_provider_failed(chain) && !mapi_server_is_unknown(chain);
    /* Without a password a KDC shows itself in its answer to an AS-REQ, others in HTTP or rootDSE.
     */
    return works_up_to(chain, chain->endpoint.service == SERVICE_KERBEROS ? LAYER_TCP : LAYER_HTTP);
}

static void judge_row(
    const struct survey *survey, const struct chain *chain, struct service_state *state)
{
    /* A service ticket is asked for on rows of its own; they say nothing about the KDC. */
    if (chain->endpoint.service == SERVICE_KERBEROS && chain->endpoint.subject != NULL)
        return;
    state->rows++;
    state->tested = true;
    state->works |= profile_row_works(survey, chain);
    for (const struct check *check = chain->checks; check != NULL; check = check->next) {
        state->failed |= check->outcome == OUTCOME_FAIL && !check_is_held_back(check);
        state->trouble |= check->outcome == OUTCOME_ERROR || check->outcome == OUTCOME_NOT_RUN;
    }
}

/* The account is in a domain that no LDAP row holds, and a Global Catalog, which has all domains,
 * finds it: LDAP does what it can there (D01, or D13 while it is on its way). */
static bool catalogue_stands_in(const struct survey *survey)
{
    bool absent = false, found = false;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *account = chain_check(chain, "ldap.account");
        if (chain->endpoint.service == SERVICE_GC)
            found |= check_is_good(account);
        else
            absent |=
                check_failed(account, CAUSE_NO_OBJECT) || check_failed(account, CAUSE_REFERRAL);
    }
    return absent && found;
}

/* Before MAPI over HTTP there was RPC over HTTP for the same clients. */
static bool rpc_stands_in(const struct survey *survey, bool rpc_works)
{
    bool any = false;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *offer = chain_cell(chain, LAYER_HTTP);
        if (chain->endpoint.service != SERVICE_MAPI)
            continue;
        any = offer != NULL && is_absent_by_age(survey, chain, offer);
        if (!any)
            return false;
    }
    return any && rpc_works;
}

void profile_judge(const struct survey *survey, struct service_state *ret_states)
{
    unsigned needed = needs[survey->target.profile] & ~survey->target.left_out;
    for (int i = 0; i < SERVICE_COUNT; i++)
        ret_states[i] = (struct service_state){
            .needed = (needed & (1u << i)) != 0,
            .tested = (untested & (1u << i)) == 0,
        };
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next)
        judge_row(survey, chain, &ret_states[chain->endpoint.service]);
    ret_states[SERVICE_LDAP].works |= catalogue_stands_in(survey);
    ret_states[SERVICE_MAPI].works |= rpc_stands_in(survey, ret_states[SERVICE_RPC].works);
    /* Where every name came from an option or a cache, no resolver has a row: nothing is missing.
     */
    if (ret_states[SERVICE_DNS].rows == 0)
        ret_states[SERVICE_DNS].needed = false;
}

/* ---- verdict ----------------------------------------------------------------------------------
 */

/* "a, b" of the services for which the bit is set. */
static const char *service_list(struct survey *survey, unsigned services)
{
    const char *text = "";
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if ((services & (1u << i)) != 0)
            text =
                arena_printf(&survey->arena, "%s%s%s", text, *text != '\0' ? ", " : "", titles[i]);
    }
    return text;
}

/* What nobody should take for tested: "; RPC over HTTP is not tested by this version". */
static const char *reservations(struct survey *survey, const struct service_state *states)
{
    unsigned unknown = 0, left_out = 0;
    int count = 0;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if (states[i].needed && !states[i].tested) {
            unknown |= 1u << i;
            count++;
        }
    }
    left_out = needs[survey->target.profile] & survey->target.left_out & ~untested;
    const char *text = "";
    if (unknown != 0)
        text = arena_printf(&survey->arena, "; %s %s not tested by this version",
            service_list(survey, unknown), count == 1 ? "is" : "are");
    if (left_out != 0)
        text = arena_printf(
            &survey->arena, "%s; left out as asked: %s", text, service_list(survey, left_out));
    return text;
}

static const struct finding *first_of(const struct survey *survey, enum severity severity)
{
    const struct finding *finding = survey->findings;
    while (finding != NULL && finding->severity != severity)
        finding = finding->next;
    return finding;
}

static int roots_of(const struct survey *survey, enum severity severity)
{
    int count = 0;
    for (const struct finding *at = survey->findings; at != NULL; at = at->next)
        count += at->severity == severity && at->caused_by == NULL ? 1 : 0;
    return count;
}

/* Needed services that do not work, by whether their own rows say why. */
struct missing {
    unsigned broken;  /* a FAIL, or a FAIL elsewhere that explains it */
    unsigned unknown; /* nobody knows */
};

static struct missing find_missing(const struct survey *survey, const struct service_state *states)
{
    struct missing missing = {0};
    bool any_fail = first_of(survey, SEVERITY_FAIL) != NULL;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const struct service_state *state = &states[i];
        if (!state->needed || !state->tested || state->works)
            continue;
        if (state->failed || any_fail)
            missing.broken |= 1u << i;
        else
            missing.unknown |= 1u << i;
    }
    return missing;
}

/* What it is: the rule's words, for what no rule explains the check's own. */
static const char *words_of(const struct survey *survey, const struct finding *finding)
{
    const struct check *check = survey_find_check(survey, finding->checks[0]);
    return strncmp(finding->rule, "X-", 2) == 0 && check != NULL ? check->summary : finding->title;
}

static const char *broken_summary(struct survey *survey, unsigned services)
{
    const struct finding *finding = survey->verdict.breaks_at;
    if (finding == NULL)
        return arena_printf(&survey->arena, "mailbox access is broken: %s does not work",
            service_list(survey, services));
    int others = roots_of(survey, SEVERITY_FAIL) - 1;
    const char *more = others > 0 ? arena_printf(&survey->arena, ", and %d more cause%s", others,
                                        others == 1 ? "" : "s")
                                  : "";
    return arena_printf(&survey->arena, "mailbox access breaks at %s: %s: %s (%s)%s",
        layer_title(finding->layer), finding->component, words_of(survey, finding), finding->rule,
        more);
}

static bool holds_back(const struct survey *survey)
{
    if (survey->logons_attempted > 0)
        return false; /* --risk-lockout */
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_is_held_back(at))
                return true;
        }
    }
    return false;
}

static bool any_lacks_server_name(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (mapi_server_is_unknown(chain))
            return true;
    }
    return false;
}

static const char *unknown_summary(struct survey *survey, unsigned services)
{
    const char *reason = "our own trouble left it open";
    if (survey->interrupted)
        reason = "the run was interrupted";
    else if (survey->out_of_time)
        reason = "the run's deadline passed";
    else if (holds_back(survey))
        reason = "the password was not sent: one more failed logon would lock the account (A31)";
    else if ((services & NEEDS(RPC)) != 0 && any_lacks_server_name(survey))
        reason = "nobody told the name of the RPC server: neither Autodiscover nor the directory";
    else if (first_of(survey, SEVERITY_WARN) == NULL)
        reason = "nothing was found to test, or it was skipped";
    const char *names = service_list(survey, services);
    return arena_printf(&survey->arena, "not decided: %s did not answer the question, %s",
        *names != '\0' ? names : "the run", reason);
}

static const char *degraded_summary(struct survey *survey)
{
    const struct finding *finding = first_of(survey, SEVERITY_WARN);
    int others = roots_of(survey, SEVERITY_WARN) - 1;
    const char *more = others > 0 ? arena_printf(&survey->arena, ", and %d more warning%s", others,
                                        others == 1 ? "" : "s")
                                  : "";
    return arena_printf(&survey->arena,
        "what profile %s needs works, with a warning: %s: %s (%s)%s",
        profile_str(survey->target.profile), finding->component, words_of(survey, finding),
        finding->rule, more);
}

void profile_verdict(struct survey *survey)
{
    struct service_state states[SERVICE_COUNT];
    profile_judge(survey, states);
    struct missing missing = find_missing(survey, states);
    const struct finding *fail = first_of(survey, SEVERITY_FAIL);
    struct verdict *verdict = &survey->verdict;
    const char *text = NULL;
    *verdict = (struct verdict){.status = STATUS_OK};

    if (fail != NULL || missing.broken != 0) {
        verdict->status = STATUS_BROKEN;
        verdict->breaks_at = fail;
        text = broken_summary(survey, missing.broken);
    } else if (missing.unknown != 0 || survey->interrupted) {
        verdict->status = STATUS_UNKNOWN;
        text = unknown_summary(survey, missing.unknown);
    } else if (first_of(survey, SEVERITY_WARN) != NULL) {
        verdict->status = STATUS_DEGRADED;
        text = degraded_summary(survey);
    } else {
        text = arena_printf(&survey->arena, "everything that profile %s needs works%s",
            profile_str(survey->target.profile),
            survey->target.anonymous ? " up to the logon, without credentials" : "");
    }
    verdict->summary = arena_printf(&survey->arena, "%s%s", text, reservations(survey, states));
}
