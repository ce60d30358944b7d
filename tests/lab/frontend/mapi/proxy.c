/* rpcproxy.dll: the inbound and the outbound proxy of RPC over HTTP v2 ([MS-RPCH] 3.2.3, 3.2.4),
 * with the RPC server behind them in the same process. */
#include "../handlers.h"

#include "mapi_faults.h"
#include "rpc_server.h"
#include "rts.h"
#include "target.h"
#include "virtual_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHANNEL_MS = 30000, ECHO_MAX = 16, TARGET_SIZE = 256 };

/* 2.1.2.1.3: how the proxies say that the RPC server cannot be had. */
void rpc_proxy_error(struct call *call, unsigned code)
{
    struct buf line = {0};

    buf_fmt(&line,
        "HTTP/1.0 503 RPC Error: %x\r\nServer: Microsoft-IIS/10.0\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n",
        code);
    call->response->status = 503;
    call->response->sent = true;
    stream_write(&call->conn->stream, line.data, line.len, clock_ms() + CHANNEL_MS);
    buf_done(&line);
}

/* The query is the name and port of the RPC server (2.2.2). False: the call is answered. */
static bool server_exists(struct call *call, char ret_name[TARGET_SIZE])
{
    const char *colon = strrchr(call->request->query, ':');
    int port = colon != NULL ? atoi(colon + 1) : 0;

    if (colon == NULL || (size_t)(colon - call->request->query) >= TARGET_SIZE) {
        iis_error(call, 400, "Bad Request", "The name of an RPC server is missing.");
        call->response->close = true;
        return false;
    }
    copy_text(ret_name, (size_t)(colon - call->request->query) + 1, call->request->query);
    if (!target_exists(call->config, call->node, ret_name)) {
        target_unknown(call);
        return false;
    }
    if (port != RPC_PORT_STORE && port != RPC_PORT_REFERRAL && port != RPC_PORT_ADDRESS_BOOK) {
        rpc_proxy_error(call, 0x6ba); /* RPC_S_SERVER_UNAVAILABLE */
        return false;
    }
    return true;
}

/* 2.1.2.1.7 */
static void echo(struct call *call)
{
    response_header(call->response, "Content-Type", "application/rpc");
    rts_echo(&call->response->body);
    http_read_body(call->conn, call->request, clock_ms() + CHANNEL_MS);
}

static bool answer_continue(const struct call *call)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *expect = request_header(call->request, "Expect");

    if (expect == NULL || strcasecmp(expect, "100-continue") != 0)
        return true;
    return stream_write(&call->conn->stream, line, sizeof line - 1, clock_ms() + CHANNEL_MS);
}

/* The first PDU of a channel. */
static bool read_rts(struct call *call, uint64_t *left, struct rts *ret_rts)
{
    struct buf pdu = {0};
    bool ok = rpc_read_pdu(call->conn, left, &pdu, clock_ms() + CHANNEL_MS) &&
              rts_parse(pdu.data, pdu.len, ret_rts);

    buf_done(&pdu);
    return ok;
}

/* 2.1.2.1.4, and CONN/A3 with it. */
static bool open_out(struct call *call, uint64_t lifetime)
{
    struct buf head = {0};
    bool ok;

    buf_str(&head, "HTTP/1.1 200 Success\r\n");
    buf_add(&head, buf_text(&call->response->headers), call->response->headers.len);
    buf_fmt(&head, "Content-Type: application/rpc\r\nContent-Length: %llu\r\n\r\n",
        (unsigned long long)lifetime);
    ok = stream_write(&call->conn->stream, head.data, head.len, clock_ms() + CHANNEL_MS);
    buf_clear(&head);
    rts_conn_a3(&head, VC_TIMEOUT_MS);
    ok = ok && stream_write(&call->conn->stream, head.data, head.len, clock_ms() + CHANNEL_MS);
    buf_done(&head);
    return ok;
}

static void out_channel(struct call *call)
{
    static const uint64_t lifetime = 1024 * 1024 * 1024;
    uint64_t left = call->request->content_length;
    struct virtual_connection *vc;
    struct rts rts;

    call->response->sent = true;
    call->request->body_read = true;
    if (!answer_continue(call) || !read_rts(call, &left, &rts))
        return;
    vc = rts_is_conn_a1(&rts) ? vc_open(&rts, lifetime) : NULL;
    if (vc == NULL)
        return; /* 3.2.4.5.14: a protocol error closes the channel */
    if (open_out(call, lifetime))
        vc_serve_out(vc, &call->conn->stream);
    vc_leave(vc);
}

