#include "kerberos_logon.h"

#include <ctype.h>
#include <krb5.h>
#include <stdio.h>
#include <string.h>

/* `svc@CONTOSO.TEST` for svc, CONTOSO\\svc and svc@contoso.test. */
static void principal_name(const struct config *config, const char *name, char *to, size_t size)
{
    const char *backslash = strchr(name, '\\');
    const char *user = backslash != NULL ? backslash + 1 : name;
    size_t user_len = strcspn(user, "@");

    snprintf(to, size, "%.*s@%s", (int)user_len, user, config->dns_domain);
    for (char *p = strchr(to, '@'); p != NULL && *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
}

bool kerberos_logon(const struct config *config, const char *name, const char *password)
{
    krb5_context context = NULL;
    krb5_principal principal = NULL;
    krb5_creds credentials = {0};
    char text[512];
    bool ok = false;

    principal_name(config, name, text, sizeof text);
    if (krb5_init_context(&context) != 0)
        return false;
    if (krb5_parse_name(context, text, &principal) == 0)
        ok = krb5_get_init_creds_password(
                 context, &credentials, principal, password, NULL, NULL, 0, NULL, NULL) == 0;
    if (ok)
        krb5_free_cred_contents(context, &credentials);
    krb5_free_principal(context, principal);
    krb5_free_context(context);
    return ok;
}
