#include <errno.h>
#include <string.h>

#include "net/http_private.h"

/* What curl's results mean. curl has one code for many ends: how the peer's side of the socket
 * stood, the errno, and the alerts that were seen make the difference. */

static enum sock_end end_of(const struct http_conn *conn)
{
    long error = 0;
    curl_easy_getinfo(conn->easy, CURLINFO_OS_ERRNO, &error);
    /* Once curl has read the error of a RST, the socket only says that it is closed. */
    if (error == ECONNRESET)
        return SOCK_RESET;
    /* … and after our own close_notify only curl's words still tell of it. */
    if (error == EPIPE && strstr(conn->error, strerror(ECONNRESET)) != NULL)
        return SOCK_RESET;
    if (conn->gone)
        return conn->end;
    return error == EPIPE ? SOCK_CLOSED : SOCK_OPEN;
}

static bool curl_fault(const struct http_conn *conn, struct fault *fault)
{
    CURLcode result = conn->flight.result;
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_CURL, result, "curl: %s",
        conn->error[0] != '\0' ? conn->error : curl_easy_strerror(result));
}

bool http_ended_between(const struct http_conn *conn, enum sock_end end, struct fault *fault)
{
    if (end == SOCK_RESET)
        return fault_set(fault, CAUSE_RESET, ORIGIN_SYSTEM, ECONNRESET,
            "%.110s reset the connection (RST) between two requests", conn->whom);
    return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
        "%.110s closed the connection between two requests", conn->whom);
}

bool http_begin_fault(const struct http_conn *conn, struct fault *fault)
{
    const struct http_flight *flight = &conn->flight;
    if (flight->fault.cause != CAUSE_NONE) {
        if (fault != NULL)
            *fault = flight->fault;
        return false;
    }
    if (conn->second_dial)
        return http_ended_between(conn, end_of(conn), fault);
    bool handshake = flight->result == CURLE_SSL_CONNECT_ERROR ||
                     flight->result == CURLE_RECV_ERROR || flight->result == CURLE_SEND_ERROR;
    if (!conn->tls || !handshake)
        return curl_fault(conn, fault);
    return tls_handshake_fault(&conn->seen, conn->whom, end_of(conn), fault);
}

/* The connection ended before the answer was whole. */
static bool broken_off(const struct http_conn *conn, struct fault *fault)
{
    const struct http_flight *flight = &conn->flight;
    bool reset = end_of(conn) == SOCK_RESET;
    if (conn->tls && tls_alert_fault(&conn->seen, conn->whom, fault))
        return false;
    /* RFC 8446 §4.4.2.4: the refusal of a missing certificate comes after the handshake. The RST
     * that follows our request may take the alert with it. */
    if (conn->seen.client_cert_wanted && flight->header_bytes == 0)
        return fault_set(fault, CAUSE_CLIENT_CERT_WANTED, ORIGIN_EXREACH, 0,
            "%.110s asked for a client certificate, got none and %s the connection", conn->whom,
            reset ? "reset (RST)" : "closed");
    if (flight->header_bytes == 0)
        return fault_set(fault, reset ? CAUSE_RESET : CAUSE_CLOSED,
            reset ? ORIGIN_SYSTEM : ORIGIN_EXREACH, reset ? ECONNRESET : 0,
            "%.110s %s the connection without an answer to our request", conn->whom,
            reset ? "reset (RST)" : "closed");
    if (reset)
        return fault_set(fault, CAUSE_RESET, ORIGIN_SYSTEM, ECONNRESET,
            "%.110s reset the connection (RST) within its answer", conn->whom);
    if (!flight->headers_whole)
        return fault_set(fault, CAUSE_TRUNCATED, ORIGIN_EXREACH, 0,
            "%.110s closed the connection within the headers of its answer", conn->whom);
    return fault_set(fault, CAUSE_TRUNCATED, ORIGIN_EXREACH, 0,
        "the answer of %.110s ends too early, after %zu bytes of its body", conn->whom,
        flight->body_length);
}

static bool receive_fault(const struct http_conn *conn, struct fault *fault)
{
    const struct http_flight *flight = &conn->flight;
    if (strstr(conn->error, "chunked-encoding") != NULL)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_CURL, flight->result,
            "the chunks of the answer's body are broken");
    if (end_of(conn) != SOCK_OPEN || conn->seen.alert_received >= 0)
        return broken_off(conn, fault);
    if (conn->tls)
        return fault_set(fault, CAUSE_TLS_PROTOCOL, ORIGIN_CURL, flight->result,
            "the TLS connection with %.110s broke", conn->whom);
    return curl_fault(conn, fault);
}

bool http_finish_fault(const struct http_conn *conn, struct fault *fault)
{
    const struct http_flight *flight = &conn->flight;
    if (flight->fault.cause != CAUSE_NONE) {
        if (fault != NULL)
            *fault = flight->fault;
        return false;
    }
    if (conn->second_dial) /* curl tries again where a connection that had served dies silently */
        return http_ended_between(conn, end_of(conn), fault);
    switch (flight->result) {
    case CURLE_OK:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return broken_off(conn, fault);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return receive_fault(conn, fault);
    case CURLE_OUT_OF_MEMORY: /* what curl says to a header line over its 100 KB */
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_CURL, flight->result,
            "a header line of the answer is larger than 100 KB");
    case CURLE_UNSUPPORTED_PROTOCOL: /* a version of HTTP that does not exist */
    case CURLE_WEIRD_SERVER_REPLY:
        if (flight->status == 0)
            return fault_set(fault, CAUSE_NOT_HTTP, ORIGIN_CURL, flight->result,
                "%.110s does not speak HTTP: %.90s", conn->whom, conn->error);
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_CURL, flight->result,
            "the answer of %.110s breaks HTTP: %.100s", conn->whom, conn->error);
    default:
        return curl_fault(conn, fault);
    }
}
