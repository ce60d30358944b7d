#include <openssl/crypto.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_private.h"
#include "net/wire/text.h"

/* ---- curl's memory ----------------------------------------------------------------------------
 */

/* curl copies what it sends, Authorization and OWA's form, and frees the copies as they are: all of
 * its memory is wiped when it is freed. */
struct piece {
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static struct piece *piece_of(void *bytes)
{
    return (struct piece *)(void *)((unsigned char *)bytes - offsetof(struct piece, bytes));
}

static void *piece_calloc(size_t count, size_t size)
{
    if (size > 0 && count > (SIZE_MAX - sizeof(struct piece)) / size)
        return NULL;
    struct piece *piece = calloc(1, sizeof *piece + count * size);
    if (piece == NULL)
        return NULL;
    piece->size = count * size;
    return piece->bytes;
}

static void *piece_malloc(size_t size)
{
    return piece_calloc(1, size);
}

static void piece_free(void *bytes)
{
    if (bytes == NULL)
        return;
    struct piece *piece = piece_of(bytes);
    OPENSSL_cleanse(piece->bytes, piece->size);
    free(piece);
}

static void *piece_realloc(void *bytes, size_t size)
{
    void *moved = piece_malloc(size);
    if (bytes == NULL || moved == NULL)
        return moved;
    size_t had = piece_of(bytes)->size;
    memcpy(moved, bytes, had < size ? had : size);
    piece_free(bytes);
    return moved;
}

static char *piece_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = piece_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

bool http_global_init(struct fault *fault)
{
    CURLcode result = curl_global_init_mem(
        CURL_GLOBAL_ALL, piece_malloc, piece_free, piece_realloc, piece_strdup, piece_calloc);
    if (result != CURLE_OK)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_CURL, result, "curl cannot start: %s",
            curl_easy_strerror(result));
    return true;
}

void http_global_done(void)
{
    curl_global_cleanup();
}

/* ---- the connection ---------------------------------------------------------------------------
 */

/* curl must not look the name up: the address it is given is the one that is connected already. */
static bool make_resolve(struct http_conn *conn)
{
    struct arena arena = {0};
    if (strchr(conn->host, ':') != NULL)
        return true; /* an address needs no look-up */
    char address[sizeof conn->peer.text];
    memcpy(address, conn->peer.text, sizeof address);
    address[strcspn(address, "%")] = '\0';
    const char *entry = arena_printf(&arena, "%s:%u:%s", conn->host, (unsigned)conn->port, address);
    conn->resolve = curl_slist_append(NULL, entry);
    arena_done(&arena);
    return conn->resolve != NULL;
}

bool http_open(const struct http_origin *origin, net_sock sock, const struct tls_trust *trust,
    bool insecure, struct http_conn **ret_conn, struct fault *fault)
{
    struct http_conn *conn = xcalloc(1, sizeof *conn);
    conn->tls = origin->tls;
    conn->insecure = insecure;
    conn->host = xstrdup(origin->host);
    conn->port = origin->port;
    conn->trust = trust;
    conn->sock = sock;
    tls_seen_init(&conn->seen);
    conn->easy = curl_easy_init();
    conn->multi = curl_multi_init();
    if (conn->easy == NULL || conn->multi == NULL || !sock_peer(sock, &conn->peer) ||
        !sock_local(sock, &conn->local) || !make_resolve(conn)) {
        http_close(conn);
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "curl cannot take the connection to %.80s", origin->host);
    }
    conn->whom = net_address_whom(conn->host, &conn->peer);
    *ret_conn = conn;
    return true;
}

static void flight_done(struct http_flight *flight)
{
    for (struct curl_slist *at = flight->headers; at != NULL; at = at->next)
        OPENSSL_cleanse(at->data, strlen(at->data));
    curl_slist_free_all(flight->headers);
    arena_done(&flight->arena);
    free(flight->body);
    free(flight->upload.bytes);
    *flight = (struct http_flight){0};
}

/* Ends the request under way; curl closes the connection of one that was not whole. */
void http_land(struct http_conn *conn)
{
    if (!conn->in_flight)
        return;
    conn->in_flight = false;
    (void)curl_multi_remove_handle(conn->multi, conn->easy);
    /* curl keeps the pointers to our headers and body in its handle. */
    curl_easy_reset(conn->easy);
    flight_done(&conn->flight);
}

void http_close(struct http_conn *conn)
{
    if (conn == NULL)
        return;
    http_land(conn);
    http_response_done(&conn->partial);
    if (conn->easy != NULL)
        curl_easy_cleanup(conn->easy);
    if (conn->multi != NULL)
        (void)curl_multi_cleanup(conn->multi);
    if (!conn->handed_over)
        sock_close(conn->sock);
    curl_slist_free_all(conn->resolve);
    tls_seen_done(&conn->seen);
    free(conn->host);
    free(conn->whom);
    free(conn);
}

