/* A logon with name and password by Kerberos, as Windows does it for members of Protected Users. */
#ifndef FRONTEND_KERBEROS_LOGON_H
#define FRONTEND_KERBEROS_LOGON_H

#include "config.h"

#include <stdbool.h>

/* `name` with or without a domain. The KDCs are those of krb5.conf. */
bool kerberos_logon(const struct config *config, const char *name, const char *password);

#endif
