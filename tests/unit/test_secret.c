#define _XOPEN_SOURCE 700 /* posix_openpt() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/secret.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/test_secret.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void test_new(void **state)
{
    (void)state;
    struct secret *secret = NULL;
    assert_true(secret_new("Password", 8, &secret, NULL));
    assert_string_equal(secret_text(secret), "Password");
    assert_int_equal(secret_length(secret), 8);
    static const uint8_t hash[] = {0xa4, 0xf4, 0x9c, 0x40, 0x65, 0x10, 0xbd, 0xca, 0xb6, 0x82, 0x4e,
        0xe7, 0xc3, 0x0f, 0xd8, 0x52};
    assert_memory_equal(secret_nt_hash(secret), hash, 16);
    secret_free(secret);
    secret_free(NULL);

    assert_true(secret_new("a\0b", 3, &secret, NULL));
    assert_int_equal(secret_length(secret), 3);
    assert_memory_equal(secret_text(secret), "a\0b", 4);
    secret_free(secret);

    char *big = calloc(1, SECRET_MAX + 1);
    assert_non_null(big);
    struct fault fault = {0};
    secret = NULL;
    assert_false(secret_new(big, SECRET_MAX + 1, &secret, &fault));
    assert_int_equal(fault.cause, CAUSE_INTERNAL);
    assert_null(secret);
    memset(big, 'x', SECRET_MAX);
    assert_true(secret_new(big, SECRET_MAX, &secret, NULL));
    assert_int_equal(strlen(secret_text(secret)), SECRET_MAX);
    secret_free(secret);
    free(big);
}

/* The sanitizers turn mlock() into nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLOCK_WORKS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(thread_sanitizer)
#define MLOCK_WORKS false
#endif
#endif
#ifndef MLOCK_WORKS
#define MLOCK_WORKS true
#endif

/* The kernel's own word that the pages are locked ("lo") and stay out of cores ("dd"). */
static void test_pages(void **state)
{
    (void)state;
    struct secret *secret = NULL;
    assert_true(secret_new("x", 1, &secret, NULL));
    FILE *maps = fopen("/proc/self/smaps", "r");
    if (maps == NULL) {
        secret_free(secret);
        skip();
    }
    char line[512];
    bool here = false, locked = false, undumped = false;
    while (fgets(line, sizeof line, maps) != NULL) {
        char *end = NULL;
        uintptr_t first = (uintptr_t)strtoull(line, &end, 16);
        if (*end == '-')
            here = (uintptr_t)secret_text(secret) >= first &&
                   (uintptr_t)secret_text(secret) < (uintptr_t)strtoull(end + 1, NULL, 16);
        if (here && strncmp(line, "VmFlags:", 8) == 0) {
            locked = strstr(line, " lo") != NULL;
            undumped = strstr(line, " dd") != NULL;
        }
    }
    fclose(maps);
    secret_free(secret);
    assert_true(locked || !MLOCK_WORKS);
    assert_true(undumped);
}

static void test_file(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *secret; /* NULL: refused */
        const char *words;
    } table[] = {
        {"geheim\n", 7, "geheim", NULL},
        {"geheim", 6, "geheim", NULL},
        {"geheim\r\nsecond\n", 15, "geheim", NULL},
        {" with blanks \n", 14, " with blanks ", NULL},
        {"\xEF\xBB\xBFmark\n", 8, "mark", NULL},
        {"p\xC3\xA4ss\n", 6, "p\xC3\xA4ss", NULL},
        {"a\rb\n", 4, "a\rb", NULL},
        {"", 0, NULL, "is empty"},
        {"\nsecond\n", 8, NULL, "is empty"},
        {"\r\n", 2, NULL, "is empty"},
        {"\xEF\xBB\xBF\n", 4, NULL, "is empty"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        write_file(table[i].bytes, table[i].length);
        struct secret *secret = NULL;
        struct fault fault = {0};
        bool ok = secret_read_file(path, &secret, &fault);
        assert_int_equal(ok, table[i].secret != NULL);
        if (ok) {
            assert_string_equal(secret_text(secret), table[i].secret);
            assert_int_equal(secret_length(secret), strlen(table[i].secret));
        } else {
            assert_non_null(strstr(fault.text, table[i].words));
            assert_non_null(strstr(fault.text, path));
        }
        secret_free(secret);
    }
}

