#include <string.h>

#include "net/rpch_impl.h"
#include "net/wire/text.h"

const char *rpch_channel_str(enum rpch_channel channel)
{
    return channel == RPCH_OUT ? "OUT" : "IN";
}

const char *rpch_method(enum rpch_channel channel)
{
    return channel == RPCH_OUT ? "RPC_OUT_DATA" : "RPC_IN_DATA";
}

void rpch_name_fault(enum rpch_channel channel, struct fault *fault)
{
    fault_set(fault, fault->cause, fault->origin, fault->code, "%s: %s", rpch_method(channel),
        fault->text);
}

/* ---- refusals ---- */

static const char *status_words(int status)
{
    static const struct {
        int status;
        const char *words;
    } known[] = {
        {400, "the method is refused: a firewall or proxy before the RPC proxy?"},
        {403, "access is forbidden"},
        {404, "there is no RPC proxy, or it does not know this server"},
        {405, "the method is refused: a firewall or proxy before the RPC proxy?"},
        {407, "a proxy on the way wants a logon"},
        {411, "a length is missing: a proxy on the way changed the request"},
        {413, "the announced length is refused: a proxy on the way wants to buffer the channel"},
        {417, "to wait for 100 Continue is refused"},
        {500, "the RPC proxy failed"},
        {501, "the method is refused: a firewall or proxy before the RPC proxy?"},
        {502, "a proxy on the way does not reach the RPC proxy"},
        {503, "the service is not available"},
        {504, "a proxy on the way got no answer from the RPC proxy"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].status == status)
            return known[i].words;
    }
    return "that is no answer of an RPC proxy";
}

/* What a refusal is judged by. */
struct refusal {
    int status;
    const char *reason, *location;
    bool authorized; /* it answers our logon */
};

static bool refusal_fault(
    enum rpch_channel channel, const struct refusal *refusal, struct fault *fault)
{
    const char *method = rpch_method(channel);
    int status = refusal->status;
    uint32_t code = 0;
    if (status == 503 && rts_error_parse(refusal->reason, &code)) {
        (void)rpc_status_fault(code, "the RPC proxy", fault);
        rpch_name_fault(channel, fault);
        return false;
    }
    if (status == 401 && refusal->authorized)
        return fault_set(fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, status,
            "%s is answered with 401: our logon is refused there", method);
    if (status == 401)
        return fault_set(fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, status,
            "%s is answered with 401: a logon is wanted there", method);
    if (status / 100 == 3 && refusal->location != NULL)
        return fault_set(fault, CAUSE_REDIRECTED, ORIGIN_HTTP, status,
            "%s is answered with %d: redirected to %.100s", method, status, refusal->location);
    if (status == 200)
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, status,
            "%s is answered with 200 while it is open: that is no RPC proxy", method);
    return fault_set(fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, status, "%s is answered with %d: %s",
        method, status, status_words(status));
}

bool rpch_refusal(enum rpch_channel channel, const struct http_response *answer, bool authorized,
    struct fault *fault)
{
    struct refusal refusal = {.status = answer->status,
        .reason = answer->reason,
        .location = http_header(answer, "Location"),
        .authorized = authorized};
    return refusal_fault(channel, &refusal, fault);
}

/* The type is application/rpc ([MS-RPCH] 2.1.2.1.4); a page comes from somebody else. */
bool rpch_is_page(const struct http_conn *conn)
{
    const char *type = http_stream_header(conn, "Content-Type", 0);
    return type != NULL && text_starts_nocase(type, "text/");
}

bool rpch_has_failed(const struct rpch_request *request, enum rpch_channel channel,
    struct http_conn *conn, struct fault *fault)
{
    int status = http_stream_status(conn);
    struct fault end = {0};
    if (status != 0 && (channel == RPCH_IN || status != 200)) {
        struct refusal refusal = {.status = status,
            .reason = http_stream_reason(conn),
            .location = http_stream_header(conn, "Location", 0),
            .authorized = request->legs[channel].authorization != NULL};
        (void)refusal_fault(channel, &refusal, fault);
        return true;
    }
    if (status == 200 && rpch_is_page(conn)) {
        fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, status,
            "%s is answered with a page of %.60s: that is no RPC proxy", rpch_method(channel),
            http_stream_header(conn, "Content-Type", 0));
        return true;
    }
    if (!http_stream_ended(conn, &end))
        return false;
    if (end.cause == CAUSE_NONE)
        fault_set(&end, CAUSE_CLOSED, ORIGIN_EXREACH, 0, "the server ended the channel");
    rpch_name_fault(channel, &end);
    if (fault != NULL)
        *fault = end;
    return true;
}

