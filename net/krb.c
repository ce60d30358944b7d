#include "net/krb_impl.h"

#include "net/host.h"
#include "net/wire/text.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the environment said before krb_global_init() moved KRB5_CONFIG away. */
static struct {
    char *directory;
    char *config;
    char *mechanisms;
    char *user_cache;  /* the user's default cache, by the user's own configuration */
    char *workstation; /* our NetBIOS name */
} global;

/* Only what AD speaks, and nothing that looks names up: a cache miss must fail without a socket.
 * One pre-authentication mechanism, so that one password proof is one request. */
static const char config_text[] =
    "[libdefaults]\n"
    "    dns_lookup_kdc = false\n"
    "    dns_lookup_realm = false\n"
    "    dns_uri_lookup = false\n"
    "    dns_canonicalize_hostname = false\n"
    "    rdns = false\n"
    "    forwardable = false\n"
    "    noaddresses = true\n"
    "    kdc_timesync = 1\n"
    "    allow_weak_crypto = false\n"
    "    allow_rc4 = true\n"
    "    permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 "
    "aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128 rc4-hmac\n"
    "[plugins]\n"
    "    clpreauth = {\n"
    "        enable_only = encrypted_timestamp\n"
    "    }\n";

static void remember_user_cache(void)
{
    krb5_context context = NULL;
    if (krb5_init_context(&context) != 0)
        return;
    const char *name = krb5_cc_default_name(context);
    if (name != NULL)
        global.user_cache = xstrdup(name);
    krb5_free_context(context);
}

/* Asked once: the system may look our own name up. */
static void remember_workstation(void)
{
    enum { NETBIOS_MAX = 15 };
    struct arena arena = {0};
    const char *name = host_name(&arena);
    size_t length = strcspn(name, ".");
    global.workstation = xcalloc(1, NETBIOS_MAX + 1);
    memcpy(global.workstation, name, length < NETBIOS_MAX ? length : NETBIOS_MAX);
    arena_done(&arena);
}

const char *krb_workstation(void)
{
    return global.workstation != NULL ? global.workstation : "";
}

static char *path_join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + 1 + strlen(name) + 1;
    char *path = xcalloc(1, size);
    snprintf(path, size, "%s/%s", directory, name);
    return path;
}

const char *krb_user_cache(void)
{
    return global.user_cache;
}

static bool make_directory(const char *base)
{
    global.directory = path_join(base, "exreach-XXXXXX");
    if (mkdtemp(global.directory) != NULL) /* mode 700 */
        return true;
    free(global.directory);
    global.directory = NULL;
    return false;
}

/* The only place that changes our environment. LDAPNOINIT: ldap.conf and ~/.ldaprc must not set
 * limits behind our back. SASL_PATH: libldap must not load plug-ins that we never use (ten
 * libraries; our SASL tokens are our own). */
static bool set_environment(void)
{
    return setenv("KRB5_CONFIG", global.config, 1) == 0 &&
           setenv("GSS_MECH_CONFIG", global.mechanisms, 1) == 0 &&
           setenv("LDAPNOINIT", "1", 1) == 0 && setenv("SASL_PATH", global.directory, 1) == 0;
}

static bool start(struct fault *fault)
{
    const char *runtime = host_env("XDG_RUNTIME_DIR");
    /* XDG_RUNTIME_DIR often names a directory that su or a container does not have. */
    if (!(runtime != NULL && make_directory(runtime)) && !make_directory("/tmp"))
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "no directory for the Kerberos configuration could be made under /tmp");
    global.config = path_join(global.directory, "krb5.conf");
    global.mechanisms = path_join(global.directory, "mech");
    /* An empty list of plug-ins: a GSSAPI mechanism from elsewhere may open sockets of its own. */
    if (!host_write_file(global.config, config_text, sizeof config_text - 1, fault) ||
        !host_write_file(global.mechanisms, "", 0, fault))
        return false;
    if (!set_environment())
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the environment could not be set for Kerberos");
    OM_uint32 minor = 0;
    gss_OID_set loaded = GSS_C_NO_OID_SET;
    if (GSS_ERROR(gss_indicate_mechs(&minor, &loaded)))
        return fault_set(
            fault, CAUSE_UNSUPPORTED, ORIGIN_GSS, (long)minor, "the GSSAPI library does not start");
    gss_release_oid_set(&minor, &loaded);
    remember_workstation();
    return true;
}

bool krb_global_init(struct fault *fault)
{
    if (global.directory != NULL)
        return true;
    remember_user_cache();
    if (start(fault))
        return true;
    krb_global_done();
    return false;
}

void krb_global_done(void)
{
    char **paths[] = {&global.config, &global.mechanisms, &global.directory};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (*paths[i] != NULL)
            remove(*paths[i]);
        free(*paths[i]);
        *paths[i] = NULL;
    }
    free(global.user_cache);
    global.user_cache = NULL;
    free(global.workstation);
    global.workstation = NULL;
}

bool krb_library_fault(
    krb5_context context, krb5_error_code code, const char *doing, struct fault *fault)
{
    const char *message = krb5_get_error_message(context, code);
    fault_set(fault, CAUSE_INTERNAL, ORIGIN_KRB5, (long)code, "%s: %s", doing, message);
    krb5_free_error_message(context, message);
    return false;
}

