#include "probes/offer.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/build.h"
#include "net/wire/owa.h"
#include "net/wire/text.h"
#include "probes/rpc_http.h"
#include "probes/run.h"

static const struct fact_def offer_facts[] = {
    SERVER_FACTS,
    {"http.schemes", FACT_LIST, "authentication schemes offered (WWW-Authenticate)"},
    {"http.location", FACT_TEXT, "where a redirect points"},
    {"http.content_type", FACT_TEXT, "Content-Type of an answer that should not have one"},
    {"http.authorization_uri", FACT_TEXT, "where Bearer tokens come from"},
    {"http.exchange", FACT_BOOL, "the answer has headers that only Exchange sends"},
    {"http.via", FACT_TEXT, "Via header: a proxy names itself"},
    {"http.title", FACT_TEXT, "title of a page that should not be there"},
    {"rpc.verb_status", FACT_INT, "RPC over HTTP: status of RPC_OUT_DATA, where it is refused"},
    {"rpc.get_status", FACT_INT, "… and of a GET of the same path"},
    {"clock.skew_s", FACT_INT, "Exchange's clock (Date header) minus ours, in seconds"},
    FACT_END,
};

bool response_shows_exchange(const struct http_response *response)
{
    static const char *const headers[] = {"X-FEServer", "X-OWA-Version", "X-CalculatedBETarget",
        "X-BEServer", "X-DiagInfo", "X-ServerApplication"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (http_header(response, headers[i]) != NULL)
            return true;
    }
    return false;
}

void note_server(const struct http_response *response, struct check *check)
{
    static const char *const failures[] = {"X-FailureContext", "X-CasErrorCode", "X-OWA-Error"};
    const char *back_end = http_header(response, "X-CalculatedBETarget");
    const char *version = http_header(response, "X-OWA-Version");
    struct build build;
    char name[80];
    check_int(check, "http.status", response->status);
    check_text(check, "http.server", http_header(response, "Server"));
    check_text(check, "node", http_header(response, "X-FEServer"));
    check_text(check, "http.request_id", http_header(response, "request-id"));
    check_text(
        check, "http.back_end", back_end != NULL ? back_end : http_header(response, "X-BEServer"));
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const char *value = http_header(response, failures[i]);
        if (value != NULL)
            check_text(
                check, "http.failure", arena_printf(&check->arena, "%s: %s", failures[i], value));
    }
    if (version != NULL && build_parse(version, &build)) {
        check_text(check, "exchange.build", version);
        check_text(check, "exchange.product", build_name(&build, name, sizeof name));
    }
}

bool refusal_fault(const struct http_response *response, struct fault *ret_fault)
{
    const char *expired = http_header(response, "X-MS-Credential-Service-CredExpired");
    if (expired != NULL && text_equal_nocase(expired, "true"))
        return !fault_set(ret_fault, CAUSE_PASSWORD_EXPIRED, ORIGIN_HTTP, response->status,
            "the password was right but has expired (X-MS-Credential-Service-CredExpired)");
    if (text_find_nocase(response->body, "referenced account is currently locked out") != NULL)
        return !fault_set(ret_fault, CAUSE_ACCOUNT_LOCKED, ORIGIN_HTTP, response->status,
            "the server says that the account is locked out");
    return false;
}

static const struct {
    int status;
    const char *meaning;
} meanings[] = {
    {400, "the server finds the request bad (often: headers too long, a large Kerberos ticket)"},
    {401, "the server wants a logon"},
    {403, "the server forbids this path (SSL required, a blocked protocol, or a rule before it)"},
    {404,
        "there is no such path on this server: not Exchange, or the virtual directory is missing"},
    {405, "the method is not allowed: something before Exchange filters it"},
    {407, "a forward proxy wants its own logon"},
    {413, "the request is too large for the server"},
    {440, "logon time-out of forms-based authentication on a path that should not have it"},
    {456, "the account is blocked"},
    {500, "the application failed"},
    {501, "the method is not implemented: something before Exchange filters it"},
    {502, "a gateway before Exchange got no good answer from it"},
    {503, "the service is unavailable: application pool stopped, component inactive, or no node "
          "left"},
    {504, "a gateway before Exchange got no answer from it in time"},
};

const char *status_meaning(int status)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].status == status)
            return meanings[i].meaning;
    }
    return "this is not the answer of this service";
}

/* ---- the anonymous request ---- */

