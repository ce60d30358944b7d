/*
 * POX Autodiscover: request and answer. [MS-OXDSCLI] 2.2.3 (request), 2.2.4 (response).
 */
#ifndef NET_WIRE_AUTODISCOVER_H
#define NET_WIRE_AUTODISCOVER_H

#include "net/arena.h"
#include "net/fault.h"

enum {
    AUTODISCOVER_PROTOCOLS_MAX = 16,
    AUTODISCOVER_URLS_MAX = 64,
    AUTODISCOVER_BODY_MAX = 1 << 20
};

/* Request body (outlook/requestschema/2006, AcceptableResponseSchema outlook/responseschema/2006a).
 */
char *autodiscover_request(struct arena *arena, const char *address);

/* One URL of the answer, wherever it stood. */
struct autodiscover_url {
    const char
        *protocol; /* "EXCH" "EXPR" "EXHTTP" "WEB" "mapiHttp" … of the Protocol it stood in */
    const char *element; /* "EwsUrl" "ASUrl" "OOFUrl" "OABUrl" "EcpUrl" "OWAUrl" "InternalUrl" … */
    const char *parent; /* "MailStore" "AddressBook" "Internal" "External" …; NULL: the Protocol */
    bool internal;      /* mapiHttp, WEB: inside InternalUrl / Internal */
    const char *url;    /* as sent, trimmed */
};

struct autodiscover_protocol {
    const char *type;
    const char *server, *server_dn, *mdb_dn, *server_version;
    const char *auth_package, *cert_principal_name;
    const char *public_folder_server;
    bool ssl;
    const char *site; /* AD */
};

struct autodiscover_answer {
    /* an error … */
    bool error;
    long error_code;
    const char *error_message, *error_time, *debug_data;
    /* … or a redirect … */
    const char *redirect_address; /* Action redirectAddr */
    const char *redirect_url;     /* Action redirectUrl */
    /* … or settings */
    const char *action; /* "settings" */
    const char *display_name, *legacy_dn, *smtp_address, *deployment_id;
    const char *account_type;
    const char *microsoft_online;      /* "True" / "False" or NULL */
    const char *public_folder_address; /* PublicFolderInformation/SmtpAddress */
    struct autodiscover_protocol protocols[AUTODISCOVER_PROTOCOLS_MAX];
    size_t protocol_count;
    struct autodiscover_url urls[AUTODISCOVER_URLS_MAX];
    size_t url_count;
    const char *alternative_mailboxes[16]; /* SmtpAddress or Server of AlternativeMailbox */
    size_t alternative_count;
};

/* NOT_EXCHANGE: not XML of the Autodiscover namespaces (HTML, JSON, empty: the text says which).
 * MALFORMED: broken XML, a DOCTYPE (always refused), or over the limits. Texts are in the arena.
 * An <Error> answer is a success here. Namespaces are matched, prefixes and CDATA do not matter. */
bool autodiscover_parse(struct arena *arena, const void *body, size_t length,
    struct autodiscover_answer *ret_answer, struct fault *fault);

#endif
