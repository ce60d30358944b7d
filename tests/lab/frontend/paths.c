#include "paths.h"

#include "handlers.h"

#include <string.h>
#include <strings.h>

struct vdir_def {
    const char *name;
    struct vdir_settings settings;
    bool owa_version; /* X-OWA-Version even on a 401 */
};

#define INTEGRATED (SCHEME_NEGOTIATE | SCHEME_NTLM)

/* Extended Protection as Microsoft's ExchangeExtendedProtectionManagement script sets it; schemes
 * as setup leaves them, but with Basic on EWS, as most sites with older clients have it. */
static const struct vdir_def vdirs[VDIR_COUNT] = {
    [VDIR_AUTODISCOVER] = {"autodiscover", {EP_OFF, INTEGRATED | SCHEME_BASIC}, false},
    [VDIR_EWS] = {"ews", {EP_ALLOW, INTEGRATED | SCHEME_BASIC}, false},
    [VDIR_OAB] = {"oab", {EP_ALLOW, INTEGRATED}, false},
    [VDIR_ACTIVESYNC] = {"activesync", {EP_ALLOW, SCHEME_BASIC}, false},
    [VDIR_OWA] = {"owa", {EP_REQUIRE, SCHEME_FORMS | SCHEME_BASIC}, true},
    [VDIR_ECP] = {"ecp", {EP_REQUIRE, SCHEME_FORMS | SCHEME_BASIC}, true},
    [VDIR_MAPI] = {"mapi", {EP_REQUIRE, INTEGRATED}, true},
    [VDIR_RPC] = {"rpc", {EP_REQUIRE, INTEGRATED | SCHEME_BASIC}, false},
};

static const struct route routes[] = {
    {"/autodiscover/healthcheck.htm", false, VDIR_AUTODISCOVER, ACCESS_ANONYMOUS, false,
        health_page},
    {"/ews/healthcheck.htm", false, VDIR_EWS, ACCESS_ANONYMOUS, false, health_page},
    {"/oab/healthcheck.htm", false, VDIR_OAB, ACCESS_ANONYMOUS, false, health_page},
    {"/microsoft-server-activesync/healthcheck.htm", false, VDIR_ACTIVESYNC, ACCESS_ANONYMOUS,
        false, health_page},
    {"/owa/healthcheck.htm", false, VDIR_OWA, ACCESS_ANONYMOUS, false, health_page},
    {"/ecp/healthcheck.htm", false, VDIR_ECP, ACCESS_ANONYMOUS, false, health_page},
    {"/mapi/healthcheck.htm", false, VDIR_MAPI, ACCESS_ANONYMOUS, false, health_page},
    {"/rpc/healthcheck.htm", false, VDIR_RPC, ACCESS_ANONYMOUS, false, health_page},

    {"/autodiscover/autodiscover.xml", false, VDIR_AUTODISCOVER, ACCESS_LOGIN, false,
        autodiscover_pox},
    {"/autodiscover/autodiscover.svc", false, VDIR_AUTODISCOVER, ACCESS_LOGIN, false,
        autodiscover_soap},
    {"/autodiscover/autodiscover.json", true, VDIR_AUTODISCOVER, ACCESS_ANONYMOUS, false,
        autodiscover_json},

    {"/ews/exchange.asmx", false, VDIR_EWS, ACCESS_LOGIN, false, ews_service},

    {"/owa/auth.owa", false, VDIR_OWA, ACCESS_ANONYMOUS, false, owa_login},
    {"/owa/auth/logon.aspx", false, VDIR_OWA, ACCESS_ANONYMOUS, false, owa_logon_page},
    {"/owa/auth/expiredpassword.aspx", false, VDIR_OWA, ACCESS_ANONYMOUS, false, owa_expired_page},
    {"/owa/auth/errorfe.aspx", false, VDIR_OWA, ACCESS_ANONYMOUS, false, owa_error_page},
    {"/owa/auth", true, VDIR_OWA, ACCESS_ANONYMOUS, false, iis_not_found},
    {"/owa/logoff.owa", false, VDIR_OWA, ACCESS_ANONYMOUS, false, owa_logoff},
    {"/owa/languageselection.aspx", false, VDIR_OWA, ACCESS_FORMS, false, owa_language_page},
    {"/owa", true, VDIR_OWA, ACCESS_FORMS, false, owa_start},
    {"/ecp", true, VDIR_ECP, ACCESS_FORMS, false, get_only_page},

    {"/mapi/emsmdb", true, VDIR_MAPI, ACCESS_LOGIN, false, mapi_http_store},
    {"/mapi/nspi", true, VDIR_MAPI, ACCESS_LOGIN, false, mapi_http_address_book},
    {"/rpc/rpcproxy.dll", false, VDIR_RPC, ACCESS_LOGIN, true, rpc_proxy},
    {"/oab", true, VDIR_OAB, ACCESS_LOGIN, false, get_only_page},
    {"/microsoft-server-activesync", true, VDIR_ACTIVESYNC, ACCESS_LOGIN, false,
        activesync_options},

    {"/", false, VDIR_OWA, ACCESS_ANONYMOUS, false, root_redirect},
};

static const struct {
    const char *name;
    enum scheme scheme;
} scheme_names[] = {
    {"negotiate", SCHEME_NEGOTIATE},
    {"ntlm", SCHEME_NTLM},
    {"basic", SCHEME_BASIC},
    {"forms", SCHEME_FORMS},
};

void vdir_defaults(struct vdir_settings settings[VDIR_COUNT])
{
    for (size_t i = 0; i < VDIR_COUNT; i++)
        settings[i] = vdirs[i].settings;
}

int vdir_by_name(const char *name)
{
    for (int i = 0; i < VDIR_COUNT; i++)
        if (strcasecmp(vdirs[i].name, name) == 0)
            return i;
    return -1;
}

bool vdir_shows_owa_version(enum vdir vdir)
{
    return vdirs[vdir].owa_version;
}

bool ep_parse(const char *text, enum ep *ret_ep)
{
    static const char *const names[] = {
        [EP_OFF] = "off", [EP_ALLOW] = "allow", [EP_REQUIRE] = "require"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(names[i], text) == 0) {
            *ret_ep = (enum ep)i;
            return true;
        }
    }
    return false;
}

static unsigned scheme_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof scheme_names / sizeof scheme_names[0]; i++)
        if (strcasecmp(scheme_names[i].name, name) == 0)
            return scheme_names[i].scheme;
    return SCHEME_NONE;
}

bool schemes_parse(char *text, unsigned *ret_schemes)
{
    unsigned schemes = SCHEME_NONE;
    char *state = NULL;

    for (char *word = strtok_r(text, ", \t", &state); word != NULL;
         word = strtok_r(NULL, ", \t", &state)) {
        unsigned scheme = scheme_by_name(word);

        if (scheme == SCHEME_NONE && strcmp(word, "none") != 0)
            return false;
        schemes |= scheme;
    }
    *ret_schemes = schemes;
    return true;
}

const char *scheme_str(enum scheme scheme)
{
    for (size_t i = 0; i < sizeof scheme_names / sizeof scheme_names[0]; i++)
        if (scheme_names[i].scheme == scheme)
            return scheme_names[i].name;
    return "none";
}

const struct route *route_find(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        size_t len = strlen(routes[i].path);

        if (strncasecmp(routes[i].path, path, len) != 0)
            continue;
        if (path[len] == '\0' || (routes[i].prefix && path[len] == '/'))
            return &routes[i];
    }
    return NULL;
}
