/* Who is asking. HTTP authentication as IIS does it (RFC 4559, RFC 7617, [MS-NTHT]), each logon
 * verified by the directory, channel bindings judged by the path's Extended Protection.
 *
 * Below this stands one small interface, `struct auth_mech`: a token in, and out comes a token to
 * send, "go on", a user, or a refusal with its reason. */
#ifndef FRONTEND_AUTH_H
#define FRONTEND_AUTH_H

#include "config.h"
#include "http.h"

#include <stdbool.h>
#include <stddef.h>

/* What the client said about the TLS channel it sees. */
enum binding { BINDING_NONE, BINDING_RIGHT, BINDING_WRONG };

struct identity {
    char user[256];   /* as the mechanism names it: sAMAccountName, or user@REALM */
    char domain[128]; /* NetBIOS or DNS name; may be empty */
    enum scheme scheme;
    const char *mech; /* "kerberos", "ntlm", "basic", "forms" */
    enum binding binding;
};

enum auth_result {
    AUTH_CONTINUE,
    AUTH_ACCEPT,
    AUTH_REJECT,
    AUTH_BROKEN /* our own trouble: the directory cannot be asked */
};

struct auth_step {
    enum auth_result result;
    struct buf token;    /* to be sent to the client */
    struct identity who; /* with AUTH_ACCEPT */
    char reason[128];    /* with AUTH_REJECT and AUTH_BROKEN */
};

/* The TLS channel's tls-server-end-point (RFC 5929): "tls-server-end-point:" and the hash. */
struct channel {
    unsigned char data[96];
    size_t len;
};

struct auth_mech {
    void *(*start)(
        const struct config *config, const struct node *node, const struct channel *channel);
    void (*step)(void *state, const void *token, size_t len, struct auth_step *ret_step);
    void (*free)(void *state);
    bool keeps; /* the connection stays logged in, as with NTLM */
};

/* Makes GSSAPI's acceptor ready; call once, before threads. False with a line in `ret_error`. */
bool auth_init(const struct config *config, char *ret_error, size_t error_size);
void auth_done(void);

/* A connection's state: a logon under way, and the user it stays logged in as. */
struct auth_conn {
    const struct config *config;
    const struct node *node;
    struct channel channel;
    const struct auth_mech *mech; /* of the logon under way */
    void *state;
    bool logged_in;
    struct identity kept;
};

void auth_conn_init(
    struct auth_conn *auth, const struct config *config, const struct node *node, SSL *ssl);
void auth_conn_done(struct auth_conn *auth);

/* A challenge was sent over this connection, and its answer has to come over it: NTLM. */
bool auth_challenged(const struct auth_conn *auth);
/* As if this were another connection. */
void auth_forget(struct auth_conn *auth);

/* Authenticates one request for a virtual directory. AUTH_ACCEPT fills ret_step->who; anything
 * else has filled `response` with the 401 (or 500) to send. Headers that go with the answer of an
 * accepted request are in `response` already. */
enum auth_result auth_request(struct auth_conn *auth, enum vdir vdir, const struct request *request,
    struct response *response, struct auth_step *ret_step);
extern const struct auth_mech auth_ntlm;
extern const struct auth_mech auth_spnego_ntlm;
extern const struct auth_mech auth_gss;

bool auth_gss_init(const char *keytab, char *ret_error, size_t error_size);
void auth_gss_done(void);
/* The acceptor's gss_cred_id_t; NULL without a keytab. */
void *auth_gss_credential(void);

#endif
