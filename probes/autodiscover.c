#include "probes/autodiscover.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/build.h"
#include "net/wire/text.h"
#include "probes/mapi_http.h"
#include "probes/offer.h"
#include "probes/run.h"

void autodiscover_build(struct session *session, struct http_request *ret_request)
{
    static const struct http_header headers[] = {
        {"Content-Type", "text/xml; charset=utf-8"}, {"Accept", "text/xml"},
        {"X-MapiHttpCapability", "1"}, /* else MAPI over HTTP is left out of the answer */
    };
    char *body = autodiscover_request(&session->arena, session->settings->address);
    *ret_request = (struct http_request){
        .method = "POST",
        .target = session->endpoint.path,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = body,
        .body_length = strlen(body),
        .body_max = AUTODISCOVER_BODY_MAX,
    };
}

/* ---- PROTOCOL ---- */

static const struct fact_def pox_facts[] = {
    {"autodiscover.action", FACT_TEXT, "settings, redirectAddr or redirectUrl"},
    {"autodiscover.redirect", FACT_TEXT, "where the answer sends the client"},
    {"autodiscover.error_code", FACT_INT, "ErrorCode of an <Error> answer"},
    {"autodiscover.error", FACT_TEXT, "its Message"},
    {"autodiscover.protocols", FACT_LIST, "Protocol sections: EXCH, EXPR, mapiHttp, WEB …"},
    {"autodiscover.urls", FACT_LIST, "every URL: section, internal or external, element, URL"},
    {"autodiscover.server", FACT_TEXT, "Server of EXCH: GUID@domain or a host"},
    {"autodiscover.auth_package", FACT_TEXT, "AuthPackage of EXPR, else of EXCH"},
    {"autodiscover.cert_principal", FACT_TEXT, "CertPrincipalName of EXPR"},
    {"autodiscover.public_folders", FACT_TEXT, "the public folder mailbox"},
    {"autodiscover.display_name", FACT_TEXT, "display name of the mailbox"},
    {"autodiscover.legacy_dn", FACT_TEXT, "legacyExchangeDN of the mailbox"},
    {"autodiscover.smtp_address", FACT_TEXT, "AutoDiscoverSMTPAddress"},
    SERVER_FACTS,
    FACT_END,
};

static void note_settings(const struct autodiscover_answer *answer, struct check *check)
{
    struct arena *arena = &check->arena;
    for (size_t i = 0; i < answer->protocol_count; i++) {
        const struct autodiscover_protocol *protocol = &answer->protocols[i];
        struct build build;
        char name[80];
        check_add(check, "autodiscover.protocols", protocol->type);
        bool expr = strcmp(protocol->type, "EXPR") == 0;
        if (strcmp(protocol->type, "EXCH") == 0)
            check_text(check, "autodiscover.server", protocol->server);
        if (expr || check_fact(check, "autodiscover.auth_package") == NULL)
            check_text(check, "autodiscover.auth_package", protocol->auth_package);
        if (expr)
            check_text(check, "autodiscover.cert_principal", protocol->cert_principal_name);
        if (protocol->server_version != NULL && check_fact(check, "exchange.build") == NULL &&
            build_parse_hex(protocol->server_version, &build)) {
            check_text(check, "exchange.build",
                arena_printf(arena, "%d.%d.%d", build.major, build.minor, build.build));
            check_text(check, "exchange.product", build_name(&build, name, sizeof name));
        }
    }
    for (size_t i = 0; i < answer->url_count; i++) {
        const struct autodiscover_url *url = &answer->urls[i];
        check_add(check, "autodiscover.urls",
            arena_printf(arena, "%s %s %s %.500s", url->protocol,
                url->internal ? "internal" : "external", url->element, url->url));
    }
    check_text(check, "autodiscover.public_folders", answer->public_folder_address);
    check_text(check, "autodiscover.display_name", answer->display_name);
    check_text(check, "autodiscover.legacy_dn", answer->legacy_dn);
    check_text(check, "autodiscover.smtp_address", answer->smtp_address);
}

