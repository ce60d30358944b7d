#include "tests/unit/script_server.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { RECEIVED_MAX = 64 * 1024, STALL_MS = 5000 };

struct script_server {
    const struct script_step *steps;
    SSL_CTX *context;
    int listener;
    int stop[2];
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    unsigned connections;
    char received[RECEIVED_MAX];
    size_t received_length;
};

/* ---- certificates -----------------------------------------------------------------------------
 */

struct authority {
    EVP_PKEY *key;
    X509 *cert;
};
static struct authority known;
static struct authority unknown;
static char authority_file[64];

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "script server: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static void set_name(X509_NAME *name, const char *text)
{
    must(X509_NAME_add_entry_by_txt(
             name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1,
        "name");
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    must(extension != NULL && X509_add_ext(cert, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
}

static X509 *make_cert(
    EVP_PKEY *key, const char *subject, const struct authority *issuer, int from_day, int until_day)
{
    static long serial = 1000;
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), (long)from_day * 86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), (long)until_day * 86400);
    X509_set_pubkey(cert, key);
    set_name(X509_get_subject_name(cert), subject);
    X509_set_issuer_name(
        cert, issuer != NULL ? X509_get_subject_name(issuer->cert) : X509_get_subject_name(cert));
    return cert;
}

static void make_authority(struct authority *authority, const char *name)
{
    if (authority->key != NULL)
        return;
    authority->key = EVP_EC_gen("P-256");
    authority->cert = make_cert(authority->key, name, NULL, -10, 10);
    add_extension(authority->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    must(X509_sign(authority->cert, authority->key, EVP_sha256()) > 0, "sign");
}

const char *script_authority_file(void)
{
    make_authority(&known, "Script Authority");
    if (authority_file[0] != '\0')
        return authority_file;
    snprintf(authority_file, sizeof authority_file, "/tmp/script-authority-XXXXXX");
    int fd = mkstemp(authority_file);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    must(file != NULL && PEM_write_X509(file, known.cert) == 1, "authority file");
    fclose(file);
    return authority_file;
}

void script_done(void)
{
    if (authority_file[0] != '\0')
        unlink(authority_file);
    authority_file[0] = '\0';
    EVP_PKEY_free(known.key);
    X509_free(known.cert);
    EVP_PKEY_free(unknown.key);
    X509_free(unknown.cert);
    known = unknown = (struct authority){0};
}

static SSL_CTX *make_context(const struct script_cert *cert)
{
    make_authority(&known, "Script Authority");
    make_authority(&unknown, "Nobody's Authority");
    const struct authority *issuer = cert->unknown_authority ? &unknown : &known;
    if (cert->self_signed)
        issuer = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    const char *name = cert->name == NULL ? "server.test" : cert->name;
    X509 *leaf = make_cert(key, name, issuer, cert->from_day == 0 ? -1 : cert->from_day,
        cert->until_day == 0 ? 1 : cert->until_day);
    char names[200];
    snprintf(names, sizeof names, "DNS:%s", name);
    add_extension(leaf, NID_subject_alt_name, names);
    must(X509_sign(leaf, issuer != NULL ? issuer->key : key, EVP_sha256()) > 0, "sign");
    must(SSL_CTX_use_certificate(context, leaf) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1,
        "certificate");
    if (cert->wants_client_cert)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (cert->max_version != 0) {
        SSL_CTX_set_security_level(context, 0);
        SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context, cert->max_version);
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return context;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

struct serving {
    struct script_server *server;
    int sock;
    SSL *ssl; /* NULL: not over TLS */
    SSL *tls; /* owned */
};

static bool is_stopped(const struct script_server *server, int sock, int ms)
{
    struct pollfd polls[2] = {
        {.fd = server->stop[0], .events = POLLIN}, {.fd = sock, .events = POLLIN}};
    (void)poll(polls, sock >= 0 ? 2 : 1, ms);
    return polls[0].revents != 0;
}

static void keep(struct script_server *server, const char *bytes, size_t length)
{
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < length && server->received_length < RECEIVED_MAX; i++)
        server->received[server->received_length++] = bytes[i];
    pthread_mutex_unlock(&server->lock);
}

static int take(struct serving *serving, char *bytes, int size)
{
    if (serving->ssl == NULL || SSL_pending(serving->ssl) == 0) {
        if (is_stopped(serving->server, serving->sock, STALL_MS))
            return -1;
    }
    int got = serving->ssl != NULL ? SSL_read(serving->ssl, bytes, size)
                                   : (int)recv(serving->sock, bytes, (size_t)size, 0);
    if (got > 0)
        keep(serving->server, bytes, (size_t)got);
    return got;
}

static bool read_head(struct serving *serving)
{
    unsigned matched = 0;
    char byte = 0;
    while (matched < 4) {
        if (take(serving, &byte, 1) <= 0)
            return false;
        matched = byte == "\r\n\r\n"[matched] ? matched + 1 : byte == '\r';
    }
    return true;
}

static bool put(struct serving *serving, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = serving->ssl != NULL ? SSL_write(serving->ssl, bytes, (int)length)
                                            : send(serving->sock, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool drip(struct serving *serving, const char *bytes, size_t length, int ms)
{
    for (size_t i = 0; i < length; i++) {
        if (!put(serving, bytes + i, 1) || is_stopped(serving->server, -1, ms))
            return false;
    }
    return true;
}

static void silent(struct serving *serving)
{
    char bytes[256];
    while (take(serving, bytes, sizeof bytes) > 0)
        continue;
}

static bool start_tls(struct serving *serving)
{
    serving->tls = SSL_new(serving->server->context);
    SSL_set_fd(serving->tls, serving->sock);
    serving->ssl = serving->tls;
    if (SSL_accept(serving->ssl) == 1)
        return true;
    /* What the peer sent meanwhile is taken, or the alert would be lost in a RST. */
    serving->ssl = NULL;
    shutdown(serving->sock, SHUT_WR);
    silent(serving);
    return false;
}

static void reset(int sock)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* false: the connection ends without more ado. */
static bool step(struct serving *serving, const struct script_step *at)
{
    char bytes[1024];
    size_t length = at->length == 0 && at->text != NULL ? strlen(at->text) : at->length;
    switch (at->kind) {
    case SCRIPT_END:
        return true;
    case SCRIPT_READ_HEAD:
        return read_head(serving);
    case SCRIPT_READ_SOME:
        return take(serving, bytes, sizeof bytes) > 0;
    case SCRIPT_SEND:
        return put(serving, at->text, length);
    case SCRIPT_DRIP:
        return drip(serving, at->text, length, at->ms);
    case SCRIPT_FLOOD:
        while (put(serving, at->text, length))
            continue;
        return false;
    case SCRIPT_SLEEP:
        if (is_stopped(serving->server, -1, at->ms))
            return false;
        /* What the test wrote meanwhile, and published with script_received(), is seen from now. */
        pthread_mutex_lock(&serving->server->lock);
        pthread_mutex_unlock(&serving->server->lock);
        return true;
    case SCRIPT_SILENT:
        silent(serving);
        return false;
    case SCRIPT_TLS:
        return start_tls(serving);
    case SCRIPT_RAW:
        serving->ssl = NULL;
        return true;
    case SCRIPT_FIN:
        return false;
    case SCRIPT_RESET:
        reset(serving->sock);
        return false;
    }
    return false;
}

static void serve(struct script_server *server, int sock)
{
    struct serving serving = {.server = server, .sock = sock};
    const struct timeval stall = {.tv_sec = STALL_MS / 1000};
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
    pthread_mutex_lock(&server->lock);
    server->connections++;
    pthread_mutex_unlock(&server->lock);
    const struct script_step *at = server->steps;
    while (at->kind != SCRIPT_END && step(&serving, at))
        at++;
    if (at->kind == SCRIPT_END && serving.ssl != NULL)
        SSL_shutdown(serving.ssl);
    if (serving.tls != NULL)
        SSL_free(serving.tls);
    close(sock);
}

static void *run(void *context)
{
    struct script_server *server = context;
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE); /* ours; the code under test must not need this */
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    for (;;) {
        if (is_stopped(server, server->listener, -1))
            return NULL;
        int sock = accept(server->listener, NULL, NULL);
        if (sock >= 0)
            serve(server, sock);
    }
}

struct script_server *script_start(const struct script_step *steps, const struct script_cert *cert)
{
    struct script_server *server = calloc(1, sizeof *server);
    must(server != NULL && pipe(server->stop) == 0, "pipe");
    server->steps = steps;
    if (cert != NULL)
        server->context = make_context(cert);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(server->listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
             listen(server->listener, 8) == 0 &&
             getsockname(server->listener, (struct sockaddr *)&address, &size) == 0,
        "listen");
    server->port = ntohs(address.sin_port);
    pthread_mutex_init(&server->lock, NULL);
    must(pthread_create(&server->thread, NULL, run, server) == 0, "thread");
    return server;
}

void script_stop(struct script_server *server)
{
    must(write(server->stop[1], "x", 1) == 1, "stop");
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->stop[1]);
    close(server->listener);
    SSL_CTX_free(server->context);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

uint16_t script_port(const struct script_server *server)
{
    return server->port;
}

size_t script_received(struct script_server *server, char *ret_text, size_t size)
{
    pthread_mutex_lock(&server->lock);
    size_t length = server->received_length < size - 1 ? server->received_length : size - 1;
    memcpy(ret_text, server->received, length);
    ret_text[length] = '\0';
    pthread_mutex_unlock(&server->lock);
    return length;
}

unsigned script_connections(struct script_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned connections = server->connections;
    pthread_mutex_unlock(&server->lock);
    return connections;
}
