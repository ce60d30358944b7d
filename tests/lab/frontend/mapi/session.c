#include "session.h"

#include "mapi_faults.h"
#include "rop.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXT_COMPRESSED = 1, EXT_XOR = 2, EXT_LAST = 4, EXT_SIZE = 8 };

/* 3.1.4.1: who may connect as this user. */
static uint32_t check_user(
    const struct config *config, const struct connect *connect, const struct mailbox *account)
{
    struct mailbox user = {0};
    enum lookup lookup = mailbox_by_legacy_dn(config, connect->user_dn, &user);
    uint32_t code = EC_NONE;

    if (lookup == LOOKUP_UNAVAILABLE)
        code = EC_LOGIN_FAILURE;
    else if (lookup != LOOKUP_FOUND || !user.has_mailbox)
        code = EC_UNKNOWN_USER;
    else if (!mailbox_open_to(config, &user, account))
        code = EC_ACCESS_DENIED;
    else if (user.mapi_off)
        code = EC_PROTOCOL_DISABLED;
    else if (user.rpc_http_off && !connect->http && connect->proxied)
        code = EC_RPC_HTTP_DISALLOWED;
    else if (user.cached_only)
        code = EC_CACHED_MODE;
    mailbox_done(&user);
    return code;
}

uint32_t session_connect(const struct config *config, const struct node *node,
    const struct connect *connect, struct session **ret_session)
{
    struct mailbox account = {0};
    uint32_t code = EC_ACCESS_DENIED;

    if (connect->who == NULL || *connect->user_dn == '\0')
        return code;
    if (mailbox_of(config, connect->who, &account) == LOOKUP_FOUND)
        code = check_user(config, connect, &account);
    if (code == EC_NONE)
        code = mapi_fault_connect(config, connect);
    if (code != EC_NONE) {
        mailbox_done(&account);
        return code;
    }
    *ret_session = xcalloc(1, sizeof **ret_session);
    (*ret_session)->config = config;
    (*ret_session)->node = node;
    (*ret_session)->account = account;
    copy_text((*ret_session)->asked, sizeof(*ret_session)->asked, connect->asked);
    return EC_NONE;
}

void session_free(void *arg)
{
    struct session *session = arg;

    for (size_t i = 0; i < OBJECTS_MAX; i++)
        object_release(&session->objects[i]);
    mailbox_done(&session->account);
    free(session);
}

const struct mailbox *session_account(const struct session *session)
{
    return &session->account;
}

void session_dn_prefix(const struct session *session, struct buf *ret_text)
{
    const char *dn = session->account.legacy_dn;
    const char *last = strrchr(dn, '=');

    buf_add(ret_text, dn, last != NULL ? (size_t)(last - dn) + 1 : 0);
}

/* RPC_HEADER_EXT (2.2.2.1) and what follows it, in clear. */
static bool open_extended(const unsigned char *in, size_t len, struct buf *ret_payload)
{
    struct wire wire = wire_of(in, len);
    unsigned version = wire_u16(&wire);
    unsigned flags = wire_u16(&wire);
    size_t size = wire_u16(&wire);
    size_t actual = wire_u16(&wire);
    const unsigned char *payload = wire_bytes(&wire, size);

    if (payload == NULL || version != 0 || size != actual || (flags & EXT_COMPRESSED) != 0 ||
        (flags & EXT_LAST) == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        buf_u8(ret_payload, (flags & EXT_XOR) != 0 ? payload[i] ^ 0xa5u : payload[i]);
    return true;
}

static void put_extended(struct buf *out, const struct buf *payload)
{
    buf_le16(out, 0);
    buf_le16(out, EXT_LAST);
    buf_le16(out, (unsigned)payload->len);
    buf_le16(out, (unsigned)payload->len);
    buf_add(out, payload->data, payload->len);
}

uint32_t session_execute(struct session *session, const unsigned char *in, size_t len,
    size_t max_out, struct buf *ret_out)
{
    struct buf request = {0};
    struct buf response = {0};
    uint32_t code = EC_RPC_FORMAT;

    if (open_extended(in, len, &request))
        code = rop_run(session, &request, &response);
    if (code == EC_NONE && (response.len + EXT_SIZE > max_out || response.len > ROP_BUFFER_MAX))
        code = EC_BUFFER_TOO_SMALL;
    if (code == EC_NONE)
        put_extended(ret_out, &response);
    buf_done(&request);
    buf_done(&response);
    return code;
}

/* 2.2.2.2.17 */
void session_aux_out(const struct session *session, struct buf *ret_aux)
{
    enum { AUX_VERSION_1 = 1, AUX_TYPE_EXORGINFO = 0x17, PUBLIC_FOLDERS_ENABLED = 1 };
    struct mailbox mailbox = {0};
    struct buf payload = {0};
    bool public = mailbox_of_public_folders(session->config, &mailbox) == LOOKUP_FOUND;

    mailbox_done(&mailbox);
    buf_le16(&payload, 8);
    buf_u8(&payload, AUX_VERSION_1);
    buf_u8(&payload, AUX_TYPE_EXORGINFO);
    buf_le32(&payload, public ? PUBLIC_FOLDERS_ENABLED : 0);
    put_extended(ret_aux, &payload);
    buf_done(&payload);
}