const struct tls_seen *http_tls(const struct http_conn *conn)
{
    return &conn->seen;
}

bool http_usable(const struct http_conn *conn)
{
    return !conn->spent && !conn->gone && !conn->in_flight && !sock_is_dead(conn->sock);
}

void http_set_trace(struct http_conn *conn, http_trace *trace, void *context)
{
    conn->trace = trace;
    conn->trace_context = context;
}

/* ---- the gate ---------------------------------------------------------------------------------
 */

bool http_gate(struct http_conn *conn, struct fault *fault)
{
    const struct tls_seen *seen = &conn->seen;
    bool credentials = conn->flight.request->credentials;
    struct fault why = {0};
    if (!conn->tls) {
        if (!credentials)
            return true;
        return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, ORIGIN_EXREACH, 0,
            "no credentials were sent: %.80s is reached without TLS", conn->host);
    }
    if (!seen->done || seen->chain_count == 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the certificate of %.80s was not seen", conn->host);
    if (!tls_seen_fault(seen, conn->host, &why))
        return true;
    if (credentials)
        return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, why.origin, why.code,
            "no credentials were sent: %s", why.text);
    if (conn->insecure)
        return true;
    return fault_set(fault, why.cause, why.origin, why.code, "%s", why.text);
}

/* ---- driving curl -----------------------------------------------------------------------------
 */

static void take_result(struct http_conn *conn)
{
    int left = 0;
    for (const CURLMsg *message = curl_multi_info_read(conn->multi, &left); message != NULL;
         message = curl_multi_info_read(conn->multi, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        conn->flight.ended = true;
        conn->flight.result = message->data.result;
    }
}

/* Bytes have come, if not yet a whole line of the headers. */
static bool answer_begun(const struct http_conn *conn)
{
    curl_off_t first = 0;
    return curl_easy_getinfo(conn->easy, CURLINFO_STARTTRANSFER_TIME_T, &first) == CURLE_OK &&
           first > 0;
}

static bool timed_out(const struct http_conn *conn, struct fault *fault)
{
    const struct http_flight *flight = &conn->flight;
    double seconds = (double)(clock_monotonic_us() - flight->begun_us) / 1e6;
    const char *what = "no answer to our request from";
    if (conn->tls && !flight->gated)
        what = conn->seen.first_bytes[0] == '\0' ? "no TLS answer from"
                                                 : "no end of the TLS handshake with";
    else if (flight->header_bytes > 0 || answer_begun(conn))
        what = "no end of the answer of";
    return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "%s %.130s within %.1f s", what,
        conn->whom, seconds);
}

bool http_perform(struct http_conn *conn, struct fault *fault)
{
    int running = 0;
    CURLMcode status = curl_multi_perform(conn->multi, &running);
    take_result(conn);
    if (status != CURLM_OK)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_CURL, status, "curl: %s", curl_multi_strerror(status));
    return true;
}

/* Lets curl work until the gate has been passed (to_gate), or until the request has ended. */
static bool drive(struct http_conn *conn, bool to_gate, struct net_limit limit, struct fault *fault)
{
    struct http_flight *flight = &conn->flight;
    for (;;) {
        if (!http_perform(conn, fault))
            return false;
        if (flight->ended || (to_gate && flight->gated))
            return true;
        struct curl_waitfd cancel = {.fd = limit.cancel_fd, .events = CURL_WAIT_POLLIN};
        CURLMcode status = curl_multi_poll(conn->multi, &cancel, limit.cancel_fd >= 0 ? 1 : 0,
            deadline_left_ms(limit.deadline), NULL);
        if (status != CURLM_OK)
            return fault_set(fault, CAUSE_INTERNAL, ORIGIN_CURL, status, "curl: %s",
                curl_multi_strerror(status));
        if (cancel.revents != 0)
            return fault_set(fault, CAUSE_INTERRUPTED, ORIGIN_EXREACH, 0, "the run was ended");
        if (deadline_passed(limit.deadline))
            return timed_out(conn, fault);
    }
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static bool may_begin(struct http_conn *conn, struct fault *fault)
{
    if (conn->spent || conn->gone)
        return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
            "the connection to %.130s is closed already", conn->whom);
    /* curl would only tell that it wants another connection, not how this one ended. */
    enum sock_end end = conn->handed_over ? sock_end(conn->sock) : SOCK_OPEN;
    if (end != SOCK_OPEN) {
        conn->spent = true;
        return http_ended_between(conn, end, fault);
    }
    /* Judged before curl is asked, a refusal costs no connection. */
    return (conn->tls && !conn->seen.done) || http_gate(conn, fault);
}