bool offer_begin(struct session *session, struct fault *fault)
{
    struct http_request *request = arena_alloc(&session->arena, sizeof *request);
    *request = (struct http_request){
        .method = "GET", .target = session->endpoint.path, .body_max = 256 * 1024};
    if (session->endpoint.service == SERVICE_RPC) {
        rpc_dial_in(session);
        rpc_build_offer(session, "RPC_OUT_DATA", &session->arena, request);
    }
    if (!http_begin(session->http, request, session_limit(session), fault))
        return false;
    session->offer_begun = true;
    return true;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* NULL: it names none. */
static const char *redirect_target(const struct http_response *response)
{
    const char *location = http_header(response, "Location");
    return location != NULL && location[0] != '\0' ? location : NULL;
}

void status_fault(const struct http_response *response, struct fault *ret_fault)
{
    const char *location = redirect_target(response);
    int status = response->status;
    if (is_redirect(status))
        fault_set(ret_fault, CAUSE_REDIRECTED, ORIGIN_HTTP, status,
            "redirects after the logon (%d) to %.120s: credentials do not follow", status,
            location != NULL ? location : "nowhere (no Location)");
    else
        fault_set(ret_fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, status,
            "answers %d after the logon: %s", status, status_meaning(status));
}

bool response_is_plain(const struct http_response *response, struct fault *fault)
{
    const char *coding = http_header(response, "Content-Encoding");
    if (coding == NULL || coding[0] == '\0' || text_equal_nocase(coding, "identity"))
        return true;
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_HTTP, response->status,
        "the answer is compressed (Content-Encoding: %.40s), which nobody asked for: something "
        "before the server changes its answers",
        coding);
}

static void judge_redirect(
    const struct endpoint *endpoint, const struct http_response *response, struct check *check)
{
    const char *location = redirect_target(response);
    struct owa_location place = owa_classify(&check->arena, location, endpoint->host);
    struct fault fault;
    check_text(check, "http.location", location);
    if (endpoint_is_clear(endpoint)) {
        check_settle(check, OUTCOME_PASS,
            "redirects to %.300s; credentials do not follow it by themselves", location);
        return;
    }
    bool logon_page = place.place == OWA_LOGON;
    if (endpoint->service == SERVICE_OWA && logon_page) {
        check_add(check, "http.schemes", "forms");
        check_settle(check, OUTCOME_PASS, "offers its logon form");
        return;
    }
    if (logon_page)
        fault_set(&fault, CAUSE_REDIRECTED, ORIGIN_HTTP, response->status,
            "redirects to OWA's logon form instead of asking for a logon itself");
    else
        fault_set(&fault, CAUSE_REDIRECTED, ORIGIN_HTTP, response->status, "redirects to %.120s",
            location != NULL ? location : "nowhere (no Location)");
    check_fail(check, &fault);
}

/* What the page calls itself: it mostly names the portal or the web site. */
static void note_title(const struct http_response *response, struct check *check)
{
    enum { TITLE_MAX = 100 };
    const char *title = text_find_nocase(response->body, "<title>");
    if (title == NULL)
        return;
    title += strlen("<title>");
    title += strspn(title, " \t\r\n");
    size_t length = strcspn(title, "<\r\n");
    if (length > 0)
        check_textn(check, "http.title", title, length < TITLE_MAX ? length : TITLE_MAX);
}

static void judge_success(
    const struct endpoint *endpoint, const struct http_response *response, struct check *check)
{
    struct fault fault;
    const char *type = http_header(response, "Content-Type");
    note_title(response, check);
    check_text(check, "http.content_type", type);
    if (endpoint->service == SERVICE_OWA && owa_page_has_form(response->body)) {
        check_add(check, "http.schemes", "forms");
        check_settle(check, OUTCOME_PASS, "offers its logon form");
        return;
    }
    fault_set(&fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, response->status,
        "answers %d with %.60s to a request without a logon: a web site, portal or proxy, not this "
        "Exchange service",
        response->status, type != NULL ? type : "no content type");
    check_fail(check, &fault);
}

void judge_offer(const struct endpoint *endpoint, const struct http_response *response,
    const struct challenge *challenges, size_t count, struct check *check)
{
    struct fault fault;
    int status = response->status;
    note_server(response, check);
    check_bool(check, "http.exchange", response_shows_exchange(response));
    check_text(check, "http.via", http_header(response, "Via"));
    for (size_t i = 0; i < count; i++) {
        check_add(check, "http.schemes", challenges[i].scheme);
        check_text(check, "http.authorization_uri", challenges[i].authorization_uri);
    }
    bool nowhere = endpoint_is_clear(endpoint) && redirect_target(response) == NULL;
    if (is_redirect(status) && !nowhere) {
        judge_redirect(endpoint, response, check);
        return;
    }
    if (endpoint_is_clear(endpoint)) {
        check_settle(
            check, OUTCOME_SKIPPED, "plain HTTP answers %d: no redirect is offered here", status);
        check_halt(check);
        return;
    }
    if (status == 401 && count > 0) {
        check_settle(check, OUTCOME_PASS, "asks for a logon, offers %zu scheme%s", count,
            count == 1 ? "" : "s");
        return;
    }
    if (status == 401) {
        fault_set(&fault, CAUSE_NO_SCHEME, ORIGIN_HTTP, 401,
            "answers 401 but offers no authentication scheme");
        check_fail(check, &fault);
        return;
    }
    if (status >= 200 && status < 300) {
        judge_success(endpoint, response, check);
        return;
    }
    fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, status, "answers %d: %s", status,
        status_meaning(status));
    check_fail(check, &fault);
}