/* What the inbound proxy receives after CONN/B1. */
struct inbound {
    struct call *call;
    struct virtual_connection *vc;
    struct rpc_server *server;
    unsigned char cookie[RTS_COOKIE_SIZE];
    uint64_t left;
    uint32_t received; /* bytes of RPC PDUs */
    uint32_t acknowledged;
};

/* 3.2.1.4.1.1: once half of the window is used up. */
static void acknowledge(struct inbound *inbound)
{
    struct buf pdu = {0};

    if (inbound->received - inbound->acknowledged < VC_RECEIVE_WINDOW / 2)
        return;
    inbound->acknowledged = inbound->received;
    rts_acknowledge(&pdu, inbound->received, VC_RECEIVE_WINDOW, inbound->cookie);
    vc_send(inbound->vc, &pdu);
    buf_done(&pdu);
}

/* Pings and the like need no answer; recycling of channels is not offered. */
static bool take_rts(const struct inbound *inbound, const struct buf *pdu)
{
    const struct rts_command *acknowledgement;
    struct rts rts;

    if (!rts_parse(pdu->data, pdu->len, &rts) || (rts.flags & RTS_RECYCLE_CHANNEL) != 0)
        return false;
    acknowledgement = rts_acknowledgement(&rts);
    if (acknowledgement != NULL)
        vc_acknowledged(inbound->vc, acknowledgement);
    return true;
}

static void serve_in(struct inbound *inbound)
{
    struct buf pdu = {0};
    struct rpc_header header;

    while (
        rpc_read_pdu(inbound->call->conn, &inbound->left, &pdu, clock_ms() + 2 * VC_TIMEOUT_MS)) {
        if (!rpc_parse_header(pdu.data, pdu.len, &header))
            break;
        if (header.type == RPC_RTS) {
            if (!take_rts(inbound, &pdu))
                break;
            continue;
        }
        inbound->received += (uint32_t)pdu.len;
        acknowledge(inbound);
        if (!rpc_server_take(inbound->server, &pdu))
            break;
    }
    buf_done(&pdu);
}

/* A proxy on the way that waits for the end of the body before it passes it on. */
static void swallow(struct inbound *inbound)
{
    struct buf pdu = {0};

    while (rpc_read_pdu(inbound->call->conn, &inbound->left, &pdu, clock_ms() + VC_TIMEOUT_MS))
        continue;
    buf_done(&pdu);
}

static void in_channel(struct call *call, const char *name)
{
    struct inbound inbound = {.call = call, .left = call->request->content_length};
    struct rpc_party party = {
        .config = call->config,
        .node = call->node,
        .http = call->who,
        .endpoint = strrchr(call->request->query, ':') + 1,
        .asked = name,
    };
    struct rts rts;

    call->response->sent = true;
    call->request->body_read = true;
    if (!answer_continue(call) || !read_rts(call, &inbound.left, &rts) || !rts_is_conn_b1(&rts))
        return;
    if (mapi_fault_in_channel(call->config)) {
        swallow(&inbound);
        return;
    }
    memcpy(inbound.cookie, rts.commands[2].cookie, RTS_COOKIE_SIZE);
    inbound.vc = vc_join(&rts, call->conn->stream.fd, clock_ms() + CHANNEL_MS);
    if (inbound.vc == NULL)
        return;
    inbound.server = rpc_server_new(&party, RPC_ALL_INTERFACES, vc_send, inbound.vc);
    serve_in(&inbound);
    rpc_server_free(inbound.server);
    vc_leave(inbound.vc);
}

void rpc_proxy(struct call *call)
{
    const char *method = call->request->method;
    bool in = strcmp(method, "RPC_IN_DATA") == 0;
    char name[TARGET_SIZE];

    if (mapi_fault_proxy(call))
        return;
    if (!in && strcmp(method, "RPC_OUT_DATA") != 0) {
        if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
            return; /* an empty 200, as rpcproxy.dll gives */
        iis_error(call, 405, "405 - HTTP verb used to access this page is not allowed.",
            "The page you are looking for cannot be displayed because an invalid method (HTTP "
            "verb) was used to attempt access.");
        return;
    }
    if (call->request->chunked || call->request->content_length <= ECHO_MAX)
        echo(call);
    else if (!server_exists(call, name))
        return;
    else if (in)
        in_channel(call, name);
    else
        out_channel(call);
}
