#include "net/krb_impl.h"

#include "net/wire/krberr.h"
#include "net/wire/reader.h"

#include <stdio.h>
#include <string.h>

/* ---- transport: RFC 4120 §7.2. The only sockets that Kerberos uses here. ---- */

void krb_wire_done(struct krb_wire *wire)
{
    if (!wire->borrowed)
        sock_close(wire->sock);
    wire->sock = NET_SOCK_NONE;
    arena_done(&wire->arena);
}

bool krb_wire_open(struct krb_wire *wire, bool fresh, struct fault *fault)
{
    if (wire->udp)
        return true;
    if (wire->sock != NET_SOCK_NONE) {
        if (!(fresh && wire->used) && !sock_is_dead(wire->sock))
            return true;
        if (!wire->borrowed)
            sock_close(wire->sock);
        wire->sock = NET_SOCK_NONE;
    }
    wire->borrowed = false;
    wire->used = false;
    struct fault why = {0};
    if (sock_connect(wire->kdc, wire->limit, &wire->sock, &why))
        return true;
    wire->sock = NET_SOCK_NONE;
    if (why.cause == CAUSE_REFUSED) {
        wire->udp = true; /* some KDCs, and some firewalls before them, know UDP only */
        return true;
    }
    if (fault != NULL)
        *fault = why;
    return false;
}

static bool exchange_tcp(
    struct krb_wire *wire, const krb5_data *request, krb5_data *ret_reply, struct fault *fault)
{
    /* One write: a length alone in its own segment costs a round trip with some stacks. */
    size_t size = 4 + (size_t)request->length;
    struct writer writer = writer_of(arena_alloc(&wire->arena, size), size);
    write_be32(&writer, (uint32_t)request->length);
    write_bytes(&writer, request->data, request->length);
    wire->used = true;
    if (!sock_write_all(wire->sock, writer.bytes, writer.length, wire->limit, fault))
        return false;

    uint8_t header[4];
    if (!sock_read_all(wire->sock, header, sizeof header, wire->limit, fault))
        return false;
    struct reader reader = reader_of(header, sizeof header);
    uint32_t length = read_be32(&reader);
    /* §7.2.2: the high bit is reserved. */
    if (length == 0 || length > KRB_MESSAGE_MAX)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the KDC's reply says it has %lu bytes: no Kerberos over TCP", (unsigned long)length);
    char *bytes = arena_alloc(&wire->arena, length);
    if (!sock_read_all(wire->sock, bytes, length, wire->limit, fault))
        return false;
    *ret_reply = (krb5_data){.length = length, .data = bytes};
    return true;
}

static bool exchange_udp(
    struct krb_wire *wire, const krb5_data *request, krb5_data *ret_reply, struct fault *fault)
{
    enum { DATAGRAM_MAX = 65535 };
    char *bytes = arena_alloc(&wire->arena, DATAGRAM_MAX);
    size_t length = 0;
    if (!sock_udp_exchange(wire->kdc, request->data, request->length, wire->limit, bytes,
            DATAGRAM_MAX, &length, fault)) {
        if (fault != NULL && fault->cause == CAUSE_REFUSED)
            fault_set(fault, CAUSE_REFUSED, fault->origin, fault->code,
                "the KDC refused TCP and UDP: no Kerberos service there");
        return false;
    }
    *ret_reply = (krb5_data){.length = (unsigned)length, .data = bytes};
    return true;
}

bool krb_wire_exchange(struct krb_wire *wire, const krb5_data *request, bool once,
    krb5_data *ret_reply, struct fault *fault)
{
    int64_t began = clock_monotonic_us();
    bool stale = wire->used;
    struct fault why = {0};
    bool ok = krb_wire_open(wire, once, &why);
    if (ok) {
        ok = wire->udp ? exchange_udp(wire, request, ret_reply, &why)
                       : exchange_tcp(wire, request, ret_reply, &why);
        /* A KDC may close an idle connection at the moment we use it again. */
        bool lost = why.cause == CAUSE_CLOSED || why.cause == CAUSE_RESET;
        if (!ok && !once && stale && lost && !wire->udp) {
            why = (struct fault){0};
            ok = krb_wire_open(wire, true, &why) && !wire->udp &&
                 exchange_tcp(wire, request, ret_reply, &why);
        }
    }
    wire->elapsed_us += clock_monotonic_us() - began;
    if (!ok && fault != NULL)
        *fault = why;
    return ok;
}