/* A guessed host, or the web server of the domain itself, is Exchange only if it shows it: neither
 * gets credentials otherwise; but where the user or meanwhile another source names it, it does. */
static bool must_show_exchange(struct session *session)
{
    const struct endpoint *endpoint = &session->endpoint;
    if (settings_names_host(session->settings, endpoint->host))
        return false;
    if (endpoint->service == SERVICE_AUTODISCOVER)
        return endpoint->candidate && strcmp(endpoint->host, session->settings->mail_domain) == 0;
    return endpoint_is_guess(endpoint) && !run_named(session);
}

static bool offers(const struct session *session, const char *scheme)
{
    return challenge_find(session->challenges, session->challenge_count, scheme) != NULL;
}

void fail_no_scheme(struct session *session, struct check *check)
{
    struct fault fault;
    char offered[160] = "";
    size_t length = 0;
    for (size_t i = 0; i < session->challenge_count && length < 120; i++)
        length += (size_t)snprintf(offered + length, sizeof offered - length, "%s%.20s",
            i > 0 ? ", " : "", session->challenges[i].scheme);
    const struct settings *settings = session->settings;
    const char *why = "", *trouble = NULL;
    if (offers(session, "Negotiate") && (settings->auth & AUTH_KERBEROS) != 0) {
        why = " (and there is no Kerberos ticket for Negotiate)";
        trouble = run_ticket_trouble(session);
        if (trouble != NULL)
            why = arena_printf(&session->arena, " (no Kerberos ticket: %s)", trouble);
    }
    if (offers(session, "Basic") && !settings->allow_basic && settings->secret != NULL)
        why = " (Basic is used only with --allow-basic)";
    fault_set(&fault, CAUSE_NO_SCHEME, ORIGIN_HTTP, 401,
        "no authentication scheme in common: the server offers %s%s", offered, why);
    check_fail(check, &fault);
}

void fail_no_challenge(
    struct check *check, const char *scheme, const struct http_response *response)
{
    struct fault fault;
    const char *now = http_header(response, "WWW-Authenticate");
    note_server(response, check);
    fault_set(&fault, CAUSE_NO_SCHEME, ORIGIN_HTTP, response->status,
        "offers %.20s, but answers its first message with %d and no challenge (\"%.60s\"): the "
        "password was not used",
        scheme, response->status, now != NULL ? now : "no WWW-Authenticate");
    check_fail(check, &fault);
}

/* A filter before Exchange that lets the path pass, but not the method. */
void judge_verb(const struct http_response *verb, const struct http_response *get,
    const char *get_words, struct check *check)
{
    struct fault fault;
    const char *server = http_header(verb, "Server");
    check_int(check, "rpc.verb_status", verb->status);
    if (get != NULL)
        check_int(check, "rpc.get_status", get->status);
    /* 503 where nobody has logged on is how older proxies answer a GET. */
    bool passes = get != NULL && (get->status == 401 || get->status == 200 || get->status == 503);
    if (passes)
        fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, verb->status,
            "RPC_OUT_DATA is answered with %d by %.40s, GET of the same path with %d: a filter "
            "rejects the verb",
            verb->status, server != NULL ? server : "an unnamed server", get->status);
    else if (get != NULL)
        fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, verb->status,
            "RPC_OUT_DATA is answered with %d, GET of the same path with %d: %s", verb->status,
            get->status, status_meaning(verb->status));
    else
        fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, verb->status,
            "RPC_OUT_DATA is answered with %d: %s (GET: %.80s)", verb->status,
            status_meaning(verb->status), get_words);
    check_fail(check, &fault);
}

static bool refuses_verb(const struct session *session, int status)
{
    return session->endpoint.service == SERVICE_RPC && session->challenge_count == 0 &&
           (status == 400 || status == 403 || status == 404 || status == 405 || status == 501);
}

static void compare_verbs(
    struct session *session, const struct http_response *verb, struct check *check)
{
    struct http_request request;
    struct http_response get = {0};
    struct fault fault;
    rpc_build_offer(session, "GET", &session->arena, &request);
    bool ok = session_keep_http(session, &fault) &&
              http_exchange(session->http, &request, session_limit(session), &get, &fault);
    judge_verb(verb, ok ? &get : NULL, ok ? "" : fault.text, check);
    http_response_done(&get);
}

