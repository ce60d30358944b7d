#include "probes/probe.h"

bool endpoint_is_http(const struct endpoint *endpoint)
{
    switch (endpoint->service) {
    case SERVICE_AUTODISCOVER:
    case SERVICE_EWS:
    case SERVICE_OWA:
    case SERVICE_ECP:
    case SERVICE_MAPI:
    case SERVICE_OAB:
    case SERVICE_ACTIVESYNC:
        return true;
    case SERVICE_RPC: /* else over TCP, by the endpoint mapper */
        return endpoint->port != 135;
    case SERVICE_DNS:
    case SERVICE_KERBEROS:
    case SERVICE_LDAP:
    case SERVICE_GC:
    case SERVICE_COUNT:
        break;
    }
    return false;
}

/* Only Autodiscover's redirect step is asked in the clear, and only there. */
bool endpoint_is_clear(const struct endpoint *endpoint)
{
    return endpoint->port == 80;
}

bool endpoint_is_guess(const struct endpoint *endpoint)
{
    return endpoint->sources == 1u << SOURCE_GUESS;
}

bool endpoint_is_directory(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP || endpoint->service == SERVICE_GC;
}

bool endpoint_is_tls(const struct endpoint *endpoint)
{
    /* Port 80 is Autodiscover's plain HTTP redirect. */
    /* 389 and 3268 begin in the clear; SASL seals them once the account has bound. */
    return (endpoint_is_http(endpoint) && !endpoint_is_clear(endpoint)) ||
           (endpoint_is_directory(endpoint) && endpoint->port != 389 && endpoint->port != 3268);
}

static const struct {
    const char *path;
    uint16_t port;
} customs[SERVICE_COUNT] = {
    [SERVICE_DNS] = {NULL, 53},
    [SERVICE_KERBEROS] = {NULL, 88},
    [SERVICE_LDAP] = {NULL, 636},
    [SERVICE_GC] = {NULL, 3269},
    [SERVICE_AUTODISCOVER] = {"/autodiscover/autodiscover.xml", 443},
    [SERVICE_EWS] = {"/EWS/Exchange.asmx", 443},
    [SERVICE_OWA] = {"/owa/", 443},
    [SERVICE_ECP] = {"/ecp/", 443},
    [SERVICE_MAPI] = {"/mapi/emsmdb/", 443},
    [SERVICE_RPC] = {"/rpc/rpcproxy.dll", 443},
    [SERVICE_OAB] = {"/oab/", 443},
    [SERVICE_ACTIVESYNC] = {"/Microsoft-Server-ActiveSync", 443},
};

const char *service_path(enum service service)
{
    return customs[service].path;
}

uint16_t service_port(enum service service)
{
    return customs[service].port;
}

void warn_of_skew(struct check *check, const char *whose)
{
    enum { KERBEROS_SKEW_S = 300 };
    int64_t skew = check_get_int(check, "clock.skew_s", 0);
    int64_t size = skew < 0 ? -skew : skew;
    if (check->outcome != OUTCOME_PASS || size <= KERBEROS_SKEW_S)
        return;
    check_settle(check, OUTCOME_WARN, "%s; but %s clock is %lld min %lld s %s ours", check->summary,
        whose, (long long)(size / 60), (long long)(size % 60), skew < 0 ? "behind" : "ahead of");
}
