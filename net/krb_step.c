/*
 * The two exchanges of Kerberos as step loops over net/krb_wire.c.
 *
 *   AS   1. the library makes an AS-REQ without pre-authentication; krb_ask() reads the answer and
 * stops
 *        2. KDC_ERR_PREAUTH_REQUIRED is given back to the library, the only KRB-ERROR it ever sees,
 * and once: after any other it might try the password again with another mechanism
 *        3. it makes the AS-REQ with the encrypted timestamp: sent once, on a connection of its own
 *        4. the AS-REP goes back to the library, the TGT into the cache
 *   TGS  the library asks with canonicalisation, then without (RFC 6806); every reply goes back to
 * it
 */
#include "net/krb_impl.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum { KDC_ERR_PREAUTH_REQUIRED = 25, KRB_ERR_RESPONSE_TOO_BIG = 52 };

struct as_exchange {
    krb5_context context;
    krb5_ccache cache;
    krb5_principal client;
    krb5_get_init_creds_opt *options;
    krb5_init_creds_context creds;
    krb5_keytab keytab;
    bool again; /* the cache has a TGT already, and tickets that others use */
    struct krb_wire wire;
};

static void as_done(struct as_exchange *as)
{
    if (as->context != NULL) {
        if (as->creds != NULL)
            krb5_init_creds_free(as->context, as->creds);
        if (as->options != NULL)
            krb5_get_init_creds_opt_free(as->context, as->options);
        if (as->keytab != NULL)
            krb5_kt_close(as->context, as->keytab);
        krb5_free_principal(as->context, as->client);
    }
    krb_shut(as->context, as->cache);
    krb_wire_done(&as->wire);
}

/* A keytab has its keys under the plain name; else the name as it was given. */
static bool as_init(
    struct as_exchange *as, const struct krb *krb, bool plain_name, struct fault *fault)
{
    size_t length = plain_name ? strcspn(krb->account, "@") : strlen(krb->account);
    bool upn = !plain_name && strchr(krb->account, '@') != NULL;
    if (!krb_open(krb, &as->context, &as->cache, fault))
        return false;
    krb5_error_code code = krb5_build_principal_ext(as->context, &as->client,
        (unsigned)strlen(krb->realm), krb->realm, (unsigned)length, krb->account, 0);
    if (code == 0) {
        /* RFC 6806 §5: a UPN is one component, which the KDC looks up and answers with the true
         * name. */
        as->client->type = upn ? KRB5_NT_ENTERPRISE_PRINCIPAL : KRB5_NT_PRINCIPAL;
        code = krb5_get_init_creds_opt_alloc(as->context, &as->options);
    }
    if (code == 0) {
        krb5_get_init_creds_opt_set_canonicalize(as->options, 1);
        krb5_get_init_creds_opt_set_forwardable(as->options, 0);
        krb5_get_init_creds_opt_set_proxiable(as->options, 0);
        krb5_get_init_creds_opt_set_change_password_prompt(as->options, 0);
        code =
            krb5_init_creds_init(as->context, as->client, NULL, NULL, 0, as->options, &as->creds);
    }
    return code == 0 || krb_library_fault(as->context, code, "the AS exchange", fault);
}

/* The library's next request, or the end of the exchange (*ret_more false). */
static krb5_error_code as_step(
    struct as_exchange *as, krb5_data *in, krb5_data *ret_request, bool *ret_more)
{
    krb5_data out = {0};
    krb5_data realm = {0};
    unsigned flags = 0;
    krb5_error_code code = krb5_init_creds_step(as->context, as->creds, in, &out, &realm, &flags);
    krb5_free_data_contents(as->context, &realm);
    if (code != 0) {
        krb5_free_data_contents(as->context, &out);
        return code;
    }
    *ret_more = (flags & KRB5_INIT_CREDS_STEP_FLAG_CONTINUE) != 0;
    *ret_request = out;
    return 0;
}

/* One request and its reply, read into *ret_reply. */
static bool as_exchange_one(struct as_exchange *as, krb5_data *request, bool once,
    krb5_data *ret_message, struct krb_reply *ret_reply, struct fault *fault)
{
    bool ok = krb_wire_exchange(&as->wire, request, once, ret_message, fault);
    krb5_free_data_contents(as->context, request);
    ret_reply->elapsed_us = as->wire.elapsed_us;
    if (!ok || !krb_reply_read(as->context, KRB_AS, ret_message, ret_reply, fault))
        return false;
    if (as->wire.udp && ret_reply->error == KRB_ERR_RESPONSE_TOO_BIG)
        return fault_set(fault, CAUSE_REFUSED, ORIGIN_KRB5, KRB_ERR_RESPONSE_TOO_BIG,
            "the KDC's answer does not fit a datagram, and the KDC refuses TCP");
    return true;
}

