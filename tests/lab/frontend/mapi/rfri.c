/* The referral interface ([MS-OXABREF] 3.1.4). */
#include "../mailbox.h"
#include "rpc_server.h"

#include <string.h>
#include <strings.h>

static enum rpc_status run(struct rpc_call *call);

const struct rpc_interface rfri_interface = {
    /* 1544f5e0-613c-11d1-93df-00c04fd7bd09, version 1.0 */
    {0xe0, 0xf5, 0x44, 0x15, 0x3c, 0x61, 0xd1, 0x11, 0x93, 0xdf, 0x00, 0xc0, 0x4f, 0xd7, 0xbd, 0x09,
        1, 0, 0, 0},
    RPC_RFRI,
    run,
};

/* [in, out, unique, string] unsigned char **: two pointers before the text. */
static bool skip_server_pointer(struct wire *wire)
{
    struct buf ignored = {0};
    bool outer = ndr_pointer(wire);

    if (outer && ndr_pointer(wire))
        ndr_string8(wire, &ignored);
    buf_done(&ignored);
    return outer;
}

static void put_server_pointer(struct buf *out, bool outer, const char *text)
{
    ndr_put_pointer(out, outer);
    if (!outer)
        return;
    ndr_put_pointer(out, text != NULL);
    if (text != NULL)
        ndr_put_string8(out, text);
}

/* From Exchange 2013 on the address book of a mailbox is at the mailbox itself. */
static void server_of(const struct rpc_call *call, const char *dn, struct buf *ret_name)
{
    struct mailbox mailbox = {0};

    if (*call->config->exch_server != '\0')
        buf_str(ret_name, call->config->exch_server);
    else if (mailbox_by_legacy_dn(call->config, dn, &mailbox) == LOOKUP_FOUND &&
             mailbox.has_mailbox)
        buf_fmt(ret_name, "%s@%s", mailbox.guid, call->config->dns_domain);
    else
        buf_str(ret_name, call->node->name);
    mailbox_done(&mailbox);
}

static enum rpc_status get_new_dsa(struct rpc_call *call)
{
    struct buf dn = {0};
    struct buf name = {0};
    bool unused;
    bool server;

    ndr_u32(&call->in); /* ulFlags */
    ndr_string8(&call->in, &dn);
    unused = skip_server_pointer(&call->in);
    server = skip_server_pointer(&call->in);
    if (!call->in.bad) {
        server_of(call, buf_text(&dn), &name);
        put_server_pointer(call->out, unused, NULL);
        put_server_pointer(call->out, server, name.data);
        ndr_put_u32(call->out, 0);
    }
    buf_done(&dn);
    buf_done(&name);
    return call->in.bad ? RPC_BAD_STUB_DATA : RPC_OK;
}

/* `.../cn=Servers/cn=EX1` or `.../cn=GUID@domain`, perhaps with a database behind it. */
static bool fqdn_of(const struct rpc_call *call, const char *dn, struct buf *ret_name)
{
    static const char before[] = "/cn=Servers/cn=";
    const char *name = strcasestr(dn, before);
    size_t len;

    if (name == NULL)
        return false;
    name += sizeof before - 1;
    len = strcspn(name, "/");
    if (memchr(name, '@', len) != NULL) {
        buf_add(ret_name, name, len);
        return true;
    }
    for (size_t i = 0; i < call->config->node_count; i++) {
        const struct node *node = &call->config->nodes[i];

        if (strlen(node->netbios) == len && strncasecmp(node->netbios, name, len) == 0) {
            buf_str(ret_name, node->name);
            return true;
        }
    }
    return false;
}

static enum rpc_status get_fqdn(struct rpc_call *call)
{
    enum { DN_MIN = 10, DN_MAX = 1024 };
    struct buf dn = {0};
    struct buf name = {0};
    uint32_t size;
    bool found;

    ndr_u32(&call->in); /* ulFlags */
    size = ndr_u32(&call->in);
    ndr_string8(&call->in, &dn);
    if (size < DN_MIN || size > DN_MAX)
        call->in.bad = true;
    if (!call->in.bad) {
        found = fqdn_of(call, buf_text(&dn), &name);
        ndr_put_pointer(call->out, found);
        if (found)
            ndr_put_string8(call->out, name.data);
        ndr_put_u32(call->out, found ? 0 : 0x8004010fu);
    }
    buf_done(&dn);
    buf_done(&name);
    return call->in.bad ? RPC_BAD_STUB_DATA : RPC_OK;
}

static enum rpc_status run(struct rpc_call *call)
{
    if (call->who == NULL)
        return RPC_ACCESS_DENIED;
    switch (call->opnum) {
    case 0:
        return get_new_dsa(call);
    case 1:
        return get_fqdn(call);
    default:
        return RPC_OP_RANGE_ERROR;
    }
}