static void offer_run(struct session *session, struct check *check)
{
    struct http_response response = {0};
    struct fault fault;
    if (!session->offer_begun && session->http == NULL && !session_open_http(session, &fault)) {
        check_fail(check, &fault);
        return;
    }
    if ((!session->offer_begun && !offer_begin(session, &fault)) ||
        !http_finish(session->http, session_limit(session), &response, &fault)) {
        check_fail(check, &fault);
        return;
    }
    const char *value;
    for (size_t i = 0; (value = http_header_nth(&response, "WWW-Authenticate", i)) != NULL; i++)
        challenges_parse(&session->arena, value, session->challenges, &session->challenge_count);
    session->exchange_seen = response_shows_exchange(&response);
    judge_offer(
        &session->endpoint, &response, session->challenges, session->challenge_count, check);
    if (refuses_verb(session, response.status))
        compare_verbs(session, &response, check);
    int64_t server;
    value = http_header(&response, "Date");
    if (session->exchange_seen && value != NULL && http_date_parse(value, &server))
        check_int(check, "clock.skew_s", server - clock_wall_us() / 1000000);
    if (check->outcome == OUTCOME_PASS && !session->exchange_seen && must_show_exchange(session)) {
        check_settle(check, OUTCOME_SKIPPED,
            "a web server answers, but nothing shows that it is Exchange: it gets no credentials "
            "without --allow-host %s",
            session->endpoint.host);
        check_halt(check);
    }
    if (check->outcome == OUTCOME_PASS && offers(session, "Negotiate"))
        run_want_ticket(session, session->endpoint.host);
    if (check->outcome == OUTCOME_PASS && endpoint_is_clear(&session->endpoint)) {
        const char *location = http_header(&response, "Location");
        if (location != NULL)
            run_discover(session, SERVICE_AUTODISCOVER, location, SOURCE_DNS);
        check_halt(check);
    }
    http_response_done(&response);
}

static bool offer_applies(const struct endpoint *endpoint)
{
    return endpoint_is_http(endpoint);
}

const struct probe probe_http_offer = {
    .id = "http.offer",
    .title = "the service answers and asks for a logon",
    .layer = LAYER_HTTP,
    .facts = offer_facts,
    .applies = offer_applies,
    .run = offer_run,
};

/* ---- health page ---- */

static const struct fact_def health_facts[] = {
    {"health.status", FACT_INT, "HTTP status of healthcheck.htm"},
    {"node", FACT_TEXT, "the server the page names"},
    FACT_END,
};

void judge_health(
    const struct endpoint *endpoint, const struct http_response *response, struct check *check)
{
    (void)endpoint;
    check_int(check, "health.status", response->status);
    if (response->status != 200) {
        check_settle(check, OUTCOME_WARN,
            "healthcheck.htm answers %d: load balancers take this node out for this protocol",
            response->status);
        return;
    }
    /* "200 OK<br/>ex1.contoso.test"; a portal answers 200, too */
    if (text_find_nocase(response->body, "200 OK") == NULL) {
        check_settle(check, OUTCOME_WARN,
            "healthcheck.htm answers 200, but with a page that is not Exchange's");
        return;
    }
    const char *node = text_find_nocase(response->body, "<br/>");
    node = node != NULL ? node + strlen("<br/>") : "";
    size_t length = strcspn(node, "<> \t\r\n");
    if (length > 0)
        check_textn(check, "node", node, length < 255 ? length : 255);
    check_settle(check, OUTCOME_PASS, "healthcheck.htm says 200 OK");
}

static void health_run(struct session *session, struct check *check)
{
    struct http_response response = {0};
    struct fault fault;
    char target[300];
    const char *path = session->endpoint.path;
    size_t directory = 1 + strcspn(path + 1, "/?#"); /* "/EWS" of "/EWS/Exchange.asmx" */
    snprintf(target, sizeof target, "%.*s/healthcheck.htm",
        (int)(directory < 200 ? directory : 200), path);
    struct http_request request = {.method = "GET", .target = target, .body_max = 64 * 1024};
    if (!session_keep_http(session, &fault) ||
        !http_exchange(session->http, &request, session_limit(session), &response, &fault)) {
        check_settle(check, OUTCOME_WARN, "healthcheck.htm: %s", fault.text);
        check->fault = fault;
        return;
    }
    judge_health(&session->endpoint, &response, check);
    http_response_done(&response);
}

static bool health_applies(const struct endpoint *endpoint)
{
    return endpoint_is_http(endpoint) && !endpoint_is_clear(endpoint);
}

const struct probe probe_http_health = {
    .id = "http.health",
    .title = "the service's health page",
    .layer = LAYER_HTTP,
    .facts = health_facts,
    .applies = health_applies,
    .run = health_run,
};
