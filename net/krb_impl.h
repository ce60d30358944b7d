/*
 * What net/krb.c, net/krb_wire.c and net/secctx_gss.c share. No other file includes this.
 */
#ifndef NET_KRB_IMPL_H
#define NET_KRB_IMPL_H

#include "net/krb.h"

#include <krb5.h>
#include <stdatomic.h>

enum {
    KRB_MESSAGE_MAX = 256 * 1024, /* a ticket with a large PAC has some 64 KiB */
    KRB_ROUNDS_MAX = 16           /* of one step loop: referrals and retries included */
};

/* Written by krb_new(), krb_adopt_cache() and krb_login() before other threads use it. */
struct krb {
    char *account;
    char *realm;
    char *cache;  /* "MEMORY:…" */
    char *keytab; /* "FILE:…" of krb_adopt_cache(), or NULL */
    atomic_bool has_ticket;
};

/* One KDC and how it is reached; krb_wire_done() closes what is ours. */
struct krb_wire {
    const struct net_address *kdc;
    struct net_limit limit;
    net_sock sock;
    bool borrowed; /* the socket is the caller's */
    bool used;     /* a message went over the socket already: it may be stale */
    bool udp;      /* TCP was refused */
    int64_t elapsed_us;
    struct arena arena; /* owns the replies */
};

void krb_wire_done(struct krb_wire *wire);
/* A connection for a request that must leave at most once, or that follows others. False: not
 * reached. */
bool krb_wire_open(struct krb_wire *wire, bool fresh, struct fault *fault);
/* Sends one message and reads one; the reply's bytes live in wire->arena. `once`: never sent a
 * second time, whatever happens to the connection. */
bool krb_wire_exchange(struct krb_wire *wire, const krb5_data *request, bool once,
    krb5_data *ret_reply, struct fault *fault);

enum krb_kind { KRB_AS, KRB_TGS };
/* Tells KRB-ERROR from the expected reply and fills *ret_reply. False: MALFORMED. */
bool krb_reply_read(krb5_context context, enum krb_kind kind, const krb5_data *message,
    struct krb_reply *ret_reply, struct fault *fault);
/* The fault of a KRB-ERROR; returns false. */
bool krb_reply_fault(enum krb_kind kind, const struct krb_reply *reply, struct fault *fault);

/* A fault of the library where no KDC spoke; returns false. */
bool krb_library_fault(
    krb5_context context, krb5_error_code code, const char *doing, struct fault *fault);
bool krb_open(
    const struct krb *krb, krb5_context *ret_context, krb5_ccache *ret_cache, struct fault *fault);
void krb_shut(krb5_context context, krb5_ccache cache);

/* The principal under which the cache holds a ticket for service/host, in whatever realm; with
 * escapes. False: none (no fault). */
bool krb_cached_server(const struct krb *krb, const char *service, const char *host,
    struct arena *arena, char **ret_principal);

/* The user's default cache, "FILE:/tmp/krb5cc_1000"; NULL: none. */
const char *krb_user_cache(void);

/* Our NetBIOS name as krb_global_init() found it, for NTLM; "" before. */
const char *krb_workstation(void);

#endif
