#include "report/rules.h"

#include <stdlib.h>
#include <string.h>

/* X509_V_ERR_… as tls.errors has them: "10@0" is code 10 at depth 0. */
enum {
    NOT_YET_VALID = 9,
    HAS_EXPIRED = 10,
    SELF_SIGNED_LEAF = 18,
    SELF_SIGNED_IN_CHAIN = 19,
    HOSTNAME_MISMATCH = 62
};

static bool has_error(const struct check *check, long code)
{
    const struct fact *errors = check_fact(check, "tls.errors");
    if (errors == NULL || errors->type != FACT_LIST)
        return false;
    for (size_t i = 0; i < errors->count; i++) {
        char *end = NULL;
        if (strtol(errors->list[i], &end, 10) == code && *end == '@')
            return true;
    }
    return false;
}

static bool is_expired(const struct check *check)
{
    return check_failed(check, CAUSE_CERT_EXPIRED) ||
           check_failed(check, CAUSE_CERT_NOT_YET_VALID) || has_error(check, HAS_EXPIRED) ||
           has_error(check, NOT_YET_VALID);
}

static bool is_misnamed(const struct check *check)
{
    return check_failed(check, CAUSE_CERT_NAME) || has_error(check, HOSTNAME_MISMATCH);
}

/* One certificate on many names and addresses is one component. */
static struct match *certificate_match(
    struct scan *scan, const struct chain *chain, const struct check *check)
{
    const char *place =
        arena_printf(scan->arena, "%s:%u", chain->endpoint.host, (unsigned)chain->endpoint.port);
    const char *key = check_get_text(check, "tls.sha256", place);
    return scan_match(scan, key, arena_printf(scan->arena, "certificate of %s", place));
}

static void scan_certificates(struct scan *scan, bool (*is_so)(const struct check *check),
    void (*say)(struct scan *scan, struct match *match, const struct chain *chain,
        const struct check *check))
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *tls = chain_cell(chain, LAYER_TLS);
        if (!check_is_bad(tls) || !is_so(tls))
            continue;
        struct match *match = certificate_match(scan, chain, tls);
        say(scan, match, chain, tls);
        match_cite(scan, match, chain, tls);
    }
}

/* ---- S01 ---- */

static void say_dates(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    (void)chain;
    const char *from = check_get_text(check, "tls.not_before", NULL);
    const char *until = check_get_text(check, "tls.not_after", NULL);
    if (from != NULL && until != NULL)
        match_say(scan, match, "valid from %s until %s", from, until);
}

static void when_expired(struct scan *scan)
{
    scan_certificates(scan, is_expired, say_dates);
}

/* ---- S02 ---- */

static void say_names(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const struct fact *names = check_fact(check, "tls.names");
    if (names == NULL || names->type != FACT_LIST)
        return;
    const char *list = "";
    for (size_t i = 0; i < names->count && i < 8; i++)
        list = arena_printf(scan->arena, "%s%s%s", list, i > 0 ? ", " : "", names->list[i]);
    if (names->count > 8)
        list = arena_printf(scan->arena, "%s and %d more", list, (int)names->count - 8);
    match_say(scan, match, "names in the certificate: %s; wanted: %s",
        *list != '\0' ? list : "none", chain->endpoint.host);
}

static void when_misnamed(struct scan *scan)
{
    scan_certificates(scan, is_misnamed, say_names);
}

/* ---- S03 ---- */

/* 20 and 21 alone (no issuer found) may as well be S04: the probe's cause decides. */
static bool is_untrusted(const struct check *check)
{
    return check_failed(check, CAUSE_CERT_UNTRUSTED) ||
           check_failed(check, CAUSE_CERT_SELF_SIGNED) || has_error(check, SELF_SIGNED_LEAF) ||
           has_error(check, SELF_SIGNED_IN_CHAIN);
}

static void say_issuer(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    (void)chain;
    const char *subject = check_get_text(check, "tls.subject", NULL);
    const char *issuer = check_get_text(check, "tls.issuer", NULL);
    const struct fact *sent = check_fact(check, "tls.chain");
    if (subject == NULL || issuer == NULL)
        return;
    match_say(scan, match, "the certificate %s was issued by %s; the server sent %d certificate%s",
        subject, issuer, sent != NULL ? (int)sent->count : 1,
        sent != NULL && sent->count > 1 ? "s" : "");
    if (strcmp(subject, "CN=Microsoft Exchange") == 0)
        match_say(scan, match,
            "\"CN=Microsoft Exchange\" is the self-signed certificate of Exchange's set-up: it was "
            "never replaced, or bound to IIS again");
}

static void when_untrusted(struct scan *scan)
{
    scan_certificates(scan, is_untrusted, say_issuer);
}

/* ---- S04 ---- */

static bool is_incomplete(const struct check *check)
{
    return check_failed(check, CAUSE_CERT_INCOMPLETE);
}

