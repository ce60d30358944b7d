#include "rpc_bind.h"

#include <string.h>

static const unsigned char ndr_syntax[RPC_SYNTAX_SIZE] = {0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9,
    0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2, 0, 0, 0};
/* 6cb71c2c-9812-4540-, the flags follow. */
static const unsigned char features_prefix[8] = {0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45};

enum result { ACCEPTANCE = 0, PROVIDER_REJECTION = 2, NEGOTIATE_ACK = 3 };
enum reason { ABSTRACT_SYNTAX_NOT_SUPPORTED = 1, TRANSFER_SYNTAXES_NOT_SUPPORTED = 2 };

static const struct rpc_interface *find_interface(const unsigned char *syntax, unsigned which)
{
    static const struct rpc_interface *const interfaces[] = {
        &emsmdb_interface, &rfri_interface, &nspi_interface, &epm_interface};

    for (size_t i = 0; i < sizeof interfaces / sizeof interfaces[0]; i++)
        if ((interfaces[i]->which & which) != 0 &&
            memcmp(interfaces[i]->syntax, syntax, RPC_SYNTAX_SIZE) == 0)
            return interfaces[i];
    return NULL;
}

static void parse_context(struct wire *wire, unsigned which, struct rpc_context *context)
{
    const unsigned char *abstract;
    unsigned transfers;
    bool ndr = false;

    *context = (struct rpc_context){.id = wire_u16(wire)};
    transfers = wire_u8(wire);
    wire_u8(wire);
    abstract = wire_bytes(wire, RPC_SYNTAX_SIZE);
    for (unsigned i = 0; i < transfers; i++) {
        const unsigned char *transfer = wire_bytes(wire, RPC_SYNTAX_SIZE);

        if (transfer == NULL)
            return;
        ndr = ndr || memcmp(transfer, ndr_syntax, RPC_SYNTAX_SIZE) == 0;
        context->features =
            context->features || memcmp(transfer, features_prefix, sizeof features_prefix) == 0;
    }
    if (wire->bad)
        return;
    context->interface = find_interface(abstract, which);
    if (context->interface == NULL)
        context->reason = ABSTRACT_SYNTAX_NOT_SUPPORTED;
    else if (!ndr && !context->features)
        context->reason = TRANSFER_SYNTAXES_NOT_SUPPORTED;
    if (context->features || !ndr)
        context->interface = NULL;
}

bool rpc_parse_bind(const struct buf *pdu, size_t end, unsigned which, struct rpc_bind *ret_bind)
{
    struct wire wire = wire_of(pdu->data, end);
    struct rpc_bind bind = {0};

    wire_bytes(&wire, RPC_HEADER_SIZE);
    bind.max_send = wire_u16(&wire);
    bind.max_receive = wire_u16(&wire);
    bind.group = wire_u32(&wire);
    bind.count = wire_u8(&wire);
    wire_bytes(&wire, 3);
    if (wire.bad || bind.count == 0 || bind.count > RPC_CONTEXTS_MAX)
        return false;
    for (size_t i = 0; i < bind.count; i++)
        parse_context(&wire, which, &bind.contexts[i]);
    *ret_bind = bind;
    return !wire.bad;
}

static void put_result(struct buf *pdu, const struct rpc_context *context)
{
    if (context->features) {
        buf_le16(pdu, NEGOTIATE_ACK);
        buf_le16(pdu, 0); /* none of the features */
        buf_zeros(pdu, RPC_SYNTAX_SIZE);
    } else if (context->interface == NULL) {
        buf_le16(pdu, PROVIDER_REJECTION);
        buf_le16(pdu, context->reason);
        buf_zeros(pdu, RPC_SYNTAX_SIZE);
    } else {
        buf_le32(pdu, ACCEPTANCE);
        buf_add(pdu, ndr_syntax, RPC_SYNTAX_SIZE);
    }
}

void rpc_put_bind_answer(struct buf *pdu, const struct rpc_bind *bind, const char *endpoint)
{
    buf_le16(pdu, RPC_FRAGMENT_MAX);
    buf_le16(pdu, RPC_FRAGMENT_MAX);
    buf_le32(pdu, bind->group != 0 ? bind->group : 0x1f4a3);
    buf_le16(pdu, *endpoint != '\0' ? (unsigned)strlen(endpoint) + 1 : 0);
    buf_add(pdu, endpoint, *endpoint != '\0' ? strlen(endpoint) + 1 : 0);
    buf_align(pdu, 4);
    buf_le32(pdu, (unsigned long)bind->count);
    for (size_t i = 0; i < bind->count; i++)
        put_result(pdu, &bind->contexts[i]);
}
