/* MAP_ANONYMOUS and madvise() are in no POSIX; this is the one file that needs them. */
#define _DEFAULT_SOURCE

#include "net/secret.h"

#include "net/wire/ntlm.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

struct secret {
    size_t length;
    bool has_hash;
    uint8_t hash[NTLM_HASH_SIZE];
    char text[SECRET_MAX + 1];
};

static bool secret_alloc(struct secret **ret_secret, struct fault *fault)
{
    /* Whole pages of its own: locked, out of cores, gone when unmapped. */
    void *page = mmap(
        NULL, sizeof(struct secret), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno, "no memory for the password: %s",
            strerror(errno));
        return false;
    }
    if (mlock(page, sizeof(struct secret)) != 0) {
        int error = errno;
        munmap(page, sizeof(struct secret));
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, error,
            "the memory for the password cannot be locked (see ulimit -l): %s", strerror(error));
        return false;
    }
#ifdef MADV_DONTDUMP
    madvise(page, sizeof(struct secret), MADV_DONTDUMP);
#endif
    *ret_secret = page;
    return true;
}

void secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    OPENSSL_cleanse(secret, sizeof *secret);
    munlock(secret, sizeof *secret);
    munmap(secret, sizeof *secret);
}

/* After the text is in its place. */
static void secret_seal(struct secret *secret, size_t length)
{
    memset(secret->text + length, 0, sizeof secret->text - length);
    secret->length = length;
    secret->has_hash = ntlm_hash(secret->text, secret->hash, NULL);
}

bool secret_new(const char *bytes, size_t length, struct secret **ret_secret, struct fault *fault)
{
    if (length > SECRET_MAX)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the password is longer than %d bytes", SECRET_MAX);
    struct secret *secret = NULL;
    if (!secret_alloc(&secret, fault))
        return false;
    if (length > 0)
        memcpy(secret->text, bytes, length);
    secret_seal(secret, length);
    *ret_secret = secret;
    return true;
}

const char *secret_text(const struct secret *secret)
{
    return secret->text;
}

size_t secret_length(const struct secret *secret)
{
    return secret->length;
}

const uint8_t *secret_nt_hash(const struct secret *secret)
{
    return secret->has_hash ? secret->hash : NULL;
}

/* Reads up to the first line end straight into the secret. *ret_length: of the line, without its
 * end; more than SECRET_MAX where it does not fit. false: errno. */
static bool read_line(int fd, struct secret *secret, size_t *ret_length)
{
    size_t length = 0;
    const char *end = NULL;
    while (end == NULL && length < sizeof secret->text) {
        /* From a terminal or a pipe only the line itself should be taken, and more cannot be given
         * back: a terminal hands out lines, a pipe is ours to the end. */
        ssize_t got = read(fd, secret->text + length, sizeof secret->text - length);
        if (got < 0)
            return false;
        if (got == 0)
            break;
        end = memchr(secret->text + length, '\n', (size_t)got);
        length += (size_t)got;
    }
    if (end != NULL)
        length = (size_t)(end - secret->text);
    if (end != NULL && length > 0 && secret->text[length - 1] == '\r')
        length--;
    *ret_length = length;
    return true;
}

/* Windows editors start a file with a byte order mark, which is no part of the password. */
static size_t drop_mark(struct secret *secret, size_t length)
{
    static const char mark[] = {'\xEF', '\xBB', '\xBF'};
    if (length < sizeof mark || memcmp(secret->text, mark, sizeof mark) != 0)
        return length;
    length -= sizeof mark;
    memmove(secret->text, secret->text + sizeof mark, length);
    return length;
}

bool secret_read_file(const char *path, struct secret **ret_secret, struct fault *fault)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno,
            "the password file %.100s cannot be opened: %s", name, strerror(errno));
    bool ok = false;
    struct secret *secret = NULL;
    size_t length = 0;
    if (!secret_alloc(&secret, fault))
        goto out;
    if (!read_line(fd, secret, &length)) {
        fault_set(fault, errno == EINTR ? CAUSE_INTERRUPTED : CAUSE_INTERNAL, ORIGIN_SYSTEM, errno,
            "%.100s cannot be read: %s", name, strerror(errno));
        goto out;
    }
    length = drop_mark(secret, length);
    /* No logon can carry it, and cut short it would be a wrong password. */
    bool has_nul = memchr(secret->text, '\0', length) != NULL;
    if (length == 0 || length > SECRET_MAX || has_nul) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            length == 0 ? "the first line of %.100s is empty"
            : has_nul   ? "the first line of %.100s has a NUL byte in it: is the file UTF-16? "
                          "Save it as UTF-8"
                        : "the first line of %.100s is too long for a password",
            name);
        goto out;
    }
    secret_seal(secret, length);
    *ret_secret = secret;
    secret = NULL;
    ok = true;
out:
    secret_free(secret);
    if (!is_stdin)
        close(fd);
    return ok;
}

/* For secret_restore_terminal(), which a signal handler may call at any time between the two
 * stores. */
static struct termios terminal_saved;
static volatile sig_atomic_t terminal_fd = -1;

void secret_restore_terminal(void)
{
    int fd = terminal_fd;
    if (fd < 0)
        return;
    int error = errno;
    terminal_fd = -1;
    tcsetattr(fd, TCSANOW, &terminal_saved);
    errno = error;
}

static bool silence(int fd)
{
    if (tcgetattr(fd, &terminal_saved) != 0)
        return false;
    struct termios quiet = terminal_saved;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    /* Stopped at the prompt, the shell would be left without echo. */
    quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
    terminal_fd = fd;
    if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0)
        return true;
    terminal_fd = -1;
    return false;
}

static void show(int fd, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t done = write(fd, text, length);
        if (done <= 0)
            return;
        text += done;
        length -= (size_t)done;
    }
}

bool secret_prompt(const char *prompt, struct secret **ret_secret, struct fault *fault)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno,
            "there is no terminal to ask for the password; give --password-file");
    bool ok = false;
    struct secret *secret = NULL;
    size_t length = 0;
    if (!secret_alloc(&secret, fault))
        goto out;
    if (!silence(fd)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno,
            "the terminal's echo cannot be switched off: %s", strerror(errno));
        goto out;
    }
    show(fd, prompt);
    bool read_ok = read_line(fd, secret, &length);
    int error = errno;
    secret_restore_terminal();
    show(fd, "\n");
    if (!read_ok) {
        fault_set(fault, error == EINTR ? CAUSE_INTERRUPTED : CAUSE_INTERNAL, ORIGIN_SYSTEM, error,
            "no password was read: %s", strerror(error));
        goto out;
    }
    if (length == 0 || length > SECRET_MAX) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            length == 0 ? "no password was given" : "the password is too long");
        goto out;
    }
    secret_seal(secret, length);
    *ret_secret = secret;
    secret = NULL;
    ok = true;
out:
    secret_free(secret);
    close(fd);
    return ok;
}

void secret_protect_process(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