static void when_incomplete(struct scan *scan)
{
    scan_certificates(scan, is_incomplete, say_issuer);
}

const struct rule rules_tls[] = {
    {
        .id = "S01",
        .layer = LAYER_TLS,
        .title = "The certificate has expired or is not valid yet",
        .severity = SEVERITY_FAIL,
        .when = when_expired,
        .cause =
            "The server presents a certificate outside its dates. Clients refuse it, and nothing "
            "behind TLS is reached. If the dates look right, the clock of this host is wrong.",
        .looks_like =
            "The handshake reaches the server's Certificate message; verification ends with "
            "X509_V_ERR_CERT_HAS_EXPIRED (10) or X509_V_ERR_CERT_NOT_YET_VALID (9).",
        .fix = {"Renew the certificate: New-ExchangeCertificate -GenerateRequest, then "
                "Import-ExchangeCertificate.",
            "Bind it on every node: Enable-ExchangeCertificate -Thumbprint THUMBPRINT -Services "
            "IIS, and on "
            "the "
            "load balancer where TLS ends there.",
            "Check this host's clock against a time source."},
        .references = {"RFC 5280 4.1.2.5 Validity", "Microsoft: Enable-ExchangeCertificate"},
    },
    {
        .id = "S02",
        .layer = LAYER_TLS,
        .title = "The certificate does not list the name it is reached by",
        .severity = SEVERITY_FAIL,
        .when = when_misnamed,
        .cause =
            "The server presents a certificate for other names than the one that clients use. They "
            "refuse it (or Outlook asks again and again), and nothing behind TLS is reached.",
        .looks_like =
            "Verification ends with X509_V_ERR_HOSTNAME_MISMATCH (62): the wanted name is in "
            "no dNSName of the subjectAltName.",
        .fix =
            {"Bind a certificate whose subjectAltName lists {host} to the IIS site "
             "(Enable-ExchangeCertificate -Services IIS), on every node and on the load balancer.",
                "Or change the URLs to a name the certificate has: Set-ClientAccessService "
                "-AutoDiscoverServiceInternalUri, Set-WebServicesVirtualDirectory "
                "-InternalUrl/-ExternalUrl.",
                "If it is a foreign certificate: the name resolves to the wrong host."},
        .references = {"RFC 6125 6.4 Matching the names",
            "RFC 5280 4.2.1.6 Subject Alternative Name"},
    },
    {
        .id = "S03",
        .layer = LAYER_TLS,
        .title = "The certificate comes from an authority that this host does not trust",
        .severity = SEVERITY_FAIL,
        .when = when_untrusted,
        .cause =
            "The chain ends in a root that is not in this host's store: a private authority whose "
            "root was never given to this host, a self-signed certificate, or a firewall that "
            "opens TLS and signs anew. Domain members get a private root by policy; appliances and "
            "Linux hosts do not.",
        .looks_like =
            "Verification ends with X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT (18), "
            "SELF_SIGNED_CERT_IN_CHAIN (19) or UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20) although the "
            "chain is whole. A lone certificate that says where its issuer is to be had lacks an "
            "intermediate: that is another fault.",
        .fix = {"Compare the fingerprint with the one on the server (Get-ExchangeCertificate): "
                "another one means something between here and there opens TLS.",
            "Give the organisation's root to this host (update-ca-certificates, or the trusted "
            "roots of the application), or to exreach alone: --ca FILE",
            "A self-signed certificate: replace it by one of an authority that all clients trust, "
            "and bind it with Enable-ExchangeCertificate -Services IIS."},
        .references = {"RFC 5280 6.1 path validation",
            "Microsoft: Certificates in Exchange Server"},
    },
    {
        .id = "S04",
        .layer = LAYER_TLS,
        .title = "The server does not send the intermediate certificate",
        .severity = SEVERITY_FAIL,
        .when = when_incomplete,
        .cause =
            "The server sends its own certificate alone. Windows fetches a missing issuer from the "
            "place the certificate names, so browsers and Outlook there see nothing wrong; Linux, "
            "Java, telephones and appliances do not fetch it and refuse the connection.",
        .looks_like =
            "One certificate in the server's message, with an authorityInfoAccess extension, and "
            "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY (20). With the whole chain and an "
            "unknown root it is the root that is missing.",
        .fix = {"Import the intermediate into the computer's store \"Intermediate Certification "
                "Authorities\" of every Exchange server (certlm.msc), then restart IIS; on a load "
                "balancer put it behind the certificate in the chain file.",
            "See what is sent: openssl s_client -connect {host}:443 -servername {host} -showcerts",
            "Until then: --ca FILE with root and intermediate lets exreach go on."},
        .references =
            {"RFC 8446 4.4.2 the sender's certificate comes first, each certifies the one "
             "before",
                "RFC 5280 4.2.2.1 Authority Information Access"},
    },
};

RULES_COUNT(rules_tls);