static void test_file_faults(void **state)
{
    (void)state;
    struct secret *secret = NULL;
    struct fault fault = {0};
    assert_false(secret_read_file("/nonexistent/secret", &secret, &fault));
    assert_int_equal(fault.origin, ORIGIN_SYSTEM);
    assert_non_null(strstr(fault.text, "/nonexistent/secret"));
    assert_false(secret_read_file("/", &secret, &fault));
    assert_non_null(strstr(fault.text, "cannot be read"));

    char *big = malloc(SECRET_MAX + 2);
    assert_non_null(big);
    memset(big, 'x', SECRET_MAX + 1);
    write_file(big, SECRET_MAX + 1);
    assert_false(secret_read_file(path, &secret, &fault));
    assert_non_null(strstr(fault.text, "too long"));
    assert_null(strstr(fault.text, "xxx"));
    big[SECRET_MAX] = '\n';
    write_file(big, SECRET_MAX + 1);
    assert_true(secret_read_file(path, &secret, &fault));
    assert_int_equal(secret_length(secret), SECRET_MAX);
    secret_free(secret);
    free(big);
}

/* Standard input in two pieces, as a pipe may bring it. */
static void test_stdin(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        bool ok = write(ends[1], "two ", 4) == 4;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        ok = ok && write(ends[1], "parts\nrest", 10) == 10;
        _exit(ok ? 0 : 1);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    struct secret *secret = NULL;
    assert_true(secret_read_file("-", &secret, NULL));
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_string_equal(secret_text(secret), "two parts");
    secret_free(secret);
}

/* In a session of its own whose terminal is `name`: 0 the right secret and the echo on again. */
static int prompt_child(const char *name)
{
    setsid();
    int fd = open(name, O_RDWR); /* becomes the controlling terminal */
    struct secret *secret = NULL;
    if (fd < 0 || !secret_prompt("Password: ", &secret, NULL))
        return 2;
    struct termios now;
    int result = strcmp(secret_text(secret), "geh eim") == 0 && tcgetattr(fd, &now) == 0 &&
                         (now.c_lflag & ECHO) != 0
                     ? 0
                     : 3;
    secret_free(secret);
    return result;
}

static void test_prompt(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        skip();
    const char *name = ptsname(master);
    pid_t child = fork();
    if (child == 0)
        _exit(prompt_child(name));
    /* Read the prompt, then type; what comes back must not have the password. */
    char seen[256] = "";
    size_t length = 0;
    bool typed = false;
    while (length < sizeof seen - 1) {
        ssize_t got = read(master, seen + length, sizeof seen - 1 - length);
        if (got <= 0)
            break; /* the child has closed its end */
        length += (size_t)got;
        seen[length] = '\0';
        if (!typed && strstr(seen, "Password: ") != NULL)
            typed = write(master, "geh eim\n", 8) == 8;
    }
    int status = 0;
    waitpid(child, &status, 0);
    close(master);
    assert_true(typed);
    assert_int_equal(status, 0);
    assert_null(strstr(seen, "geh"));
}

static void test_no_terminal(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        struct secret *secret = NULL;
        struct fault fault = {0};
        bool ok = secret_prompt("x", &secret, &fault);
        secret_restore_terminal(); /* nothing to restore: no harm */
        _exit(!ok && strstr(fault.text, "--password-file") != NULL ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void test_protect(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        secret_protect_process();
        struct rlimit core;
        bool ok = getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_faults),
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_no_terminal),
        cmocka_unit_test(test_protect),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
