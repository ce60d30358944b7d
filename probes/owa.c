#include "probes/owa.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/logon.h"
#include "probes/offer.h"
#include "probes/run.h"

static const char *const place_names[] = {
    [OWA_INSIDE] = "inside",
    [OWA_LANGUAGE] = "language selection",
    [OWA_PASSWORD_EXPIRED] = "password expired",
    [OWA_LOGON] = "logon form",
    [OWA_ERROR] = "error page",
    [OWA_ELSEWHERE] = "elsewhere",
    [OWA_NOWHERE] = "nowhere",
};

/* ---- AUTH ---- */

static const struct fact_def logon_facts[] = {
    {"auth.scheme", FACT_TEXT, "forms"},
    {"auth.account", FACT_TEXT, "the account name as it was sent"},
    {"auth.prover", FACT_BOOL, "this check was the first to use the password"},
    {"auth.status", FACT_INT, "HTTP status of the answer to the form"},
    {"owa.place", FACT_TEXT, "where the logon leads: inside, logon form, language selection …"},
    {"owa.reason", FACT_INT,
        "reason= of the logon form: 2 bad credentials, 5 and 6 blocked by rules"},
    {"owa.location", FACT_TEXT, "the redirect itself"},
    SERVER_FACTS,
    FACT_END,
};

static const char *reason_meaning(int reason)
{
    switch (reason) {
    case 1:
        return "signed out";
    case 2:
        return "user name or password is wrong, or the name is not in the form OWA wants";
    case 3:
        return "the session timed out";
    case 4:
        return "the password was changed";
    case 5:
    case 6:
        return "blocked by client access rules";
    default:
        return "no reason given";
    }
}

static void fail_logon(struct check *check, enum cause cause, long code, const char *words)
{
    struct fault fault;
    fault_set(&fault, cause, ORIGIN_HTTP, code, "%s", words);
    check_fail(check, &fault);
}

void judge_owa_logon(const struct http_response *response, const struct owa_location *location,
    bool has_cookies, struct check *check)
{
    char words[FAULT_TEXT_SIZE];
    note_server(response, check);
    check_int(check, "auth.status", response->status);
    check_text(check, "owa.place", place_names[location->place]);
    check_text(check, "owa.location", http_header(response, "Location"));
    if (location->reason >= 0)
        check_int(check, "owa.reason", location->reason);
    switch (location->place) {
    case OWA_INSIDE:
        if (has_cookies)
            check_settle(check, OUTCOME_PASS, "the form logs on");
        else
            fail_logon(check, CAUSE_NOT_EXCHANGE, response->status,
                "the form leads inside but sets no logon cookies: something before Exchange");
        return;
    case OWA_LANGUAGE:
        check_settle(check, OUTCOME_PASS,
            "the form logs on; the mailbox was never opened in OWA (language selection)");
        return;
    case OWA_ERROR:
        check_settle(check, OUTCOME_PASS, "the form logs on; an error page follows");
        return;
    case OWA_PASSWORD_EXPIRED:
        fail_logon(check, CAUSE_PASSWORD_EXPIRED, response->status,
            "the password was right but has expired or must be changed");
        return;
    case OWA_LOGON:
        snprintf(words, sizeof words, "the logon form comes back, reason %d: %s", location->reason,
            reason_meaning(location->reason));
        fail_logon(check, location->reason >= 5 ? CAUSE_ACCESS_DENIED : CAUSE_LOGON_REFUSED,
            location->reason, words);
        return;
    case OWA_ELSEWHERE:
        fail_logon(check, CAUSE_REDIRECTED, response->status,
            "the logon leads away from this server: see owa.location");
        return;
    case OWA_NOWHERE:
        snprintf(words, sizeof words, "the form is answered with %d: %s", response->status,
            status_meaning(response->status));
        fail_logon(check, CAUSE_HTTP_STATUS, response->status, words);
        return;
    }
}