bool http_begin(struct http_conn *conn, const struct http_request *request, struct net_limit limit,
    struct fault *fault)
{
    struct http_flight *flight = &conn->flight;
    if (conn->in_flight)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "a request is under way");
    bool first = !conn->handed_over;
    http_response_done(&conn->partial);
    flight->request = request;
    flight->begun_us = clock_monotonic_us();
    flight->answer_headers = arena_alloc(
        &flight->arena, (HTTP_HEADERS_MAX + HTTP_LENGTHS_MAX) * sizeof *flight->answer_headers);
    conn->error[0] = '\0';
    if (!may_begin(conn, fault) || !http_curl_prepare(conn, fault)) {
        flight_done(flight);
        return false;
    }
    conn->in_flight = true;
    CURLMcode status = curl_multi_add_handle(conn->multi, conn->easy);
    bool ok = status == CURLM_OK;
    if (!ok)
        fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_CURL, status, "curl: %s", curl_multi_strerror(status));
    ok = ok && drive(conn, true, limit, fault);
    if (ok && !flight->gated) /* ended before the request was sent */
        ok = http_begin_fault(conn, fault);
    if (first)
        http_trace_tls(conn);
    if (!ok) {
        conn->spent = true;
        http_land(conn);
        return false;
    }
    http_trace_body(conn, '>', request->body_length);
    return true;
}

bool http_answer_whole(const struct http_conn *conn)
{
    const struct http_flight *flight = &conn->flight;
    if (flight->result != CURLE_OK || !flight->headers_whole || flight->status == 0)
        return false;
    /* RFC 9112 §9.8: where only the end of the connection ends a body, TLS must have ended in
     * order. curl takes any end. */
    return !conn->tls || flight->has_length || flight->body_length == 0 || conn->seen.close_notify;
}

/* The answer, or what there is of it; its memory goes to the caller. */
static void hand_out(struct http_conn *conn, size_t body_max, struct http_response *ret_response)
{
    struct http_flight *flight = &conn->flight;
    int64_t now = clock_monotonic_us();
    size_t length = flight->body_length < body_max ? flight->body_length : body_max;
    struct http_response response = {
        .status = flight->status,
        .reason = flight->reason != NULL ? flight->reason : "",
        .headers = flight->answer_headers,
        .header_count = flight->header_count,
        .length = length,
        .first_byte_us = flight->first_byte_us - flight->begun_us,
        .elapsed_us = now - flight->begun_us,
        .closes = conn->gone || sock_is_dead(conn->sock),
    };
    response.body = flight->body == NULL ? "" : arena_strndup(&flight->arena, flight->body, length);
    response.arena = flight->arena;
    flight->arena = (struct arena){0};
    *ret_response = response;
}

bool http_finish(struct http_conn *conn, struct net_limit limit, struct http_response *ret_response,
    struct fault *fault)
{
    struct http_flight *flight = &conn->flight;
    if (!conn->in_flight)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no request is under way");
    bool ok = drive(conn, false, limit, fault);
    if (ok && !http_answer_whole(conn))
        ok = http_finish_fault(conn, fault);
    if (ok) {
        http_trace_body(conn, '<', flight->body_length);
        hand_out(conn, flight->body_length, ret_response);
    } else {
        conn->spent = true;
        http_response_done(&conn->partial);
        if (flight->headers_whole && flight->status >= 200)
            hand_out(conn, HTTP_PARTIAL_MAX, &conn->partial);
    }
    http_land(conn);
    return ok;
}

bool http_partial(struct http_conn *conn, struct http_response *ret_response)
{
    if (conn->partial.status == 0)
        return false;
    *ret_response = conn->partial;
    conn->partial = (struct http_response){0};
    return true;
}

bool http_exchange(struct http_conn *conn, const struct http_request *request,
    struct net_limit limit, struct http_response *ret_response, struct fault *fault)
{
    return http_begin(conn, request, limit, fault) && http_finish(conn, limit, ret_response, fault);
}

/* ---- the answer -------------------------------------------------------------------------------
 */

const char *http_header_nth(const struct http_response *response, const char *name, size_t n)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (text_equal_nocase(response->headers[i].name, name) && n-- == 0)
            return response->headers[i].value;
    }
    return NULL;
}

const char *http_header(const struct http_response *response, const char *name)
{
    return http_header_nth(response, name, 0);
}

void http_response_done(struct http_response *response)
{
    arena_done(&response->arena);
    *response = (struct http_response){0};
}