/* The AS-REQ without pre-authentication and its answer, a KRB-ERROR or not. */
static bool as_ask(
    struct as_exchange *as, const struct krb *krb, struct krb_reply *reply, struct fault *fault)
{
    krb5_data nothing = {0};
    krb5_data request = {0};
    krb5_data message = {0};
    bool more = false;
    if (!as_init(as, krb, false, fault))
        return false;
    krb5_error_code code = as_step(as, &nothing, &request, &more);
    if (code != 0)
        return krb_library_fault(as->context, code, "the AS request", fault);
    return as_exchange_one(as, &request, false, &message, reply, fault);
}

bool krb_ask(struct krb *krb, const struct net_address *kdc, net_sock sock, struct net_limit limit,
    struct krb_reply *ret_reply, struct fault *fault)
{
    struct as_exchange as = {.wire = {.kdc = kdc, .limit = limit, .sock = sock}};
    as.wire.borrowed = sock != NET_SOCK_NONE;
    struct krb_reply reply = {0};
    bool ok = as_ask(&as, krb, &reply, fault);
    if (ok && reply.error != 0 && reply.error != KDC_ERR_PREAUTH_REQUIRED)
        ok = krb_reply_fault(KRB_AS, &reply, fault);
    as_done(&as);
    *ret_reply = reply;
    return ok;
}

bool krb_ask_udp(struct krb *krb, const struct net_address *kdc, struct net_limit limit,
    struct krb_reply *ret_reply, struct fault *fault)
{
    struct as_exchange as = {
        .wire = {.kdc = kdc, .limit = limit, .sock = NET_SOCK_NONE, .udp = true}};
    struct krb_reply reply = {0};
    /* RESPONSE_TOO_BIG is an answer, too. */
    bool ok = as_ask(&as, krb, &reply, fault) || reply.answered;
    as_done(&as);
    *ret_reply = reply;
    return ok;
}

/* The secret, or the key of an adopted keytab. */
static bool as_set_secret(
    struct as_exchange *as, const struct krb *krb, const struct secret *secret, struct fault *fault)
{
    krb5_error_code code = 0;
    if (secret == NULL && krb->keytab != NULL) {
        code = krb5_kt_resolve(as->context, krb->keytab, &as->keytab);
        if (code == 0)
            code = krb5_init_creds_set_keytab(as->context, as->creds, as->keytab);
        return code == 0 || krb_library_fault(as->context, code, "the keytab", fault);
    }
    if (secret == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no password for Kerberos");
    if (strlen(secret_text(secret)) != secret_length(secret))
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "the password contains a zero byte, which Kerberos cannot carry");
    code = krb5_init_creds_set_password(as->context, as->creds, secret_text(secret));
    return code == 0 || krb_library_fault(as->context, code, "the password", fault);
}

/* Why the library did not like an AS-REP. */
static bool as_rep_fault(
    struct as_exchange *as, krb5_error_code code, bool sent, struct fault *fault)
{
    /* An account without pre-authentication: the reply is encrypted with the right password. */
    if (!sent && code == KRB5KRB_AP_ERR_BAD_INTEGRITY)
        return fault_set(fault, CAUSE_PASSWORD_WRONG, ORIGIN_KRB5, 31,
            "the KDC's reply does not open with this password (no attempt was spent)");
    if (code == KRB5_KDCREP_SKEW)
        return fault_set(fault, CAUSE_CLOCK_SKEW, ORIGIN_KRB5, (long)code,
            "our clock and the KDC's differ too much");
    const char *words = krb5_get_error_message(as->context, code);
    fault_set(fault, CAUSE_MALFORMED, ORIGIN_KRB5, (long)code, "the KDC's reply cannot be used: %s",
        words);
    krb5_free_error_message(as->context, words);
    return false;
}

static bool as_store(struct as_exchange *as, struct krb_reply *reply, struct fault *fault)
{
    krb5_creds creds = {0};
    krb5_error_code code = krb5_init_creds_get_creds(as->context, as->creds, &creds);
    if (code != 0) {
        creds = (krb5_creds){0}; /* without memory it leaves pointers to what it has freed */
    } else {
        reply->server_time = (int64_t)(uint32_t)creds.times.authtime;
        snprintf(reply->realm, sizeof reply->realm, "%.*s", (int)creds.server->realm.length,
            creds.server->realm.data);
        if (!as->again)
            code = krb5_cc_initialize(as->context, as->cache, creds.client);
    }
    if (code == 0 && !as->again)
        code = krb5_cc_store_cred(as->context, as->cache, &creds);
    krb5_free_cred_contents(as->context, &creds);
    return code == 0 || krb_library_fault(as->context, code, "the ticket cache", fault);
}

