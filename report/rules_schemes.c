#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"
#include "report/profile.h"
#include "report/rule_rpc.h"
#include "report/rule_version.h"

/* The authentication that the directory has for a path, against what the path offers. */

static const struct fact *list_of(const struct check *check, const char *key)
{
    const struct fact *fact = check_fact(check, key);
    return fact != NULL && fact->type == FACT_LIST && fact->count > 0 ? fact : NULL;
}

static bool names_host(const char *host, const struct check *vdir, const char *key)
{
    const char *named = check_get_text(vdir, key, NULL);
    return named != NULL && text_equal_nocase(named, host);
}

/* The schemes of a 401 that can be told from outside, one bit each. */
enum method {
    METHOD_BASIC = 1,
    METHOD_NTLM = 2,
    METHOD_NEGOTIATE = 4,
    METHOD_DIGEST = 8,
    METHOD_FORMS = 16,
};
enum { WINDOWS = METHOD_NTLM | METHOD_NEGOTIATE };

/* Windows Integrated is Negotiate and NTLM. OAuth is offered only to who asks for it, WS-Security
 * and certificates are no schemes of a 401: not judged. */
static const struct {
    const char *name;
    unsigned methods;
} method_names[] = {
    {"Basic", METHOD_BASIC},
    {"NTLM", METHOD_NTLM},
    {"Negotiate", METHOD_NEGOTIATE},
    {"Kerberos", METHOD_NEGOTIATE},
    {"WindowsIntegrated", WINDOWS},
    {"Windows Integrated", WINDOWS},
    {"Integrated", WINDOWS},
    {"Digest", METHOD_DIGEST},
    {"Forms", METHOD_FORMS},
    {"Fba", METHOD_FORMS},
};

static unsigned methods_of(const struct fact *list)
{
    unsigned methods = 0;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        for (size_t k = 0; k < sizeof method_names / sizeof method_names[0]; k++) {
            if (text_equal_nocase(list->list[i], method_names[k].name))
                methods |= method_names[k].methods;
        }
    }
    return methods;
}

/* What the directory says of one path of one name, all servers behind it together. */
struct wanted {
    bool any;
    bool mixed; /* they are not configured alike, or inside and outside differ: not judged */
    bool node;  /* the server that answered is among them */
    unsigned methods;
    const struct check *vdirs[16];
    const struct chain *chains[16];
    size_t count;
};

static void want_list(struct wanted *wanted, const struct fact *list)
{
    unsigned methods = methods_of(list);
    wanted->mixed |= list == NULL || (wanted->any && methods != wanted->methods);
    wanted->any = true;
    wanted->methods = methods;
}

static void find_wanted(
    const struct survey *survey, const struct chain *row, struct wanted *ret_wanted)
{
    struct wanted wanted = {0};
    const char *host = row->endpoint.host, *node = chain_node(row);
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *service = check_get_text(at, "vdir.service", "");
            if (strcmp(at->probe, "ldap.vdir") != 0 || !check_is_good(at) ||
                strcmp(service, service_str(row->endpoint.service)) != 0)
                continue;
            if (names_host(host, at, "vdir.internal_host"))
                want_list(&wanted, list_of(at, "vdir.auth_internal"));
            if (names_host(host, at, "vdir.external_host"))
                want_list(&wanted, list_of(at, "vdir.auth_external"));
            if (!names_host(host, at, "vdir.internal_host") &&
                !names_host(host, at, "vdir.external_host"))
                continue;
            wanted.node |= node == NULL || *node == '\0' ||
                           same_server(node, check_get_text(at, "vdir.server", ""));
            if (wanted.count == sizeof wanted.vdirs / sizeof wanted.vdirs[0])
                continue;
            wanted.vdirs[wanted.count] = at;
            wanted.chains[wanted.count++] = chain;
        }
    }
    *ret_wanted = wanted;
}

/* The two sides differ. Windows authentication switched on brings both of its schemes, whichever
 * is listed; behind a form nothing else can be seen. */