/* [MS-RPCH] 3.2.2.4.1.2: who has to speak next tells which way is blocked. */
enum rpch_channel rpch_timeout_fault(enum rts_state state, struct fault *fault)
{
    switch (state) {
    case RTS_STATE_OUT_WAIT:
        fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "RPC_OUT_DATA: no answer in time");
        return RPCH_OUT;
    case RTS_STATE_A3_WAIT:
        fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
            "RPC_OUT_DATA is answered with 200, and CONN/A3 did not come on it in time: a proxy on "
            "the way holds the answer back?");
        return RPCH_OUT;
    case RTS_STATE_C2_WAIT:
        fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
            "RPC_IN_DATA does not get through: CONN/A3 came on OUT, CONN/C2 did not come in time; "
            "a proxy on the way buffers what is sent, or drops the method?");
        return RPCH_IN;
    case RTS_STATE_OPEN:
    case RTS_STATE_RECYCLING:
    case RTS_STATE_FAILED:
        break;
    }
    fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
        "RPC_OUT_DATA: no answer of the RPC server came on it in time");
    return RPCH_OUT;
}

/* ---- the report ---- */

static void keep_headers(const struct http_conn *conn, struct http_response *answer)
{
    struct http_header header;
    size_t count = 0;
    while (http_stream_header_at(conn, count, &header))
        count++;
    struct http_header *kept = arena_alloc(&answer->arena, (count + 1) * sizeof *kept);
    for (size_t i = 0; i < count && http_stream_header_at(conn, i, &header); i++)
        kept[i] = (struct http_header){.name = arena_strdup(&answer->arena, header.name),
            .value = arena_strdup(&answer->arena, header.value)};
    answer->headers = kept;
    answer->header_count = count;
}

void rpch_keep_answer(enum rpch_channel channel, struct http_conn *conn, struct rpch_seen *seen)
{
    struct http_response *answer = &seen->answers[channel];
    const uint8_t *bytes = NULL;
    int status = conn == NULL ? 0 : http_stream_status(conn);
    if (status == 0)
        return;
    size_t length = http_stream_bytes(conn, &bytes);
    answer->status = status;
    answer->reason = arena_strdup(&answer->arena, http_stream_reason(conn));
    keep_headers(conn, answer);
    if ((channel == RPCH_OUT && status == 200 && !rpch_is_page(conn)) || bytes == NULL)
        length = 0;
    answer->body = length == 0 ? "" : arena_strndup(&answer->arena, (const char *)bytes, length);
    answer->length = length;
    answer->first_byte_us = http_stream_first_byte_us(conn);
    seen->has_rpc_error[channel] =
        status == 503 && rts_error_parse(answer->reason, &seen->rpc_error[channel]);
}

/* A refusal explains an end of the other connection, and OUT goes before IN. */
enum rpch_channel rpch_blamed(const struct rpch_seen *seen)
{
    bool in_first = seen->faults[RPCH_OUT].cause == CAUSE_NONE ||
                    (seen->answers[RPCH_OUT].status == 0 && seen->answers[RPCH_IN].status != 0);
    return in_first && seen->faults[RPCH_IN].cause != CAUSE_NONE ? RPCH_IN : RPCH_OUT;
}

void rpch_blame(const struct rpch_seen *seen, struct fault *fault)
{
    const struct fault *out = &seen->faults[RPCH_OUT], *in = &seen->faults[RPCH_IN];
    if (fault == NULL || (out->cause == CAUSE_NONE && in->cause == CAUSE_NONE))
        return;
    const struct fault *why = &seen->faults[rpch_blamed(seen)];
    bool both = out->cause != CAUSE_NONE && in->cause == out->cause && in->code == out->code;
    *fault = *why;
    if (both)
        fault_set(fault, why->cause, why->origin, why->code, "%.180s (IN too)", why->text);
}

void rpch_seen_done(struct rpch_seen *seen)
{
    http_response_done(&seen->answers[RPCH_OUT]);
    http_response_done(&seen->answers[RPCH_IN]);
    *seen = (struct rpch_seen){0};
}