static void judge_error(const struct autodiscover_answer *answer, struct check *check)
{
    struct fault fault;
    check_int(check, "autodiscover.error_code", answer->error_code);
    check_text(check, "autodiscover.error", answer->error_message);
    const char *meaning = answer->error_code == 500   ? "no mailbox has this address here"
                          : answer->error_code == 600 ? "it calls our request invalid"
                          : answer->error_code == 601 ? "it has no provider for this request"
                                                      : "it gives an error";
    fault_set(&fault, answer->error_code == 500 ? CAUSE_NO_MAILBOX : CAUSE_AUTODISCOVER_ERROR,
        ORIGIN_AUTODISCOVER, answer->error_code, "Autodiscover answers with error %ld: %s",
        answer->error_code, meaning);
    check_fail(check, &fault);
}

void judge_autodiscover(const struct http_response *response,
    const struct autodiscover_answer *answer, const struct fault *fault, struct check *check)
{
    struct fault bad;
    note_server(response, check);
    if (response->status != 200) {
        status_fault(response, &bad);
        check_fail(check, &bad);
        return;
    }
    if (answer == NULL) {
        check_fail(check, fault);
        return;
    }
    if (answer->error) {
        judge_error(answer, check);
        return;
    }
    note_settings(answer, check);
    const char *redirect =
        answer->redirect_address != NULL ? answer->redirect_address : answer->redirect_url;
    if (redirect != NULL) {
        check_text(check, "autodiscover.action",
            answer->redirect_address != NULL ? "redirectAddr" : "redirectUrl");
        check_text(check, "autodiscover.redirect", redirect);
        check_settle(check, OUTCOME_WARN, "sends the client on to %.200s", redirect);
        check_halt(check);
        return;
    }
    check_text(check, "autodiscover.action", "settings");
    check_settle(
        check, OUTCOME_PASS, "gives the settings of the mailbox, %zu URLs", answer->url_count);
}

/* What the answer names becomes rows. */
static const struct {
    const char *element;
    enum service service;
} discoveries[] = {
    {"EwsUrl", SERVICE_EWS},
    {"ASUrl", SERVICE_EWS},
    {"OWAUrl", SERVICE_OWA},
};

/* The store's URL; that of the address book lies beside it, on the same host. */
static bool is_mapi_store(const struct autodiscover_url *url)
{
    return text_equal_nocase(url->protocol, "mapiHttp") && url->parent != NULL &&
           text_equal_nocase(url->parent, "MailStore");
}

/* Other rows log on to this mailbox: told before they are wanted. */
static void tell_mailbox(struct session *session, const struct autodiscover_answer *answer)
{
    const char *id = NULL, *server = NULL;
    for (size_t i = 0; id == NULL && i < answer->url_count; i++) {
        if (is_mapi_store(&answer->urls[i]))
            id = mapi_mailbox_id(&session->arena, answer->urls[i].url);
    }
    for (size_t i = 0; server == NULL && i < answer->protocol_count; i++) {
        const struct autodiscover_protocol *protocol = &answer->protocols[i];
        if (strcmp(protocol->type, "EXCH") == 0)
            server = protocol->server;
    }
    if (id == NULL && server != NULL && strchr(server, '@') != NULL)
        id = server;
    const struct known_mailbox mailbox = {.legacy_dn = answer->legacy_dn,
        .mailbox_id = id,
        .server = server,
        .source = SOURCE_AUTODISCOVER};
    if (mailbox.legacy_dn != NULL)
        run_learn_mailbox(session, &mailbox);
}

/* [MS-OXDSCLI] 2.2.4.1.1.2.5: EXPR (and EXHTTP) name the RPC proxy; EXCH names the store, which is
 * reached over TCP where that is a host. */