/* ---- replies ---- */

/* The tag of an element that fills the reader; 0: no DER. */
static uint8_t der_enter(struct reader *reader)
{
    uint8_t tag = read_u8(reader);
    uint32_t length = read_u8(reader);
    if ((length & 0x80) != 0) {
        unsigned octets = length & 0x7f;
        if (octets == 0 || octets > 4)
            return 0;
        length = 0;
        while (octets-- > 0)
            length = length << 8 | read_u8(reader);
    }
    return reader_ok(reader) && length == reader_left(reader) ? tag : 0;
}

/* The application tag of a message: around a SEQUENCE that is not empty. RFC 4120 §5.10. */
static uint8_t message_tag(const krb5_data *message)
{
    struct reader reader = reader_of(message->data, message->length);
    uint8_t tag = der_enter(&reader);
    return der_enter(&reader) == 0x30 && reader_left(&reader) > 0 ? tag : 0;
}

static void copy_data(char *text, size_t size, const krb5_data *data)
{
    size_t length = data->length < size - 1 ? data->length : size - 1;
    if (length > 0)
        memcpy(text, data->data, length);
    text[length] = '\0';
}

static void list_etypes(const krb5_data *edata, char *text, size_t size)
{
    int32_t types[8] = {0};
    size_t count = krb_edata_etypes(edata->data, edata->length, types, 8);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char name[40];
        if (krb5_enctype_to_name(types[i], 1, name, sizeof name) != 0)
            snprintf(name, sizeof name, "%ld", (long)types[i]);
        int length = snprintf(text + used, size - used, "%s%s", used == 0 ? "" : " ", name);
        if (length < 0 || (size_t)length >= size - used) {
            text[used] = '\0';
            return;
        }
        used += (size_t)length;
    }
}

