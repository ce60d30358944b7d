#include "net/http_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_private.h"
#include "net/wire/text.h"

/* ---- the upload ---- */

size_t http_stream_on_read(char *bytes, size_t one, size_t size, void *context)
{
    struct http_upload *upload = &((struct http_conn *)context)->flight.upload;
    (void)one;
    size_t length = upload->length - upload->at < size ? upload->length - upload->at : size;
    if (length == 0) {
        upload->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    memcpy(bytes, upload->bytes + upload->at, length);
    upload->at += length;
    if (upload->at == upload->length)
        upload->at = upload->length = 0;
    return length;
}

bool http_stream_write(
    struct http_conn *conn, const void *bytes, size_t length, struct fault *fault)
{
    struct http_upload *upload = &conn->flight.upload;
    if (!conn->in_flight || upload->announced == 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no upload is under way");
    if (length > upload->announced - upload->queued ||
        length > HTTP_STREAM_QUEUE_MAX - (upload->length - upload->at))
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "%.130s does not take what is sent to it", conn->whom);
    if (upload->bytes == NULL)
        upload->bytes = xcalloc(1, HTTP_STREAM_QUEUE_MAX);
    memmove(upload->bytes, upload->bytes + upload->at, upload->length - upload->at);
    upload->length -= upload->at;
    upload->at = 0;
    memcpy(upload->bytes + upload->length, bytes, length);
    upload->length += length;
    upload->queued += length;
    if (upload->paused) {
        upload->paused = false;
        (void)curl_easy_pause(conn->easy, CURLPAUSE_CONT);
    }
    return true;
}

bool http_stream_drained(const struct http_conn *conn)
{
    return conn->flight.upload.length == conn->flight.upload.at;
}

/* ---- the answer ---- */

int http_stream_status(const struct http_conn *conn)
{
    const struct http_flight *flight = &conn->flight;
    return flight->headers_whole && flight->status >= 200 ? flight->status : 0;
}

const char *http_stream_header(const struct http_conn *conn, const char *name, size_t n)
{
    const struct http_flight *flight = &conn->flight;
    for (size_t i = 0; i < flight->header_count; i++) {
        if (text_equal_nocase(flight->answer_headers[i].name, name) && n-- == 0)
            return flight->answer_headers[i].value;
    }
    return NULL;
}

bool http_stream_header_at(const struct http_conn *conn, size_t n, struct http_header *ret_header)
{
    if (n >= conn->flight.header_count)
        return false;
    *ret_header = conn->flight.answer_headers[n];
    return true;
}

int64_t http_stream_first_byte_us(const struct http_conn *conn)
{
    const struct http_flight *flight = &conn->flight;
    return flight->first_byte_us == 0 ? 0 : flight->first_byte_us - flight->begun_us;
}

const char *http_stream_reason(const struct http_conn *conn)
{
    return conn->flight.reason != NULL ? conn->flight.reason : "";
}

size_t http_stream_bytes(const struct http_conn *conn, const uint8_t **ret_bytes)
{
    *ret_bytes = (const uint8_t *)conn->flight.body;
    return conn->flight.body_length;
}

void http_stream_take(struct http_conn *conn, size_t length)
{
    struct http_flight *flight = &conn->flight;
    if (length > flight->body_length)
        length = flight->body_length;
    flight->body_length -= length;
    if (length > 0)
        memmove(flight->body, flight->body + length, flight->body_length);
}

bool http_stream_ended(struct http_conn *conn, struct fault *fault)
{
    struct http_flight *flight = &conn->flight;
    *fault = (struct fault){.cause = CAUSE_NONE};
    if (!conn->in_flight || (!flight->ended && flight->upload.lost == SOCK_OPEN))
        return false;
    bool refused = !flight->ended && http_stream_status(conn) != 0;
    if (refused || http_answer_whole(conn))
        return true;
    (void)http_finish_fault(conn, fault);
    /* The kernel tells of a RST only once: here to us, and curl takes it for an end in order. */
    if (flight->upload.lost == SOCK_RESET && fault->cause == CAUSE_CLOSED)
        fault_set(fault, CAUSE_RESET, ORIGIN_SYSTEM, ECONNRESET,
            "%.110s reset the connection (RST) without an answer to our request", conn->whom);
    /* What curl then wants is another connection: as if it had ended before. */
    else if (conn->second_dial && flight->upload.queued > 0 && fault->cause == CAUSE_CLOSED)
        fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
            "%.110s closed the connection without an answer to our request", conn->whom);
    return true;
}

/* ---- driving ---- */

bool http_stream_begin(struct http_conn *conn, const struct http_request *request,
    uint64_t announced, struct net_limit limit, struct fault *fault)
{
    conn->flight.upload.announced = announced;
    return http_begin(conn, request, limit, fault);
}

