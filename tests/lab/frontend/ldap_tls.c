#include "ldap_tls.h"

#include "buf.h"
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openldap.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SSL_CTX *ldap_tls_context(const struct config *config)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (*config->ldap_ca != '\0' &&
        SSL_CTX_load_verify_locations(context, config->ldap_ca, NULL) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static int io_setup(Sockbuf_IO_Desc *desc, void *arg)
{
    desc->sbiod_pvt = arg;
    return 0;
}

/* The descriptor belongs to the layer below. */
static int io_remove(Sockbuf_IO_Desc *desc)
{
    struct stream *stream = desc->sbiod_pvt;

    SSL_free(stream->ssl);
    free(stream);
    return 0;
}

static int io_control(Sockbuf_IO_Desc *desc, int option, void *arg)
{
    struct stream *stream = desc->sbiod_pvt;

    if (option == LBER_SB_OPT_DATA_READY && SSL_pending(stream->ssl) > 0)
        return 1;
    return LBER_SBIOD_CTRL_NEXT(desc, option, arg);
}

static ber_slen_t io_read(Sockbuf_IO_Desc *desc, void *data, ber_len_t size)
{
    long count = stream_read(desc->sbiod_pvt, data, size, clock_ms() + LDAP_WAIT_MS);

    if (count < 0)
        errno = ETIMEDOUT;
    return count;
}

static ber_slen_t io_write(Sockbuf_IO_Desc *desc, void *data, ber_len_t size)
{
    if (!stream_write(desc->sbiod_pvt, data, size, clock_ms() + LDAP_WAIT_MS)) {
        errno = ETIMEDOUT;
        return -1;
    }
    return (ber_slen_t)size;
}

static int io_close(Sockbuf_IO_Desc *desc)
{
    (void)desc;
    return 0;
}

static Sockbuf_IO tls_io = {io_setup, io_remove, io_control, io_read, io_write, io_close};

static bool split_uri(const char *uri, char *host, size_t host_size, char *port, size_t port_size)
{
    static const char scheme[] = "ldaps://";
    size_t len;

    if (strncmp(uri, scheme, sizeof scheme - 1) != 0)
        return false;
    uri += sizeof scheme - 1;
    len = strcspn(uri, ":/");
    if (len == 0 || len >= host_size)
        return false;
    memcpy(host, uri, len);
    host[len] = '\0';
    uri += len;
    copy_text(port, port_size, *uri == ':' ? uri + 1 : "636");
    port[strcspn(port, "/")] = '\0';
    return true;
}

static int connect_one(const struct addrinfo *address, int64_t deadline)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd item = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;

    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        error = errno;
    else if (poll(&item, 1, (int)(deadline - clock_ms() > 0 ? deadline - clock_ms() : 0)) != 1)
        error = ETIMEDOUT;
    else
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_any(const char *host, const char *port, int64_t deadline)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *item = list; item != NULL && fd < 0; item = item->ai_next)
        fd = connect_one(item, deadline);
    freeaddrinfo(list);
    return fd;
}

static bool handshake(struct stream *stream, const char *host, int64_t deadline)
{
    X509_VERIFY_PARAM *verify = SSL_get0_param(stream->ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(verify, host) != 1) {
        X509_VERIFY_PARAM_set1_host(verify, host, 0);
        SSL_set_tlsext_host_name(stream->ssl, without_const(host));
    }
    ERR_clear_error();
    if (SSL_set_fd(stream->ssl, stream->fd) != 1)
        return false;
    for (;;) {
        int result = SSL_connect(stream->ssl);

        if (result == 1)
            return true;
        if (!stream_wait_tls(stream, result, deadline))
            return false;
    }
}

LDAP *ldap_tls_open(const struct config *config, SSL_CTX *context)
{
    int64_t deadline = clock_ms() + LDAP_WAIT_MS;
    struct stream *stream = xcalloc(1, sizeof *stream);
    LDAP *ldap = NULL;
    Sockbuf *sockbuf = NULL;
    int version = LDAP_VERSION3;
    char host[256];
    char port[16];

    stream->fd = -1;
    if (split_uri(config->ldap, host, sizeof host, port, sizeof port))
        stream->fd = connect_any(host, port, deadline);
    if (stream->fd < 0)
        goto failed;
    stream->ssl = SSL_new(context);
    if (stream->ssl == NULL || !handshake(stream, host, deadline))
        goto failed;
    if (ldap_init_fd(stream->fd, LDAP_PROTO_TCP, "ldap://directory", &ldap) != LDAP_SUCCESS)
        goto failed;
    ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_get_option(ldap, LDAP_OPT_SOCKBUF, &sockbuf);
    ber_sockbuf_add_io(sockbuf, &tls_io, LBER_SBIOD_LEVEL_TRANSPORT, stream);
    return ldap;
failed:
    stream_close(stream);
    free(stream);
    return NULL;
}