static bool as_run(
    struct as_exchange *as, bool *ret_sent, struct krb_reply *reply, struct fault *fault)
{
    krb5_data message = {0};
    for (int round = 0; round < 3; round++) {
        krb5_data request = {0};
        bool more = false;
        krb5_error_code code = as_step(as, &message, &request, &more);
        if (code != 0 && reply->answered && reply->error == 0)
            return as_rep_fault(as, code, *ret_sent, fault);
        if (code != 0)
            return krb_library_fault(as->context, code, "the AS exchange", fault);
        if (!more)
            return as_store(as, reply, fault);
        /* Round 0 asks, round 1 proves; nothing is sent after the proof. */
        bool proof = round == 1;
        if (round > 1 || (proof && reply->error != KDC_ERR_PREAUTH_REQUIRED)) {
            krb5_free_data_contents(as->context, &request);
            return fault_set(fault, CAUSE_KDC_ERROR, ORIGIN_KRB5, reply->error,
                "the KDC wants more than a password");
        }
        if (proof && !krb_wire_open(&as->wire, true, fault)) {
            krb5_free_data_contents(as->context, &request);
            return false;
        }
        *ret_sent = proof;
        if (!as_exchange_one(as, &request, proof, &message, reply, fault))
            return false;
        if (reply->error != 0 && (proof || reply->error != KDC_ERR_PREAUTH_REQUIRED))
            return krb_reply_fault(KRB_AS, reply, fault);
    }
    return fault_set(
        fault, CAUSE_KDC_ERROR, ORIGIN_KRB5, reply->error, "the AS exchange does not end");
}

bool krb_login(struct krb *krb, const struct net_address *kdc, const struct secret *secret,
    struct net_limit limit, bool *ret_sent, struct krb_reply *ret_reply, struct fault *fault)
{
    struct as_exchange as = {.wire = {.kdc = kdc, .limit = limit, .sock = NET_SOCK_NONE}};
    struct krb_reply reply = {0};
    *ret_sent = false;
    as.again = krb_has_ticket(krb);
    bool from_keytab = secret == NULL && krb->keytab != NULL;
    bool ok = as_init(&as, krb, from_keytab, fault) && as_set_secret(&as, krb, secret, fault) &&
              as_run(&as, ret_sent, &reply, fault);
    if (ok)
        atomic_store(&krb->has_ticket, true);
    as_done(&as);
    *ret_reply = reply;
    return ok;
}

/* ---- service tickets ---- */

struct tgs_exchange {
    krb5_context context;
    krb5_ccache cache;
    krb5_creds wanted;
    krb5_tkt_creds_context creds;
    struct krb_wire wire;
};

static void tgs_done(struct tgs_exchange *tgs)
{
    if (tgs->context != NULL) {
        if (tgs->creds != NULL)
            krb5_tkt_creds_free(tgs->context, tgs->creds);
        krb5_free_principal(tgs->context, tgs->wanted.client);
        krb5_free_principal(tgs->context, tgs->wanted.server);
    }
    krb_shut(tgs->context, tgs->cache);
    krb_wire_done(&tgs->wire);
}

static bool tgs_init(struct tgs_exchange *tgs, const struct krb *krb, const char *service,
    const char *host, struct fault *fault)
{
    if (!krb_open(krb, &tgs->context, &tgs->cache, fault))
        return false;
    krb5_error_code code = krb5_cc_get_principal(tgs->context, tgs->cache, &tgs->wanted.client);
    if (code != 0)
        return krb_library_fault(tgs->context, code, "no ticket-granting ticket", fault);
    const krb5_data *realm = &tgs->wanted.client->realm;
    code = krb5_build_principal_ext(tgs->context, &tgs->wanted.server, realm->length, realm->data,
        (unsigned)strlen(service), service, (unsigned)strlen(host), host, 0);
    if (code == 0) {
        /* RFC 6806 §8: with another name type AD does not look outside its own domain. */
        tgs->wanted.server->type = KRB5_NT_SRV_HST;
        code = krb5_tkt_creds_init(tgs->context, tgs->cache, &tgs->wanted, 0, &tgs->creds);
    }
    return code == 0 || krb_library_fault(tgs->context, code, "the TGS exchange", fault);
}

