/*
 * A server on loopback that follows a script, in a thread of the test program: every connection is
 * served, one after the other, with the same steps.
 */
#ifndef TESTS_SCRIPT_SERVER_H
#define TESTS_SCRIPT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum script_kind {
    SCRIPT_END,       /* closes (FIN; over TLS after close_notify) */
    SCRIPT_READ_HEAD, /* up to an empty line */
    SCRIPT_READ_SOME, /* something */
    SCRIPT_SEND,      /* text */
    SCRIPT_DRIP,      /* text, a byte every ms */
    SCRIPT_FLOOD,     /* text, until nobody listens any more */
    SCRIPT_SLEEP,     /* ms */
    SCRIPT_SILENT,    /* until the peer closes, or the server is stopped */
    SCRIPT_TLS,       /* handshake; what follows is over TLS */
    SCRIPT_RAW,       /* what follows is not over TLS again */
    SCRIPT_FIN,       /* close without close_notify */
    SCRIPT_RESET      /* RST */
};

struct script_step {
    enum script_kind kind;
    const char *text;
    size_t length; /* 0: strlen(text) */
    int ms;
};

/* What the server shows. Times are relative to now, in days. */
struct script_cert {
    const char *name;        /* subjectAltName DNS:; NULL: "server.test" */
    int from_day, until_day; /* 0: yesterday, tomorrow */
    bool self_signed;        /* else signed by the authority of the program */
    bool unknown_authority;  /* signed by another authority, that nobody trusts */
    bool wants_client_cert;
    int max_version; /* TLS1_2_VERSION …; 0: the newest */
};

struct script_server;

struct script_server *script_start(const struct script_step *steps, const struct script_cert *cert);
void script_stop(struct script_server *server); /* and joins */
uint16_t script_port(const struct script_server *server);
/* What the peers have sent so far (within TLS where there was TLS), on all connections. */
size_t script_received(struct script_server *server, char *ret_text, size_t size);
unsigned script_connections(struct script_server *server);

/* A PEM file with the authority's certificate, made once; the caller unlinks it. */
const char *script_authority_file(void);
void script_done(void);

#endif
