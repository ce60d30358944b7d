#include <stdio.h>

#include "net/wire/text.h"
#include "probes/offer.h"
#include "probes/transport.h"

static const struct fact_def tls_facts[] = {
    {"tls.version", FACT_TEXT, "protocol version negotiated"},
    {"tls.cipher", FACT_TEXT, "cipher suite negotiated"},
    {"tls.subject", FACT_TEXT, "subject of the server's certificate"},
    {"tls.issuer", FACT_TEXT, "its issuer"},
    {"tls.names", FACT_LIST, "the names it is for (subjectAltName)"},
    {"tls.not_before", FACT_TEXT, "valid from"},
    {"tls.not_after", FACT_TEXT, "valid until"},
    {"tls.key", FACT_TEXT, "kind and size of its key"},
    {"tls.signature", FACT_TEXT, "its signature algorithm"},
    {"tls.sha256", FACT_TEXT, "its SHA-256 fingerprint"},
    {"tls.chain", FACT_LIST, "subjects of the chain as sent, leaf first"},
    {"tls.errors", FACT_LIST, "every verify error: X509_V_ERR code @ depth"},
    {"tls.verified", FACT_BOOL, "the chain verified for this name"},
    {"tls.alert", FACT_INT, "fatal alert received"},
    {"tls.client_certificate", FACT_BOOL, "the server asks for a client certificate"},
    {"tls.first_bytes", FACT_TEXT, "what came instead of TLS"},
    FACT_END,
};

static void note_certificate(const struct tls_seen *seen, struct check *check)
{
    struct arena *arena = &check->arena;
    if (seen->chain_count == 0)
        return;
    const struct tls_cert *leaf = &seen->chain[0];
    check_text(check, "tls.subject", leaf->subject);
    check_text(check, "tls.issuer", leaf->issuer);
    check_text(check, "tls.not_before", rfc3339(arena, leaf->not_before));
    check_text(check, "tls.not_after", rfc3339(arena, leaf->not_after));
    check_text(check, "tls.key", leaf->key);
    check_text(check, "tls.signature", leaf->signature);
    check_text(check, "tls.sha256", leaf->sha256);
    check_list(check, "tls.names", seen->names, seen->name_count);
    for (size_t i = 0; i < seen->chain_count; i++)
        check_add(check, "tls.chain", seen->chain[i].subject);
    for (size_t i = 0; i < seen->error_count; i++)
        check_add(check, "tls.errors",
            arena_printf(arena, "%d@%d", seen->errors[i].code, seen->errors[i].depth));
    check_bool(check, "tls.verified", seen->done && seen->error_count == 0);
}

void judge_tls(const struct tls_seen *seen, const char *host, bool insecure,
    const struct fault *fault, struct check *check)
{
    struct fault bad;
    check_text(check, "tls.version", seen->version);
    check_text(check, "tls.cipher", seen->cipher);
    if (seen->alert_received >= 0)
        check_int(check, "tls.alert", seen->alert_received);
    if (seen->client_cert_wanted)
        check_bool(check, "tls.client_certificate", true);
    if (seen->not_tls)
        check_text(check, "tls.first_bytes", seen->first_bytes);
    note_certificate(seen, check);
    /* What the certificate says explains more than how the connection then ended; with --insecure
     * it cannot have been the certificate. */
    bool judged = seen->chain_count > 0 && tls_seen_fault(seen, host, &bad);
    if (fault != NULL && (!judged || insecure))
        bad = *fault;
    if (judged && insecure && fault == NULL) {
        check_settle(
            check, OUTCOME_WARN, "%s (--insecure: going on without credentials)", bad.text);
        check->fault = bad;
        return;
    }
    if (judged || fault != NULL) {
        check_fail(check, &bad);
        return;
    }
    check_settle(check, OUTCOME_PASS, "%s, certificate good until %.10s", seen->version,
        check_get_text(check, "tls.not_after", "an unknown day"));
}

static bool tls_applies(const struct endpoint *endpoint)
{
    return endpoint_is_tls(endpoint);
}

static void tls_run(struct session *session, struct check *check)
{
    struct fault fault = {.cause = CAUSE_NONE};
    const char *host = session->endpoint.host;
    bool insecure = session->settings->insecure;
    const struct tls_seen *seen = &session->tls_seen;
    bool ok;
    if (endpoint_is_http(&session->endpoint)) {
        /* curl does the handshake with the first request, which the HTTP probe then waits for. */
        ok = session_open_http(session, &fault) && offer_begin(session, &fault);
        if (session->http != NULL)
            seen = http_tls(session->http);
    } else {
        ok = tls_connect(session->sock, host, session->trust, session_limit(session),
            &session->tls_seen, &session->tls, &fault);
    }
    judge_tls(seen, host, insecure, ok ? NULL : &fault, check);
    session_trace(session, '*', "TLS: %s", check->summary);
}

const struct probe probe_tls_handshake = {
    .id = "tls.handshake",
    .title = "TLS with a certificate for this name",
    .layer = LAYER_TLS,
    .facts = tls_facts,
    .applies = tls_applies,
    .run = tls_run,
};
