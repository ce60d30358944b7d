/* What the lab tells the front end, read once from a file of `key value` lines. */
#ifndef FRONTEND_CONFIG_H
#define FRONTEND_CONFIG_H

#include "faults.h"
#include "paths.h"

#include <stdbool.h>
#include <stddef.h>

enum { NODE_MAX = 8, FULL_ACCESS_MAX = 32 };

struct node {
    char name[128];    /* ex1.contoso.test */
    char netbios[16];  /* EX1, as X-FEServer shows it */
    char address[64];  /* 127.0.0.20 */
    int build[4];      /* 15.2.1544.4 */
};

struct full_access {
    char user[128];    /* sAMAccountName of who may open it, or * */
    char mailbox[256]; /* sAMAccountName or address of what may be opened */
};

struct config {
    struct node nodes[NODE_MAX];
    size_t node_count;
    char certificate[512];
    char key[512];
    char chain[512];
    char keytab[512];
    char ldap[256];
    char ldap_base[256];
    char ldap_user[256];
    char ldap_password_file[512];
    char ldap_ca[512];
    char winbind_socket_dir[512];
    char domain[64];        /* CONTOSO */
    char dns_domain[128];   /* contoso.test */
    char external_name[128];
    char http_redirect[512];
    char log[512];
    char owa_default_domain[64]; /* put before a plain user name in the form; empty: none */
    bool owa_ask_language;       /* regional settings are missing: languageselection.aspx */
    bool deny_visible;           /* another's mailbox: ErrorAccessDenied, else ErrorItemNotFound */
    int idle_seconds;
    struct full_access full_access[FULL_ACCESS_MAX];
    size_t full_access_count;
    struct vdir_settings vdirs[VDIR_COUNT];
    struct fault_set faults;
};

/* Reads `file`. On failure writes one line to `ret_error` and returns false. */
bool config_load(struct config *config, const char *file, char *ret_error, size_t error_size);

#endif
