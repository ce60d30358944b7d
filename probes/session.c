#include "probes/mapi_http.h"
#include "probes/probe.h"
#include "probes/rpc_http.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_init(struct session *session)
{
    *session = (struct session){.sock = NET_SOCK_NONE, .started_us = clock_monotonic_us()};
}

void session_done(struct session *session)
{
    http_response_done(&session->response);
    mapi_session_done(session->mapi);
    rpc_session_done(session->rpc); /* uses the connection */
    directory_close(session->directory);
    secctx_free(session->seal);
    http_close(session->http);
    tls_free(session->tls);
    sock_close(session->sock);
    tls_seen_done(&session->tls_seen);
    arena_done(&session->arena);
}

struct net_limit session_limit(const struct session *session)
{
    struct deadline step = deadline_in_ms(session->settings->timeout_ms);
    return (struct net_limit){.deadline = deadline_earlier(step, session->run_limit.deadline),
        .cancel_fd = session->run_limit.cancel_fd};
}

void session_trace(struct session *session, char direction, const char *format, ...)
{
    if (session->settings->trace == NULL)
        return;
    struct arena scratch = {0};
    va_list args;
    va_start(args, format);
    const char *line = arena_vprintf(&scratch, format, args);
    va_end(args);
    session->settings->trace(session->settings->context, session->chain_id, direction, line);
    arena_done(&scratch);
}

void session_trace_line(void *context, char direction, const char *line)
{
    session_trace(context, direction, "%s", line);
}

bool session_open_http(struct session *session, struct fault *fault)
{
    struct http_origin origin = {.tls = !endpoint_is_clear(&session->endpoint),
        .host = session->endpoint.host,
        .port = session->endpoint.port};
    net_sock sock = session->sock;
    session->sock = NET_SOCK_NONE;
    if (!http_open(
            &origin, sock, session->trust, session->settings->insecure, &session->http, fault))
        return false;
    if (session->settings->verbose >= 2)
        http_set_trace(session->http, session_trace_line, session);
    return true;
}

bool session_keep_http(struct session *session, struct fault *fault)
{
    if (session->http != NULL && http_usable(session->http))
        return true;
    if (session->http != NULL) {
        const uint8_t *hash = NULL;
        size_t length = session_end_point(session, &hash);
        memcpy(session->first_end_point, hash, length);
        session->first_end_point_length = length;
        rpc_let_go(session->rpc);
        http_close(session->http);
        session->http = NULL;
    }
    session_trace(session, '*', "the server closed the connection: connecting again");
    return sock_connect(&session->connect, session_limit(session), &session->sock, fault) &&
           session_open_http(session, fault);
}

size_t session_end_point(const struct session *session, const uint8_t **ret_end_point)
{
    const struct tls_seen *seen =
        session->http != NULL ? http_tls(session->http) : &session->tls_seen;
    /* A connection made anew shows its certificate only with its first request: the bindings in
     * that request are those of the first. */
    if (seen->end_point_length == 0) {
        *ret_end_point = (const uint8_t *)session->first_end_point;
        return session->first_end_point_length;
    }
    *ret_end_point = seen->end_point;
    return seen->end_point_length;
}

/* ---- objects ---- */

struct check *session_found(struct session *session, const struct probe *probe, const char *subject)
{
    struct check *check =
        check_new(session->chain_id, probe->id, probe->title, probe->layer, subject, probe->facts);
    struct check **end = &session->found;
    while (*end != NULL)
        end = &(*end)->next;
    *end = check;
    return check;
}