static bool tgs_result(struct tgs_exchange *tgs, struct krb_ticket *ret_ticket, struct fault *fault)
{
    krb5_creds creds = {0};
    krb5_ticket *ticket = NULL;
    char *name = NULL;
    struct krb_ticket result = {0};
    krb5_error_code code = krb5_tkt_creds_get_creds(tgs->context, tgs->creds, &creds);
    if (code != 0)
        creds = (krb5_creds){0}; /* without memory it leaves pointers to what it has freed */
    if (code == 0)
        code = krb5_unparse_name(tgs->context, creds.server, &name);
    if (code == 0)
        code = krb5_decode_ticket(&creds.ticket, &ticket);
    if (code == 0) {
        snprintf(result.server, sizeof result.server, "%s", name);
        if (krb5_enctype_to_name(ticket->enc_part.enctype, 0, result.etype, sizeof result.etype) !=
            0)
            snprintf(result.etype, sizeof result.etype, "%ld", (long)ticket->enc_part.enctype);
        result.ends = (int64_t)(uint32_t)creds.times.endtime;
        result.size = creds.ticket.length;
        *ret_ticket = result;
        krb5_free_ticket(tgs->context, ticket);
    }
    if (name != NULL)
        krb5_free_unparsed_name(tgs->context, name);
    krb5_free_cred_contents(tgs->context, &creds);
    return code == 0 || krb_library_fault(tgs->context, code, "the service ticket", fault);
}

/* Why no ticket came: the KDC's word where there is one. */
static bool tgs_fault(struct tgs_exchange *tgs, krb5_error_code code, const struct krb_reply *reply,
    struct fault *fault)
{
    if (reply->answered && reply->error != 0)
        return krb_reply_fault(KRB_TGS, reply, fault);
    if (!reply->answered)
        return krb_library_fault(tgs->context, code, "the TGS exchange", fault);
    const char *words = krb5_get_error_message(tgs->context, code);
    fault_set(fault, CAUSE_MALFORMED, ORIGIN_KRB5, (long)code, "the KDC's reply cannot be used: %s",
        words);
    krb5_free_error_message(tgs->context, words);
    return false;
}

/* Sends one request of the loop; `realm` is the one whose KDC it is meant for. */
static bool tgs_send(struct tgs_exchange *tgs, const krb5_data *request, const krb5_data *realm,
    krb5_data *ret_message, struct krb_reply *reply, struct fault *fault)
{
    const krb5_data *ours = &tgs->wanted.client->realm;
    if (realm->length != ours->length || memcmp(realm->data, ours->data, ours->length) != 0)
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "the service belongs to realm %.*s: its KDC was not given", (int)realm->length,
            realm->data);
    bool ok = krb_wire_exchange(&tgs->wire, request, false, ret_message, fault);
    reply->elapsed_us = tgs->wire.elapsed_us;
    if (!ok || !krb_reply_read(tgs->context, KRB_TGS, ret_message, reply, fault))
        return false;
    if (tgs->wire.udp && reply->error == KRB_ERR_RESPONSE_TOO_BIG)
        return fault_set(fault, CAUSE_REFUSED, ORIGIN_KRB5, KRB_ERR_RESPONSE_TOO_BIG,
            "the ticket does not fit a datagram, and the KDC refuses TCP");
    return true;
}

static bool tgs_run(struct tgs_exchange *tgs, struct krb_reply *reply, struct fault *fault)
{
    krb5_data message = {0};
    for (int round = 0; round < KRB_ROUNDS_MAX; round++) {
        krb5_data request = {0};
        krb5_data realm = {0};
        unsigned flags = 0;
        krb5_error_code code =
            krb5_tkt_creds_step(tgs->context, tgs->creds, &message, &request, &realm, &flags);
        bool more = code == 0 && (flags & KRB5_TKT_CREDS_STEP_FLAG_CONTINUE) != 0;
        bool ok = !more || tgs_send(tgs, &request, &realm, &message, reply, fault);
        krb5_free_data_contents(tgs->context, &request);
        krb5_free_data_contents(tgs->context, &realm);
        if (code != 0)
            return tgs_fault(tgs, code, reply, fault);
        if (!more || !ok)
            return ok;
    }
    return fault_set(fault, CAUSE_KDC_ERROR, ORIGIN_KRB5, reply->error,
        "the KDC sends us from realm to realm without an end");
}

bool krb_service_ticket(struct krb *krb, const struct net_address *kdc, const char *service,
    const char *host, struct net_limit limit, struct krb_ticket *ret_ticket,
    struct krb_reply *ret_reply, struct fault *fault)
{
    struct tgs_exchange tgs = {.wire = {.kdc = kdc, .limit = limit, .sock = NET_SOCK_NONE}};
    struct krb_reply reply = {0};
    bool ok = tgs_init(&tgs, krb, service, host, fault) && tgs_run(&tgs, &reply, fault) &&
              tgs_result(&tgs, ret_ticket, fault);
    tgs_done(&tgs);
    *ret_reply = reply;
    return ok;
}
