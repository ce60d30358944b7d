/*
 * The user's own tickets: the credential cache or keytab that the environment or the user's own
 * configuration names. Only kinds that are read without waiting for another process.
 */
#include "net/krb_impl.h"

#include "net/host.h"
#include "net/wire/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kinds that are read with system calls that do not wait for another process. */
static bool cache_kind_is_local(const char *name)
{
    return text_starts_nocase(name, "FILE:") || text_starts_nocase(name, "DIR:") ||
           text_starts_nocase(name, "KEYRING:") || strchr(name, ':') == NULL || name[0] == '/';
}

/* "svc" of "svc@contoso.test" is the one component of the principal, in our realm. */
static bool is_account(const struct krb *krb, const krb5_principal_data *principal)
{
    size_t length = strcspn(krb->account, "@");
    const krb5_data *name = principal->data;
    return principal->length == 1 && name->length == length &&
           memcmp(name->data, krb->account, length) == 0 &&
           principal->realm.length == strlen(krb->realm) &&
           memcmp(principal->realm.data, krb->realm, principal->realm.length) == 0;
}

static bool keytab_has_account(const struct krb *krb, krb5_context context, krb5_keytab keytab)
{
    krb5_kt_cursor cursor;
    krb5_keytab_entry entry;
    bool found = false;
    if (krb5_kt_start_seq_get(context, keytab, &cursor) != 0)
        return false;
    while (!found && krb5_kt_next_entry(context, keytab, &entry, &cursor) == 0) {
        found = is_account(krb, entry.principal);
        krb5_free_keytab_entry_contents(context, &entry);
    }
    krb5_kt_end_seq_get(context, keytab, &cursor);
    return found;
}

/* A keytab instead of a cache: krb_login() then takes its key in place of a password. */
static bool adopt_keytab(struct krb *krb)
{
    const char *name = host_env("KRB5_CLIENT_KTNAME");
    if (name == NULL)
        name = host_env("KRB5_KTNAME");
    if (name == NULL || (strchr(name, ':') != NULL && !text_starts_nocase(name, "FILE:")))
        return false;
    krb5_context context = NULL;
    krb5_keytab keytab = NULL;
    bool ok = krb5_init_context(&context) == 0 && krb5_kt_resolve(context, name, &keytab) == 0 &&
              keytab_has_account(krb, context, keytab);
    if (keytab != NULL)
        krb5_kt_close(context, keytab);
    if (context != NULL)
        krb5_free_context(context);
    if (ok) {
        free(krb->keytab);
        krb->keytab = xstrdup(name);
    }
    return ok;
}

/* Seconds until the TGT of `principal` in `cache` ends; false: there is none. */
static bool tgt_left(
    krb5_context context, krb5_ccache cache, krb5_principal principal, int64_t *ret_seconds)
{
    const krb5_data *realm = &principal->realm;
    krb5_creds wanted = {.client = principal};
    krb5_creds found = {0};
    if (krb5_build_principal_ext(context, &wanted.server, realm->length, realm->data,
            (unsigned)KRB5_TGS_NAME_SIZE, KRB5_TGS_NAME, realm->length, realm->data, 0) != 0)
        return false;
    krb5_error_code code = krb5_cc_retrieve_cred(context, cache, 0, &wanted, &found);
    krb5_free_principal(context, wanted.server);
    if (code != 0)
        return false;
    *ret_seconds = (int64_t)(uint32_t)found.times.endtime - clock_wall_us() / 1000000;
    krb5_free_cred_contents(context, &found);
    return true;
}

/* Whose tickets they are decides the realm; a reader (krb_reader()) has no name but theirs. */
static bool name_after(
    struct krb *krb, krb5_context context, krb5_const_principal principal, struct fault *fault)
{
    struct arena arena = {0};
    char *name = NULL;
    krb5_error_code code = krb5_unparse_name(context, principal, &name);
    if (code != 0)
        return krb_library_fault(context, code, "the user's ticket cache", fault);
    free(krb->realm);
    krb->realm = xstrdup(arena_strndup(&arena, principal->realm.data, principal->realm.length));
    if (krb->account[0] == '\0') {
        free(krb->account);
        krb->account = xstrdup(name);
    }
    krb5_free_unparsed_name(context, name);
    arena_done(&arena);
    return true;
}

static bool copy_cache(
    struct krb *krb, krb5_context context, krb5_ccache own, krb5_ccache user, struct fault *fault)
{
    krb5_principal principal = NULL;
    int64_t left = 0;
    bool ok = false;
    krb5_error_code code = krb5_cc_get_principal(context, user, &principal);
    if (code != 0) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_KRB5, (long)code,
            "no tickets in the cache %s: run kinit, or give a password", krb_user_cache());
        goto out;
    }
    if (!tgt_left(context, user, principal, &left)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_KRB5, 0,
            "the cache %s holds no ticket-granting ticket", krb_user_cache());
        goto out;
    }
    if (left <= 0) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_KRB5, 0,
            "the ticket in the cache %s has expired: run kinit", krb_user_cache());
        goto out;
    }
    code = krb5_cc_initialize(context, own, principal);
    if (code == 0)
        code = krb5_cc_copy_creds(context, user, own);
    if (code != 0) {
        krb_library_fault(context, code, "the user's ticket cache", fault);
        goto out;
    }
    ok = name_after(krb, context, principal, fault);
    atomic_store(&krb->has_ticket, ok);
out:
    krb5_free_principal(context, principal);
    return ok;
}

static bool adopt_tickets(struct krb *krb, struct fault *fault)
{
    krb5_context context = NULL;
    krb5_ccache own = NULL;
    krb5_ccache user = NULL;
    if (krb_user_cache() == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no ticket cache is configured");
    if (!cache_kind_is_local(krb_user_cache())) {
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "the ticket cache %s is kept by another process: use KRB5CCNAME=FILE:…",
            krb_user_cache());
    }
    if (!krb_open(krb, &context, &own, fault))
        return false;
    krb5_error_code code = krb5_cc_resolve(context, krb_user_cache(), &user);
    bool ok = code == 0 ? copy_cache(krb, context, own, user, fault)
                        : krb_library_fault(context, code, "the user's ticket cache", fault);
    if (user != NULL)
        krb5_cc_close(context, user);
    krb_shut(context, own);
    return ok;
}

bool krb_adopt_cache(struct krb *krb, struct fault *fault)
{
    return adopt_tickets(krb, fault) || adopt_keytab(krb);
}

bool krb_reader(struct krb **ret_krb, struct fault *fault)
{
    struct krb *krb = NULL;
    if (!krb_new("", "", &krb, fault))
        return false;
    if (!adopt_tickets(krb, fault)) {
        krb_free(krb);
        return false;
    }
    *ret_krb = krb;
    return true;
}

const char *krb_realm(const struct krb *krb)
{
    return krb->realm;
}

const char *krb_account(const struct krb *krb)
{
    return krb->account;
}