bool krb_reply_read(krb5_context context, enum krb_kind kind, const krb5_data *message,
    struct krb_reply *ret_reply, struct fault *fault)
{
    enum { TAG_AS_REP = 0x6b, TAG_TGS_REP = 0x6d, TAG_ERROR = 0x7e }; /* RFC 4120 §5.10 */
    uint8_t tag = message_tag(message);
    if (tag == (kind == KRB_AS ? TAG_AS_REP : TAG_TGS_REP)) {
        ret_reply->answered = true;
        ret_reply->error = 0;
        ret_reply->ntstatus = 0;
        ret_reply->text[0] = '\0';
        return true;
    }
    krb5_error *error = NULL;
    if (tag != TAG_ERROR || krb5_rd_error(context, message, &error) != 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the KDC's reply of %u bytes is no Kerberos message", message->length);
    ret_reply->answered = true;
    ret_reply->error = (int32_t)error->error;
    ret_reply->ntstatus = krb_edata_ntstatus(error->e_data.data, error->e_data.length);
    ret_reply->server_time = (int64_t)(uint32_t)error->stime;
    copy_data(ret_reply->text, sizeof ret_reply->text, &error->text);
    /* RFC 6806 §4: WRONG_REALM names the account's realm in the client field. */
    if (ret_reply->error == 68 && ret_reply->text[0] == '\0' && error->client != NULL)
        copy_data(ret_reply->text, sizeof ret_reply->text, &error->client->realm);
    if (error->server != NULL)
        copy_data(ret_reply->realm, sizeof ret_reply->realm, &error->server->realm);
    if (kind == KRB_AS && ret_reply->error == 25)
        list_etypes(&error->e_data, ret_reply->etypes, sizeof ret_reply->etypes);
    krb5_free_error(context, error);
    return true;
}

struct kdc_error {
    int32_t code;
    enum cause cause;
    const char *words;
};

/* RFC 4120 §7.5.9, the codes an administrator can do something about. */
static const struct kdc_error as_errors[] = {
    {1, CAUSE_ACCOUNT_EXPIRED, "the account has expired"},
    {6, CAUSE_ACCOUNT_UNKNOWN, "the KDC knows no such account"},
    {7, CAUSE_KDC_ERROR, "the KDC does not answer for this realm"},
    {8, CAUSE_KDC_ERROR, "the account's name is not unique"},
    {12, CAUSE_KDC_ERROR, "the KDC's policy refuses the account"},
    {14, CAUSE_ENCRYPTION_TYPE, "account and KDC share no encryption type with us"},
    {18, CAUSE_ACCOUNT_REVOKED, "the account is disabled, locked, expired or outside its hours"},
    {23, CAUSE_PASSWORD_EXPIRED, "the password has expired"},
    {24, CAUSE_PASSWORD_WRONG, "the KDC refused the password"},
    {37, CAUSE_CLOCK_SKEW, "our clock and the KDC's differ too much"},
    {68, CAUSE_KDC_ERROR, "the account lives in another realm"},
};

static const struct kdc_error tgs_errors[] = {
    {6, CAUSE_ACCOUNT_UNKNOWN, "the KDC no longer knows the account"},
    {7, CAUSE_SPN_UNKNOWN, "no account has this service principal name"},
    {8, CAUSE_SPN_DUPLICATE, "more than one account has this service principal name"},
    {12, CAUSE_KDC_ERROR, "the KDC's policy refuses a ticket for the service"},
    {14, CAUSE_ENCRYPTION_TYPE, "the service's account shares no encryption type with us"},
    {18, CAUSE_ACCOUNT_REVOKED, "the account has been disabled, locked or expired since its logon"},
    {32, CAUSE_KDC_ERROR, "the ticket-granting ticket has expired"},
    {37, CAUSE_CLOCK_SKEW, "our clock and the KDC's differ too much"},
};

static const struct kdc_error *kdc_error_find(enum krb_kind kind, int32_t code)
{
    static const struct kdc_error other = {0, CAUSE_KDC_ERROR, "the KDC refused the request"};
    const struct kdc_error *table = kind == KRB_AS ? as_errors : tgs_errors;
    size_t count = kind == KRB_AS ? sizeof as_errors / sizeof as_errors[0]
                                  : sizeof tgs_errors / sizeof tgs_errors[0];
    for (size_t i = 0; i < count; i++) {
        if (table[i].code == code)
            return &table[i];
    }
    return &other;
}

/* The KDC's NTSTATUS in words, for the causes that krb_reply_fault() takes from it. */
static const char *status_words(enum cause cause)
{
    static const struct {
        enum cause cause;
        const char *words;
    } table[] = {
        {CAUSE_ACCOUNT_DISABLED, "the account is disabled"},
        {CAUSE_ACCOUNT_LOCKED, "the account is locked"},
        {CAUSE_ACCOUNT_EXPIRED, "the account has expired"},
        {CAUSE_LOGON_HOURS, "the account may not log on at this hour"},
        {CAUSE_LOGON_WORKSTATION, "the account may not log on from this machine"},
        {CAUSE_PASSWORD_EXPIRED, "the password has expired"},
        {CAUSE_PASSWORD_MUST_CHANGE, "the password must be changed before the first logon"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].cause == cause)
            return table[i].words;
    }
    return "the KDC refuses the account";
}

bool krb_reply_fault(enum krb_kind kind, const struct krb_reply *reply, struct fault *fault)
{
    const struct kdc_error *error = kdc_error_find(kind, reply->error);
    enum cause cause = error->cause;
    const char *words = error->words;
    char status[40] = "";
    if (reply->ntstatus != 0) {
        snprintf(status, sizeof status, ", NTSTATUS 0x%08lX", (unsigned long)reply->ntstatus);
        /* [MS-KILE] 2.2.1: with 12, 18 and 23 the NTSTATUS tells which of the reasons it is. */
        enum cause exact = ntstatus_cause(reply->ntstatus);
        bool vague = reply->error == 12 || reply->error == 18 || reply->error == 23;
        if (vague && exact != CAUSE_NONE && exact != CAUSE_LOGON_REFUSED) {
            cause = exact;
            words = status_words(exact);
        }
    }
    return fault_set(fault, cause, ORIGIN_KRB5, reply->error, "%s (KRB-ERROR %ld%s)%s%s", words,
        (long)reply->error, status, reply->text[0] != '\0' ? ": " : "", reply->text);
}