bool krb_open(
    const struct krb *krb, krb5_context *ret_context, krb5_ccache *ret_cache, struct fault *fault)
{
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    krb5_error_code code = krb5_init_context(&context);
    if (code != 0)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_KRB5, (long)code, "the Kerberos library does not start");
    code = krb5_cc_resolve(context, krb->cache, &cache);
    if (code != 0) {
        krb_library_fault(context, code, "ticket cache", fault);
        krb5_free_context(context);
        return false;
    }
    *ret_context = context;
    *ret_cache = cache;
    return true;
}

void krb_shut(krb5_context context, krb5_ccache cache)
{
    if (cache != NULL)
        krb5_cc_close(context, cache);
    if (context != NULL)
        krb5_free_context(context);
}

bool krb_new(const char *account, const char *realm, struct krb **ret_krb, struct fault *fault)
{
    if (global.directory == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "Kerberos was not initialised");
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    char *name = NULL;
    krb5_error_code code = krb5_init_context(&context);
    if (code != 0)
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_KRB5, (long)code,
            "the Kerberos library does not start");
    code = krb5_cc_new_unique(context, "MEMORY", NULL, &cache);
    if (code == 0)
        code = krb5_cc_get_full_name(context, cache, &name);
    if (code != 0) {
        krb_library_fault(context, code, "a ticket cache in memory", fault);
        if (cache != NULL)
            krb5_cc_destroy(context, cache);
        krb5_free_context(context);
        return false;
    }
    struct krb *krb = xcalloc(1, sizeof *krb);
    krb->account = xstrdup(account);
    krb->realm = xstrdup(realm);
    krb->cache = xstrdup(name);
    atomic_init(&krb->has_ticket, false);
    krb5_free_string(context, name);
    krb_shut(context, cache); /* the name keeps a cache in memory alive until it is destroyed */
    *ret_krb = krb;
    return true;
}

void krb_free(struct krb *krb)
{
    if (krb == NULL)
        return;
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    if (krb_open(krb, &context, &cache, NULL)) {
        krb5_cc_destroy(context, cache); /* wipes the session keys */
        krb5_free_context(context);
    }
    free(krb->account);
    free(krb->realm);
    free(krb->cache);
    free(krb->keytab);
    free(krb);
}

bool krb_has_ticket(const struct krb *krb)
{
    return atomic_load(&krb->has_ticket);
}

bool krb_cached_server(const struct krb *krb, const char *service, const char *host,
    struct arena *arena, char **ret_principal)
{
    krb5_context context = NULL;
    krb5_ccache cache = NULL;
    krb5_creds wanted = {0};
    krb5_creds found = {0};
    char *name = NULL;
    bool ok = false;
    if (!krb_open(krb, &context, &cache, NULL))
        return false;
    if (krb5_cc_get_principal(context, cache, &wanted.client) != 0)
        goto out;
    if (krb5_build_principal(context, &wanted.server, (unsigned)strlen(krb->realm), krb->realm,
            service, host, (char *)NULL) != 0)
        goto out;
    if (krb5_cc_retrieve_cred(context, cache, KRB5_TC_MATCH_SRV_NAMEONLY, &wanted, &found) != 0)
        goto out;
    if (krb5_unparse_name(context, found.server, &name) == 0) {
        *ret_principal = arena_strdup(arena, name);
        krb5_free_unparsed_name(context, name);
        ok = true;
    }
    krb5_free_cred_contents(context, &found);
out:
    krb5_free_principal(context, wanted.server);
    krb5_free_principal(context, wanted.client);
    krb_shut(context, cache);
    return ok;
}

static bool gss_fault(OM_uint32 minor, const char *doing, struct fault *fault)
{
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_GSS, (long)minor, "%s", doing);
}

bool krb_gss_credential(
    struct krb *krb, bool spnego, gss_cred_id_t *ret_credential, struct fault *fault)
{
    /* RFC 4178 §3: 1.3.6.1.5.5.2 */
    static char spnego_bytes[] = "\x2b\x06\x01\x05\x05\x02";
    gss_OID_desc spnego_oid = {sizeof spnego_bytes - 1, spnego_bytes};
    gss_OID_set_desc wanted = {1, spnego ? &spnego_oid : gss_mech_krb5};
    gss_OID_set_desc inner = {1, gss_mech_krb5};
    gss_key_value_element_desc element = {"ccache", krb->cache};
    gss_key_value_set_desc store = {1, &element};
    gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
    OM_uint32 minor = 0;
    OM_uint32 ignored = 0;
    if (GSS_ERROR(gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &wanted,
            GSS_C_INITIATE, &store, &credential, NULL, NULL)))
        return gss_fault(minor, "no Kerberos credentials: there is no ticket yet", fault);
    /* Without this SPNEGO would offer whatever else is installed and hide why Kerberos failed. */
    if (spnego && GSS_ERROR(gss_set_neg_mechs(&minor, credential, &inner))) {
        gss_release_cred(&ignored, &credential);
        return gss_fault(minor, "SPNEGO cannot be limited to Kerberos", fault);
    }
    *ret_credential = credential;
    return true;
}