static bool is_other(unsigned wanted, unsigned offered)
{
    unsigned allowed = wanted | ((wanted & WINDOWS) != 0 ? WINDOWS : 0u);
    if ((wanted & METHOD_FORMS) != 0 || (offered & METHOD_FORMS) != 0)
        return (wanted & METHOD_FORMS) != (offered & METHOD_FORMS);
    return (wanted & ~offered) != 0 || (offered & ~allowed) != 0;
}

/* What the path offers to an anonymous request; NULL: it did not answer as the service. */
static const struct fact *offered_by(const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    bool whole =
        offer != NULL && offer->outcome == OUTCOME_PASS && strcmp(offer->probe, "http.offer") == 0;
    return whole && chain->endpoint.service >= SERVICE_AUTODISCOVER ? list_of(offer, "http.schemes")
                                                                    : NULL;
}

static void when_other_schemes(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct fact *offered = offered_by(chain);
        struct wanted wanted;
        if (offered == NULL || is_rpc_scheme_missing(scan->survey, chain))
            continue;
        find_wanted(scan->survey, chain, &wanted);
        if (!wanted.any || wanted.mixed || !wanted.node || wanted.methods == 0 ||
            methods_of(offered) == 0 || !is_other(wanted.methods, methods_of(offered)))
            continue;
        const char *place = arena_printf(
            scan->arena, "%s at %s", service_title(chain->endpoint.service), chain->endpoint.host);
        struct match *match = scan_match_list(scan, "authentication of", place);
        match_cite(scan, match, chain, chain_cell(chain, LAYER_HTTP));
        match_say(scan, match, "%s offers %s", place,
            scan_texts(scan, chain_cell(chain, LAYER_HTTP), "http.schemes"));
        for (size_t i = 0; i < wanted.count; i++) {
            const struct check *vdir = wanted.vdirs[i];
            bool internal = names_host(chain->endpoint.host, vdir, "vdir.internal_host");
            match_cite(scan, match, wanted.chains[i], vdir);
            match_say(scan, match, "the directory has %s for %s",
                scan_texts(scan, vdir, internal ? "vdir.auth_internal" : "vdir.auth_external"),
                vdir->subject != NULL ? vdir->subject : "its server");
        }
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        if (!check_failed(logon, CAUSE_NO_SCHEME))
            continue;
        match_cite(scan, match, chain, logon);
        match_explain(scan, match, logon);
    }
}

const struct rule rules_schemes[] = {
    {
        .id = "V07",
        .layer = LAYER_AUTH,
        .title = "The web server offers other logon schemes than its virtual directory has",
        .severity = SEVERITY_WARN,
        .when = when_other_schemes,
        .cause =
            "Exchange keeps the authentication of each virtual directory in Active Directory and "
            "writes it into IIS. The two differ: somebody changed IIS by hand, the change has not "
            "come through, or a proxy before Exchange does the logon itself. Autodiscover tells "
            "clients what the directory says, and they meet something else.",
        .looks_like =
            "WWW-Authenticate of the path against msExchInternalAuthenticationMethods (or "
            "External) of the object: Basic, NTLM, Negotiate, or the form. Windows Integrated is "
            "Negotiate and NTLM. Bearer, which shows only to clients that ask for it, and "
            "WS-Security are not compared.",
        .fix = {"See what is set: Get-WebServicesVirtualDirectory -Server SERVER | Format-List "
                "*Authentication* (-ADPropertiesOnly for the directory's side alone).",
            "Set it again with Exchange's own cmdlet, not in IIS: Set-WebServicesVirtualDirectory "
            "(Set-OwaVirtualDirectory …) with the switches it is to have, on every server, then "
            "iisreset.",
            "If the servers themselves are right, it is the proxy: compare with --connect "
            "{host}:443:ADDRESS-OF-THE-SERVER."},
        .references = {"Microsoft: Default settings for Exchange virtual directories",
            "RFC 9110 11.6.1 WWW-Authenticate"},
    },
};

RULES_COUNT(rules_schemes);
