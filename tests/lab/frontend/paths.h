/* The virtual directories as Exchange sets them up, and what is served below each. A new protocol
 * is one handler and one line in paths.c. */
#ifndef FRONTEND_PATHS_H
#define FRONTEND_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct call;

enum vdir {
    VDIR_AUTODISCOVER,
    VDIR_EWS,
    VDIR_OAB,
    VDIR_ACTIVESYNC,
    VDIR_OWA,
    VDIR_ECP,
    VDIR_MAPI,
    VDIR_RPC,
    VDIR_COUNT
};

/* Windows Extended Protection, per virtual directory. */
enum ep {
    EP_OFF,    /* bindings are not looked at */
    EP_ALLOW,  /* none is fine, a wrong one is not */
    EP_REQUIRE /* only the right one will do */
};

enum scheme {
    SCHEME_NONE = 0,
    SCHEME_NEGOTIATE = 1,
    SCHEME_NTLM = 2,
    SCHEME_BASIC = 4,
    SCHEME_FORMS = 8
};

struct vdir_settings {
    enum ep ep;
    unsigned schemes; /* of enum scheme */
};

enum access {
    ACCESS_ANONYMOUS,
    ACCESS_LOGIN, /* an HTTP scheme of the virtual directory */
    ACCESS_FORMS  /* the cookies of a forms logon, or an HTTP scheme */
};

struct route {
    const char *path; /* lower case */
    bool prefix;      /* and everything below it */
    enum vdir vdir;
    enum access access;
    bool stream; /* the handler reads the body itself, from call->conn */
    void (*handle)(struct call *call);
};

void vdir_defaults(struct vdir_settings settings[VDIR_COUNT]);
/* By the names of the configuration file: ews, mapi, ...; -1 if there is none. */
int vdir_by_name(const char *name);
/* The headers every answer below this directory carries, anonymous ones too. */
bool vdir_shows_owa_version(enum vdir vdir);

bool ep_parse(const char *text, enum ep *ret_ep);
/* A list separated by commas or blanks. */
bool schemes_parse(char *text, unsigned *ret_schemes);
const char *scheme_str(enum scheme scheme);

/* NULL: IIS would answer 404. */
const struct route *route_find(const char *path);

#endif