static bool post_form(struct session *session, struct http_response *ret_response, bool *ret_sent,
    struct fault *fault)
{
    const struct settings *settings = session->settings;
    struct arena scratch = {0};
    const char *destination = arena_printf(&scratch, "https://%s%s%s/owa/", session->endpoint.host,
        session->endpoint.port == 443 ? "" : ":",
        session->endpoint.port == 443 ? "" : arena_printf(&scratch, "%u", session->endpoint.port));
    char *form = owa_form(&scratch, destination, settings->user, secret_text(settings->secret));
    struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded"},
        {"Cookie", "PBack=0"}, /* without it the form comes back without a word */
    };
    struct http_request request = {.method = "POST",
        .target = "/owa/auth.owa",
        .headers = headers,
        .header_count = 2,
        .body = form,
        .body_length = strlen(form),
        .credentials = true,
        .body_max = 256 * 1024};
    struct net_limit limit = session_limit(session);
    bool begun =
        session_keep_http(session, fault) && http_begin(session->http, &request, limit, fault);
    bool ok = begun && http_finish(session->http, limit, ret_response, fault);
    *ret_sent = begun;
    OPENSSL_cleanse(form, strlen(form));
    arena_done(&scratch);
    return ok;
}

static bool keep_cookies(struct session *session, const struct http_response *response)
{
    const char *value;
    for (size_t i = 0; (value = http_header_nth(response, "Set-Cookie", i)) != NULL; i++)
        session->cookies = cookie_add(&session->arena, session->cookies, value);
    return session->cookies != NULL && strstr(session->cookies, "cadata") != NULL;
}

/* Without the logon's cookies a redirect proves nothing: a portal redirects, too. */
static void tell_gate(struct session *session, struct check *check, bool sent, bool has_cookies)
{
    if (check->outcome == OUTCOME_PASS && has_cookies)
        run_gate_tell(session, WAY_FORM, GATE_PROVED, check, NULL);
    else
        run_gate_tell(session, WAY_FORM,
            sent ? gate_verdict_of(check->fault.cause) : GATE_NO_VERDICT, check, &check->fault);
}

static void logon_run(struct session *session, struct check *check)
{
    struct http_response response = {0};
    struct fault fault;
    char who[256];
    bool sent;
    if (logon_forbidden(session, check))
        return;
    if (session->settings->secret == NULL) {
        check_settle(check, OUTCOME_SKIPPED, "the form wants a password, and none was given (-k)");
        check_halt(check);
        return;
    }
    enum gate_pass pass = run_gate(session, WAY_FORM, &fault, who);
    if (pass == GATE_STOP) {
        logon_gate_stopped(check, &fault, who);
        return;
    }
    check_text(check, "auth.scheme", "forms");
    check_text(check, "auth.account", session->settings->user);
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool has_cookies = false;
    if (post_form(session, &response, &sent, &fault)) {
        struct owa_location location = owa_classify(
            &session->arena, http_header(&response, "Location"), session->endpoint.host);
        has_cookies = keep_cookies(session, &response);
        judge_owa_logon(&response, &location, has_cookies, check);
    } else {
        check_fail(check, &fault);
    }
    if (sent)
        run_count_logon(session, check->fault.cause == CAUSE_LOGON_REFUSED);
    if (GATE_MUST_TELL(pass))
        tell_gate(session, check, sent, has_cookies);
    session_trace(session, '*', "form: %s", check->summary);
    session->scheme = "forms";
    http_response_done(&response);
}

static bool owa_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_OWA;
}

const struct probe probe_owa_logon = {
    .id = "owa.logon",
    .title = "the account logs on with OWA's form",
    .layer = LAYER_AUTH,
    .facts = logon_facts,
    .applies = owa_applies,
    .run = logon_run,
};

/* ---- PROTOCOL ---- */

static const struct fact_def app_facts[] = {
    {"owa.build", FACT_TEXT, "build in the page's links"},
    {"owa.place", FACT_TEXT, "where /owa/ leads after the logon"},
    {"owa.error", FACT_TEXT, "X-OWA-Error, or the error page's own words"},
    SERVER_FACTS,
    FACT_END,
};

