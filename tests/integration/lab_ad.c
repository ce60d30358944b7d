#include "tests/integration/lab_ad.h"

const struct net_address kdc = {"127.0.0.10", 88};

struct secret *password;
static struct tls_trust *trust;

struct net_limit soon(void)
{
    return (struct net_limit){.deadline = deadline_in_ms(10000), .cancel_fd = -1};
}

void assert_ok(bool ok, const struct fault *fault)
{
    if (!ok)
        fail_msg("%s (%s %ld): %s", cause_str(fault->cause), origin_str(fault->origin), fault->code,
            fault->text);
}

void assert_cause(bool ok, const struct fault *fault, enum cause cause)
{
    if (ok)
        fail_msg("succeeded, expected %s", cause_str(cause));
    if (fault->cause != cause)
        fail_msg("%s (%s %ld: %s), expected %s", cause_str(fault->cause), origin_str(fault->origin),
            fault->code, fault->text, cause_str(cause));
}

/* ---- connections ---- */

void link_open(struct link *link, uint16_t port)
{
    struct fault fault = {0};
    struct net_address address = {"127.0.0.10", port};
    net_sock sock = NET_SOCK_NONE;
    struct tls_conn *tls = NULL;
    memset(link, 0, sizeof *link);
    link->tls = port == 636 || port == 3269;
    assert_ok(sock_connect(&address, soon(), &sock, &fault), &fault);
    if (link->tls) {
        assert_ok(tls_connect(sock, "dc1.contoso.test", trust, soon(), &link->seen, &tls, &fault),
            &fault);
        assert_int_equal(link->seen.error_count, 0);
        assert_true(link->seen.end_point_length > 0);
    }
    assert_ok(directory_open(sock, tls, &link->directory, &fault), &fault);
}

void link_close(struct link *link)
{
    directory_close(link->directory);
    if (link->tls)
        tls_seen_done(&link->seen);
}

struct sec_target ldap_target(const struct link *link)
{
    struct sec_target target = {.service = "ldap", .host = "dc1.contoso.test"};
    if (link->tls) {
        target.end_point = link->seen.end_point;
        target.end_point_length = link->seen.end_point_length;
    } else {
        target.flags = SEC_SIGN | SEC_SEAL;
    }
    return target;
}

struct krb *logged_in(void)
{
    struct fault fault = {0};
    struct krb *krb = NULL;
    struct krb_reply reply;
    struct krb_ticket ticket;
    bool sent = false;
    assert_ok(krb_new("svc@contoso.test", REALM, &krb, &fault), &fault);
    assert_ok(krb_login(krb, &kdc, password, soon(), &sent, &reply, &fault), &fault);
    assert_true(sent);
    assert_ok(
        krb_service_ticket(krb, &kdc, "ldap", "dc1.contoso.test", soon(), &ticket, &reply, &fault),
        &fault);
    return krb;
}

/* A simple bind of svc over LDAPS, to look at others. */
void link_as_reader(struct link *link)
{
    struct fault fault = {0};
    bool sent = false;
    link_open(link, 636);
    assert_ok(
        directory_bind_simple(link->directory, "svc@contoso.test", password, soon(), &sent, &fault),
        &fault);
    assert_true(sent);
}

int64_t bad_password_count(const char *account)
{
    static const char *const attributes[] = {"badPwdCount", NULL};
    struct link link;
    struct arena arena = {0};
    struct fault fault = {0};
    struct directory_result result = {0};
    int64_t count = -1;
    link_as_reader(&link);
    struct directory_search search = {.base = BASE,
        .scope = DIRECTORY_SUBTREE,
        .filter = arena_printf(&arena, "(sAMAccountName=%s)", account),
        .attributes = attributes};
    assert_ok(directory_search(link.directory, &search, soon(), &arena, &result, &fault), &fault);
    assert_int_equal(result.count, 1);
    assert_true(entry_int(&result.entries[0], "badpwdcount", &count));
    link_close(&link);
    arena_done(&arena);
    return count;
}

/* This AD tells revoked and expired only after the right password (lab: "AS exchange"). */
const struct state states[STATES] = {
    {"svc", CAUSE_NONE, CAUSE_NONE, CAUSE_NONE, CAUSE_NONE},
    {"disabled", CAUSE_NONE, CAUSE_ACCOUNT_DISABLED, CAUSE_ACCOUNT_DISABLED,
        CAUSE_ACCOUNT_DISABLED},
    {"acctexpired", CAUSE_NONE, CAUSE_ACCOUNT_EXPIRED, CAUSE_ACCOUNT_EXPIRED,
        CAUSE_ACCOUNT_EXPIRED},
    {"pwexpired", CAUSE_NONE, CAUSE_PASSWORD_EXPIRED, CAUSE_PASSWORD_EXPIRED,
        CAUSE_PASSWORD_EXPIRED},
    {"mustchange", CAUSE_NONE, CAUSE_PASSWORD_MUST_CHANGE, CAUSE_PASSWORD_MUST_CHANGE,
        CAUSE_PASSWORD_MUST_CHANGE},
    /* Its KDC does not say why it is revoked when it is a lock-out. */
    {"locked", CAUSE_NONE, CAUSE_ACCOUNT_REVOKED, CAUSE_ACCOUNT_LOCKED, CAUSE_ACCOUNT_LOCKED},
    {"hours", CAUSE_NONE, CAUSE_LOGON_HOURS, CAUSE_LOGON_HOURS, CAUSE_LOGON_HOURS},
    {"workstation", CAUSE_NONE, CAUSE_NONE, CAUSE_LOGON_WORKSTATION, CAUSE_LOGON_WORKSTATION},
    {"nosuchuser", CAUSE_ACCOUNT_UNKNOWN, CAUSE_ACCOUNT_UNKNOWN, CAUSE_PASSWORD_WRONG,
        CAUSE_PASSWORD_WRONG},
};

void expect(bool ok, const struct fault *fault, enum cause cause, const char *who)
{
    enum cause got = ok ? CAUSE_NONE : fault->cause;
    if (got != cause)
        fail_msg("%s: %s (%s), expected %s", who, cause_str(got), ok ? "" : fault->text,
            cause_str(cause));
}

bool lab_open(const char *dir)
{
    char path[512];
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/password", dir);
    bool ok = krb_global_init(&fault) && directory_global_init(&fault) &&
              secret_read_file(path, &password, &fault);
    snprintf(path, sizeof path, "%s/ca.pem", dir);
    ok = ok && tls_trust_new(path, &trust, &fault);
    if (!ok)
        fprintf(stderr, "%s\n", fault.text);
    return ok;
}

void lab_close(void)
{
    secret_free(password);
    tls_trust_free(trust);
    krb_global_done();
}
