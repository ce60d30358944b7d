/* getifaddrs */
#define _DEFAULT_SOURCE 1

#include "net/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/sock_private.h"

enum { READ_START = 16 * 1024, HOST_NAME_SIZE = 256, HOSTS_MAX = 1 << 20 };

const char *host_env(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* The hosts file's long form of our name. DNS is not asked: it could block, and it is what we test.
 */
static const char *qualify(struct arena *arena, const char *name)
{
    char *hosts = NULL;
    size_t length = 0;
    struct fault ignored;
    if (!host_read_file(arena, "/etc/hosts", HOSTS_MAX, &hosts, &length, &ignored))
        return name;
    size_t name_length = strlen(name);
    char *words = NULL;
    for (char *word = strtok_r(hosts, " \t\r\n", &words); word != NULL;
         word = strtok_r(NULL, " \t\r\n", &words)) {
        if (strncmp(word, name, name_length) == 0 && word[name_length] == '.')
            return word;
    }
    return name;
}

const char *host_name(struct arena *arena)
{
    char name[HOST_NAME_SIZE] = "";
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
        return "localhost";
    const char *own = arena_strdup(arena, name);
    return strchr(own, '.') != NULL ? own : qualify(arena, own);
}

/* resolv.conf(5): "domain" and the first of "search"; the last line of either counts. */
static const char *appended_domain(struct arena *arena)
{
    enum { RESOLV_CONF_MAX = 64 * 1024 };
    char *bytes = NULL, *lines = NULL;
    size_t length = 0;
    const char *domain = NULL;
    if (!host_read_file(arena, "/etc/resolv.conf", RESOLV_CONF_MAX, &bytes, &length, NULL))
        return NULL;
    for (char *line = strtok_r(bytes, "\n", &lines); line != NULL;
         line = strtok_r(NULL, "\n", &lines)) {
        char *words = NULL;
        const char *key = strtok_r(line, " \t\r", &words);
        if (key != NULL && (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0))
            domain = strtok_r(NULL, " \t\r", &words);
    }
    return domain;
}

const char *host_domain(struct arena *arena)
{
    const char *dot = strchr(host_name(arena), '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : appended_domain(arena);
}

static size_t collect(
    const struct ifaddrs *list, bool loopback, struct net_address *ret_addresses, size_t size)
{
    size_t count = 0;
    for (const struct ifaddrs *at = list; at != NULL && count < size; at = at->ifa_next) {
        if (at->ifa_addr == NULL || (at->ifa_flags & IFF_UP) == 0 ||
            ((at->ifa_flags & IFF_LOOPBACK) != 0) != loopback)
            continue;
        sa_family_t family = at->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6)
            continue;
        struct sockaddr_storage storage = {0};
        memcpy(&storage, at->ifa_addr,
            family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        if (sockaddr_print(&storage, &ret_addresses[count]))
            count++;
    }
    return count;
}

size_t host_addresses(struct net_address *ret_addresses, size_t size)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0)
        return 0;
    size_t count = collect(list, false, ret_addresses, size);
    if (count == 0)
        count = collect(list, true, ret_addresses, size);
    freeifaddrs(list);
    return count;
}

/* ---- files ------------------------------------------------------------------------------------
 */

static bool file_fault(struct fault *fault, const char *what, const char *path)
{
    int error = errno;
    char reason[80] = "";
    if (strerror_r(error, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", error);
    return fault_set(
        fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, error, "cannot %s %.100s: %s", what, path, reason);
}

bool host_read_file(struct arena *arena, const char *path, size_t max, char **ret_bytes,
    size_t *ret_length, struct fault *fault)
{
    bool ok = false;
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    char *bytes = NULL;
    size_t length = 0;
    size_t size = 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_fault(fault, "read", name);
    for (;;) {
        if (length > max) {
            fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "%.100s is larger than %zu bytes",
                name, max);
            goto out;
        }
        if (length == size) {
            size = size == 0 ? READ_START : 2 * size;
            if (size > max) /* one byte more tells whether the file is larger */
                size = max + 1;
            bytes = xrealloc(bytes, size);
        }
        ssize_t got = read(fd, bytes + length, size - length);
        if (got == 0)
            break;
        if (got > 0)
            length += (size_t)got;
        else if (errno != EINTR) {
            file_fault(fault, "read", name);
            goto out;
        }
    }
    *ret_bytes = arena_strndup(arena, bytes, length);
    *ret_length = length;
    ok = true;
out:
    free(bytes);
    if (!is_stdin)
        close(fd);
    return ok;
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            bytes += put;
            length -= (size_t)put;
        }
    }
    return true;
}

static bool write_directly(const char *path, const char *bytes, size_t length, struct fault *fault)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return file_fault(fault, "write", path);
    bool ok = write_all(fd, bytes, length);
    if (!ok)
        file_fault(fault, "write", path);
    if (close(fd) != 0 && ok)
        ok = file_fault(fault, "write", path);
    return ok;
}

bool host_write_file(const char *path, const char *bytes, size_t length, struct fault *fault)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return write_directly(path, bytes, length, fault);

    struct arena arena = {0};
    bool ok = false;
    char *beside = arena_printf(&arena, "%s.XXXXXX", path);
    int fd = mkstemp(beside);
    if (fd < 0) {
        file_fault(fault, "write", path);
        goto out;
    }
    if (fchmod(fd, 0644) != 0 || !write_all(fd, bytes, length)) {
        file_fault(fault, "write", path);
        close(fd);
        (void)unlink(beside);
        goto out;
    }
    ok = close(fd) == 0 && rename(beside, path) == 0;
    if (!ok) {
        file_fault(fault, "write", path);
        (void)unlink(beside);
    }
out:
    arena_done(&arena);
    return ok;
}

bool host_directory_has(const char *path, bool (*matches)(const char *name), struct fault *fault)
{
    bool found = false;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return file_fault(fault, "read", path);
    for (const struct dirent *entry = readdir(directory); entry != NULL && !found;
         entry = readdir(directory))
        found = matches(entry->d_name);
    closedir(directory);
    return found;
}

void host_keep_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}