/* X-OWA-Error values that speak of the mailbox, not of OWA. */
static bool is_mailbox_error(const char *error)
{
    return error != NULL && (text_find_nocase(error, "Mailbox") != NULL ||
                                text_find_nocase(error, "Quota") != NULL ||
                                text_find_nocase(error, "UserHasNoMailbox") != NULL);
}

void judge_owa_app(
    const struct http_response *response, const struct owa_location *location, struct check *check)
{
    struct fault fault;
    const char *error = http_header(response, "X-OWA-Error");
    note_server(response, check);
    check_text(check, "owa.error", error != NULL ? error : location->message);
    if (response->status == 200 && error == NULL) {
        check_text(check, "owa.build", owa_page_build(&check->arena, response->body));
        check_settle(check, OUTCOME_PASS, "OWA's page opens");
        return;
    }
    if (response->status / 100 == 3)
        check_text(check, "owa.place", place_names[location->place]);
    if (location->place == OWA_LANGUAGE && response->status / 100 == 3) {
        check_settle(check, OUTCOME_PASS, "OWA asks for language and time zone: a first logon");
        return;
    }
    if (is_mailbox_error(error)) {
        check_settle(check, OUTCOME_PASS, "OWA answers; it has trouble with the mailbox");
        return;
    }
    if (response->status / 100 == 3 && location->place == OWA_LOGON)
        fault_set(&fault, CAUSE_REDIRECTED, ORIGIN_HTTP, response->status,
            "OWA sends us back to its logon form right after a logon that worked");
    else
        fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP,
            location->http_code != 0 ? location->http_code : response->status,
            "OWA answers %d%s%.80s after the logon", response->status,
            error != NULL ? ", X-OWA-Error " : "", error != NULL ? error : "");
    check_fail(check, &fault);
}

static void app_run(struct session *session, struct check *check)
{
    struct http_response *response = &session->response;
    struct fault fault;
    struct http_header headers[] = {{"Cookie", session->cookies != NULL ? session->cookies : ""}};
    struct http_request request = {.method = "GET",
        .target = "/owa/",
        .headers = headers,
        .header_count = 1,
        .credentials = true,
        .body_max = 2 * 1024 * 1024};
    http_response_done(response);
    if (!session_keep_http(session, &fault) ||
        !http_exchange(session->http, &request, session_limit(session), response, &fault)) {
        check_fail(check, &fault);
        return;
    }
    struct owa_location location =
        owa_classify(&session->arena, http_header(response, "Location"), session->endpoint.host);
    judge_owa_app(response, &location, check);
}

const struct probe probe_owa_app = {
    .id = "owa.app",
    .title = "OWA's page opens after the logon",
    .layer = LAYER_PROTOCOL,
    .facts = app_facts,
    .applies = owa_applies,
    .run = app_run,
};

/* ---- MAILBOX ---- */

static const struct fact_def mailbox_facts[] = {
    {"owa.error", FACT_TEXT, "X-OWA-Error"},
    {"owa.first_logon", FACT_BOOL, "OWA still asks for language and time zone"},
    FACT_END,
};

static void mailbox_run(struct session *session, struct check *check)
{
    const struct http_response *response = &session->response;
    const char *error = http_header(response, "X-OWA-Error");
    struct fault fault;
    check_text(check, "owa.error", error);
    if (error != NULL) {
        fault_set(&fault,
            text_find_nocase(error, "Quota") != NULL ? CAUSE_ACCESS_DENIED : CAUSE_NO_MAILBOX,
            ORIGIN_HTTP, response->status, "OWA cannot open the mailbox: %.120s", error);
        check_fail(check, &fault);
        return;
    }
    if (response->status / 100 == 3) {
        check_bool(check, "owa.first_logon", true);
        check_settle(check, OUTCOME_WARN,
            "the mailbox was never opened in OWA: log on once, or set its regional configuration");
        return;
    }
    check_settle(check, OUTCOME_PASS, "the mailbox opens in OWA");
}

const struct probe probe_owa_mailbox = {
    .id = "owa.mailbox",
    .title = "the mailbox opens in OWA",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = owa_applies,
    .run = mailbox_run,
};