static void discover_rpc(struct session *session, const struct autodiscover_answer *answer)
{
    struct arena *arena = &session->arena;
    for (size_t i = 0; i < answer->protocol_count; i++) {
        const struct autodiscover_protocol *protocol = &answer->protocols[i];
        const char *server = protocol->server;
        if (server == NULL || strchr(server, '@') != NULL)
            continue;
        bool store = strcmp(protocol->type, "EXCH") == 0;
        if (store)
            run_discover(session, SERVICE_RPC, arena_printf(arena, RPC_TCP_URL "%.255s", server),
                SOURCE_AUTODISCOVER);
        else if (strcmp(protocol->type, "EXPR") == 0 || strcmp(protocol->type, "EXHTTP") == 0)
            run_discover(session, SERVICE_RPC,
                arena_printf(arena, "https://%.255s%s", server, service_path(SERVICE_RPC)),
                SOURCE_AUTODISCOVER);
    }
}

static void discover(struct session *session, const struct autodiscover_answer *answer)
{
    discover_rpc(session, answer);
    for (size_t i = 0; i < answer->url_count; i++) {
        for (size_t d = 0; d < sizeof discoveries / sizeof discoveries[0]; d++) {
            if (text_equal_nocase(answer->urls[i].element, discoveries[d].element))
                run_discover(
                    session, discoveries[d].service, answer->urls[i].url, SOURCE_AUTODISCOVER);
        }
        if (is_mapi_store(&answer->urls[i]))
            run_discover(session, SERVICE_MAPI, answer->urls[i].url, SOURCE_AUTODISCOVER);
    }
}

static void pox_run(struct session *session, struct check *check)
{
    struct autodiscover_answer *answer = arena_alloc(&session->arena, sizeof *answer);
    const struct http_response *response = &session->response;
    struct fault fault;
    bool ok = response->status == 200 && response_is_plain(response, &fault) &&
              autodiscover_parse(&session->arena, response->body, response->length, answer, &fault);
    judge_autodiscover(response, ok ? answer : NULL, &fault, check);
    if (check->outcome != OUTCOME_PASS)
        return;
    session->parsed = answer;
    tell_mailbox(session, answer);
    discover(session, answer);
}

static bool pox_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_AUTODISCOVER && !endpoint_is_clear(endpoint);
}

const struct probe probe_autodiscover_pox = {
    .id = "autodiscover.pox",
    .title = "Autodiscover answers for the address",
    .layer = LAYER_PROTOCOL,
    .facts = pox_facts,
    .applies = pox_applies,
    .run = pox_run,
};

/* ---- MAILBOX ---- */

static const struct fact_def mailbox_facts[] = {
    {"autodiscover.legacy_dn", FACT_TEXT, "legacyExchangeDN of the mailbox"},
    {"autodiscover.server", FACT_TEXT, "where its store is reached: GUID@domain or a host"},
    FACT_END,
};

void judge_autodiscover_mailbox(
    const struct autodiscover_answer *answer, const char *address, struct check *check)
{
    struct fault fault;
    for (size_t i = 0; i < answer->protocol_count; i++) {
        /* EXCH names the store; EXPR's Server is the proxy before it. */
        if (strcmp(answer->protocols[i].type, "EXCH") == 0 ||
            check_fact(check, "autodiscover.server") == NULL)
            check_text(check, "autodiscover.server", answer->protocols[i].server);
    }
    check_text(check, "autodiscover.legacy_dn", answer->legacy_dn);
    if (answer->legacy_dn == NULL || answer->protocol_count == 0) {
        fault_set(&fault, CAUSE_NO_MAILBOX, ORIGIN_AUTODISCOVER, 0,
            "the settings for %.100s name no mailbox (no LegacyDN, or no protocol)", address);
        check_fail(check, &fault);
        return;
    }
    check_settle(check, OUTCOME_PASS, "the mailbox of %s",
        answer->display_name != NULL ? answer->display_name : address);
}

static void mailbox_run(struct session *session, struct check *check)
{
    judge_autodiscover_mailbox(session->parsed, session->settings->address, check);
}

const struct probe probe_autodiscover_mailbox = {
    .id = "autodiscover.mailbox",
    .title = "the settings are those of a mailbox",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = pox_applies,
    .run = mailbox_run,
};
