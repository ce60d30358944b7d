#include "net/sock_private.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/arena.h"

enum { SCOPE_SIZE = 16 };

static bool scope_id(const char *scope, uint32_t *ret_id)
{
    unsigned index = if_nametoindex(scope);
    if (index != 0) {
        *ret_id = index;
        return true;
    }
    char *end = NULL;
    unsigned long number = strtoul(scope, &end, 10);
    if (end == scope || *end != '\0' || number == 0 || number > UINT32_MAX)
        return false;
    *ret_id = (uint32_t)number;
    return true;
}

bool sockaddr_of(
    const struct net_address *address, struct sockaddr_storage *ret_storage, socklen_t *ret_length)
{
    memset(ret_storage, 0, sizeof *ret_storage);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    if (inet_pton(AF_INET, address->text, &in.sin_addr) == 1) {
        memcpy(ret_storage, &in, sizeof in);
        *ret_length = sizeof in;
        return true;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    char host[sizeof address->text];
    snprintf(host, sizeof host, "%s", address->text);
    char *scope = strchr(host, '%');
    if (scope != NULL) {
        *scope++ = '\0';
        if (!scope_id(scope, &in6.sin6_scope_id))
            return false;
    }
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
        return false;
    memcpy(ret_storage, &in6, sizeof in6);
    *ret_length = sizeof in6;
    return true;
}

char *net_address_whom(const char *host, const struct net_address *peer)
{
    char text[NET_ADDRESS_TEXT];
    net_address_print(peer, text);
    if (strcmp(host, peer->text) == 0)
        return xstrdup(text);
    size_t size = strlen(host) + strlen(text) + sizeof " ()";
    char *whom = xcalloc(1, size);
    snprintf(whom, size, "%s (%s)", host, text);
    return whom;
}

bool sockaddr_print(const struct sockaddr_storage *storage, struct net_address *ret_address)
{
    struct net_address address = {0};
    if (storage->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, storage, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, address.text, sizeof address.text);
        address.port = ntohs(in.sin_port);
    } else if (storage->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, storage, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, address.text, sizeof address.text);
        address.port = ntohs(in6.sin6_port);
        size_t length = strlen(address.text);
        if (in6.sin6_scope_id != 0)
            snprintf(address.text + length, sizeof address.text - length, "%%%u",
                (unsigned)in6.sin6_scope_id);
    } else {
        return false;
    }
    *ret_address = address;
    return true;
}

bool net_address_parse(const char *text, uint16_t port, struct net_address *ret_address)
{
    struct net_address address = {.port = port};
    size_t length = strlen(text);
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof address.text)
        return false;
    memcpy(address.text, text, length);
    if (bracketed && strchr(address.text, ':') == NULL)
        return false;
    const char *scope = strchr(address.text, '%');
    if (scope != NULL && strlen(scope) > SCOPE_SIZE)
        return false;
    struct sockaddr_storage storage;
    socklen_t size = 0;
    if (!sockaddr_of(&address, &storage, &size))
        return false;
    if (scope == NULL) /* one spelling for one address */
        return sockaddr_print(&storage, ret_address);
    *ret_address = address;
    return true;
}

bool net_address_from_bytes(
    const uint8_t *bytes, size_t length, uint16_t port, struct net_address *ret_address)
{
    struct net_address address = {.port = port};
    if (length != 4 && length != 16)
        return false;
    if (inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, address.text, sizeof address.text) ==
        NULL)
        return false;
    *ret_address = address;
    return true;
}

const char *net_address_print(const struct net_address *address, char ret_text[NET_ADDRESS_TEXT])
{
    bool six = strchr(address->text, ':') != NULL;
    snprintf(ret_text, NET_ADDRESS_TEXT, six ? "[%s]:%u" : "%s:%u", address->text,
        (unsigned)address->port);
    return ret_text;
}
