/*
 * What net/directory.c, net/directory_bind.c and net/directory_sockbuf.c share.
 *
 * libldap reads from and writes to memory only. Between that memory and the socket stands the pipe:
 * it waits with our deadline, unseals, and lets only whole and well-formed LDAP messages through.
 */
#ifndef NET_DIRECTORY_IMPL_H
#define NET_DIRECTORY_IMPL_H

#include "net/directory.h"

#include <openldap.h>

enum {
    PIPE_MESSAGE_MAX = 4 * 1024 * 1024, /* one LDAP message */
    PIPE_SEALED_MAX = 1024 * 1024,      /* one sealed token; announced to the server */
    PIPE_DEPTH_MAX = 32                 /* of nested BER; LDAP itself needs some 8 */
};

struct pipe_buffer {
    uint8_t *bytes;
    size_t length;
    size_t size;
};

struct pipe {
    net_sock sock;
    struct tls_conn *tls;
    struct pipe_buffer out;   /* from libldap, in the clear */
    struct pipe_buffer wire;  /* from the socket, where it is sealed */
    struct pipe_buffer plain; /* LDAP bytes not yet a whole message */
    struct pipe_buffer ready; /* one whole message for libldap */
    size_t ready_at;
    struct secctx *layer; /* the caller's; NULL: none */
    size_t layer_max;     /* of a token we may send */
    bool refused_write;   /* libldap wrote more than we hold */
};

void pipe_done(struct pipe *pipe);
bool pipe_attach(struct pipe *pipe, Sockbuf *sockbuf);
/* Sends what libldap has written. */
bool pipe_flush(struct pipe *pipe, struct net_limit limit, struct fault *fault);
/* Waits for one whole message. */
bool pipe_fill(struct pipe *pipe, struct net_limit limit, struct fault *fault);
bool pipe_has_message(const struct pipe *pipe);
/* From now on everything is sealed. */
void pipe_seal(struct pipe *pipe, struct secctx *layer, size_t max);

/* RFC 4511 §5.1: definite lengths, a SEQUENCE, nothing out of its parent's bounds. *ret_size: of
 * the first message, 0 as long as more bytes are needed. Pure. */
bool ldap_frame(const void *bytes, size_t length, size_t *ret_size, struct fault *fault);

struct directory {
    LDAP *ldap;
    struct pipe pipe;
    bool dead; /* after a broken connection nothing more is tried */
};

/* A search in pages, RFC 2696 §3: each answer brings a cookie for the next one; the last one's is
 * empty. Zero is a search's beginning. */
struct directory_page {
    struct berval cookie;
    unsigned count; /* pages so far */
};
void directory_page_done(struct directory_page *page);
/* The control of the next request, for at most `room` entries; the caller frees it with
 * ldap_control_free(). */
bool directory_page_ask(const struct directory_page *page, LDAP *ldap, size_t room,
    LDAPControl **ret_control, struct fault *fault);
/* The controls of an answer; NULL: none. A server that does not page has answered whole. */
bool directory_page_answer(
    struct directory_page *page, LDAP *ldap, LDAPControl **controls, struct fault *fault);
/* There is a further page. */
bool directory_page_more(const struct directory_page *page);

/* A result of the server: code and diagnosticMessage to a fault; returns false. */
bool directory_result_fault(int code, const char *diagnostic, struct fault *fault);
/* libldap's own refusal; returns false. */
bool directory_library_fault(int code, const char *doing, struct fault *fault);
/* The next message of the operation; the caller frees it with ldap_msgfree(). */
bool directory_next(struct directory *directory, int id, struct net_limit limit,
    LDAPMessage **ret_message, struct fault *fault);

#endif
