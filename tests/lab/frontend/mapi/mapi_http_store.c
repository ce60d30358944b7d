/* /mapi/emsmdb: sessions of the store ([MS-OXCMAPIHTTP] 2.2.4). */
#include "mapi_http.h"
#include "session.h"

static const char path[] = "/mapi/emsmdb";

static void put_connect(struct exchange *exchange, const struct session *session, uint32_t code)
{
    enum { POLLS_MAX_MS = 60000, RETRY_COUNT = 6, RETRY_DELAY_MS = 10000 };
    struct buf prefix = {0};
    struct buf aux = {0};

    mapi_http_begin_answer(exchange, code);
    buf_le32(&exchange->out, session != NULL ? POLLS_MAX_MS : 0);
    buf_le32(&exchange->out, session != NULL ? RETRY_COUNT : 0);
    buf_le32(&exchange->out, session != NULL ? RETRY_DELAY_MS : 0);
    if (session != NULL) {
        session_dn_prefix(session, &prefix);
        session_aux_out(session, &aux);
    }
    buf_add(&exchange->out, buf_text(&prefix), prefix.len);
    buf_u8(&exchange->out, 0);
    buf_utf16(&exchange->out, session != NULL ? session_account(session)->display_name : "");
    buf_le16(&exchange->out, 0);
    mapi_http_end_answer(exchange, &aux);
    buf_done(&prefix);
    buf_done(&aux);
}

/* 2.2.4.1 */
static enum response_code run_connect(struct exchange *exchange)
{
    struct call *call = exchange->call;
    struct buf dn = {0};
    struct session *session = NULL;
    struct buf asked = {0};
    struct connect connect = {.who = call->who, .http = true, .encrypted = true};
    uint32_t code;
    bool ok;

    form_value(call->request->query, "MailboxId", &asked);
    wire_text8(&exchange->in, &dn);
    for (size_t i = 0; i < 4; i++)
        wire_u32(&exchange->in); /* Flags, DefaultCodePage, LcidSort, LcidString */
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        connect.user_dn = buf_text(&dn);
        connect.asked = asked.len > 0 ? buf_text(&asked) : call->node->name;
        code = session_connect(call->config, call->node, &connect, &session);
        if (session != NULL)
            exchange->context = mapi_context_new(call, path, session, session_free);
        put_connect(exchange, session, code);
    }
    buf_done(&dn);
    buf_done(&asked);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

/* 2.2.4.2 */
static enum response_code run_execute(struct exchange *exchange)
{
    uint32_t flags = wire_u32(&exchange->in);
    uint32_t in_len = wire_u32(&exchange->in);
    const unsigned char *in = wire_bytes(&exchange->in, in_len);
    uint32_t max_out = wire_u32(&exchange->in);
    struct buf out = {0};
    uint32_t code;

    if (!mapi_http_end(&exchange->in))
        return CODE_INVALID_BODY;
    code = session_execute(exchange->context->object, in, in_len, max_out, &out);
    mapi_http_begin_answer(exchange, code);
    buf_le32(&exchange->out, flags & 0x3u);
    buf_le32(&exchange->out, (unsigned long)out.len);
    buf_add(&exchange->out, buf_text(&out), out.len);
    mapi_http_end_answer(exchange, NULL);
    buf_done(&out);
    return CODE_OK;
}

/* 2.2.4.3 */
static enum response_code run_disconnect(struct exchange *exchange)
{
    if (!mapi_http_end(&exchange->in))
        return CODE_INVALID_BODY;
    exchange->ended = true;
    mapi_http_begin_answer(exchange, EC_NONE);
    mapi_http_end_answer(exchange, NULL);
    return CODE_OK;
}

void mapi_http_store(struct call *call)
{
    static const struct request_type types[] = {
        {"Connect", false, run_connect},
        {"Execute", true, run_execute},
        {"Disconnect", true, run_disconnect},
    };

    mapi_http_serve(call, path, types, sizeof types / sizeof types[0]);
}