void http_stream_end(struct http_conn *conn)
{
    conn->spent = true;
    http_land(conn);
}

/* What a caller of http_streams_drive() waits for; compared before and after. */
struct progress {
    size_t bytes;
    int status;
    bool ended;
    enum sock_end lost;
    bool drained;
};

static struct progress progress_of(const struct http_conn *conn)
{
    return (struct progress){.bytes = conn->flight.body_length,
        .status = http_stream_status(conn),
        .ended = conn->flight.ended,
        .lost = conn->flight.upload.lost,
        .drained = http_stream_drained(conn)};
}

static bool has_moved(const struct http_conn *conn, const struct progress *before)
{
    struct progress now = progress_of(conn);
    return now.bytes != before->bytes || now.status != before->status ||
           now.ended != before->ended || now.lost != before->lost || now.drained != before->drained;
}

/* curl asks for more once it has sent all, and is paused then. */
static bool wants_to_write(const struct http_conn *conn)
{
    const struct http_upload *upload = &conn->flight.upload;
    return upload->announced > 0 && !upload->paused;
}

/* All that can be done without waiting. */
static bool perform(struct http_conn *conn, struct fault *fault)
{
    struct http_flight *flight = &conn->flight;
    if (!http_perform(conn, fault))
        return false;
    if (flight->upload.announced == 0 || flight->upload.lost != SOCK_OPEN || flight->ended)
        return true;
    flight->upload.lost = sock_end(conn->sock);
    /* TLS may end before TCP does, or without: curl has read that and goes on with the upload. */
    if (flight->upload.lost == SOCK_OPEN && conn->tls && conn->seen.close_notify)
        flight->upload.lost = SOCK_CLOSED;
    if (flight->upload.lost == SOCK_OPEN)
        return true;
    return http_perform(conn, fault); /* what came right before the end */
}

/* The first channel's multi waits, for the sockets of all: what curl itself waits for leaves out a
 * peer's end while an upload is paused. */
static bool wait_for_any(
    struct http_conn *const *conns, size_t count, struct net_limit limit, struct fault *fault)
{
    struct curl_waitfd extra[HTTP_STREAMS_MAX + 1];
    unsigned extras = 0;
    int64_t left = deadline_left_ms(limit.deadline);
    for (size_t i = 0; i < count; i++) {
        long timer = -1;
        if (curl_multi_timeout(conns[i]->multi, &timer) == CURLM_OK && timer >= 0 && timer < left)
            left = timer;
        if (conns[i]->flight.ended || conns[i]->flight.upload.lost != SOCK_OPEN)
            continue;
        extra[extras] = (struct curl_waitfd){.fd = conns[i]->sock, .events = CURL_WAIT_POLLIN};
        if (wants_to_write(conns[i]))
            extra[extras].events |= CURL_WAIT_POLLOUT;
        extras++;
    }
    unsigned cancel = extras;
    if (limit.cancel_fd >= 0)
        extra[extras++] = (struct curl_waitfd){.fd = limit.cancel_fd, .events = CURL_WAIT_POLLIN};
    CURLMcode status = curl_multi_poll(conns[0]->multi, extra, extras, (int)left, NULL);
    if (status != CURLM_OK)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_CURL, status, "curl: %s", curl_multi_strerror(status));
    if (limit.cancel_fd >= 0 && extra[cancel].revents != 0)
        return fault_set(fault, CAUSE_INTERRUPTED, ORIGIN_EXREACH, 0, "the run was ended");
    return true;
}

/* A channel that always has something new never waits, where this is seen otherwise. */
static bool not_interrupted(struct net_limit limit, struct fault *fault)
{
    limit.deadline = (struct deadline){0};
    struct fault why = {0};
    if (limit.cancel_fd < 0 || sock_wait(NET_SOCK_NONE, SOCK_READABLE, limit, &why) ||
        why.cause != CAUSE_INTERRUPTED)
        return true;
    return fault_set(fault, CAUSE_INTERRUPTED, ORIGIN_EXREACH, 0, "the run was ended");
}

bool http_streams_drive(
    struct http_conn *const *conns, size_t count, struct net_limit limit, struct fault *fault)
{
    struct progress before[HTTP_STREAMS_MAX];
    if (count == 0 || count > HTTP_STREAMS_MAX)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "too many channels");
    for (size_t i = 0; i < count; i++)
        before[i] = progress_of(conns[i]);
    for (;;) {
        bool moved = false;
        for (size_t i = 0; i < count; i++) {
            if (!perform(conns[i], fault))
                return false;
            moved |= has_moved(conns[i], &before[i]);
        }
        if (deadline_passed(limit.deadline))
            return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
                "no answer from %.130s in time", conns[0]->whom);
        if (moved)
            return not_interrupted(limit, fault);
        if (!wait_for_any(conns, count, limit, fault))
            return false;
    }
}
