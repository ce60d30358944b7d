/*
 * The endpoint mapper: where an interface listens on TCP. ept_map of [C706] appendix O and
 * [MS-RPCE] 2.2.1.2.5, towers of [C706] appendix L and appendix I (protocol identifiers). Pure.
 *
 * The stub goes into a request to rpc_epm on port 135, operation EPM_MAP. The network address in
 * a tower is what the server thinks of itself; behind NAT it is not where to connect.
 */
#ifndef NET_WIRE_EPM_H
#define NET_WIRE_EPM_H

#include "net/wire/rpc.h"

enum {
    EPM_PORT = 135,
    EPM_MAP = 3,
    EPM_STUB_SIZE = 128,  /* of our request: enough */
    EPM_TOWERS_MAX = 8,   /* that we ask for and read */
    EPM_TOWER_MAX = 2000, /* bytes: the range of [MS-RPCE] 2.2.1.2.2 */
    EPM_FLOORS_MAX = 6,   /* [MS-RPCE] 3.1.3.5.3 */
    EPM_OK = 0
};

/* [MS-RPCE] 2.2.1.2.5: the status where the interface is not there. */
#define EPM_NOT_REGISTERED UINT32_C(0x16c9a0d6)

/* false: no room. */
bool epm_write_map(struct writer *writer, const struct rpc_syntax *abstract);

struct epm_answer {
    uint32_t status; /* EPM_OK, EPM_NOT_REGISTERED, or another: rpc_status_find() knows some */
    unsigned towers; /* that came */
    unsigned count;  /* of those that lead to the interface by ncacn_ip_tcp */
    struct epm_endpoint {
        uint8_t address[4]; /* 0.0.0.0: the server does not say */
        uint16_t port;
    } endpoints[EPM_TOWERS_MAX];
};

/* The stub of the response. Towers of other protocol sequences or interfaces are skipped. Cause:
 * MALFORMED. */
bool epm_read_map(const void *stub, size_t length, const struct rpc_syntax *abstract,
    struct epm_answer *ret_answer, struct fault *fault);

#endif
