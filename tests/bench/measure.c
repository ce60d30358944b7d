/*
 * measure COMMAND [ARGUMENT ...]: runs the command and prints, as the last line of standard error,
 * `user_us system_us wall_us peak_kib exit` of that process alone.
 *
 * A small program of its own, because Linux carries the peak memory of whoever called exec() over
 * to the new program: measured from Python, every program would seem as large as Python.
 * BENCH_PRELOAD names a library for LD_PRELOAD of the command alone.
 */
#define _DEFAULT_SOURCE 1 /* wait4 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(struct timeval at)
{
    return at.tv_sec * 1000000LL + at.tv_usec;
}

static long long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status = 0;
    if (argc < 2)
        return 3;
    long long begun = now_us();
    pid_t child = fork();
    if (child < 0)
        return 3;
    if (child == 0) {
        const char *preload = getenv("BENCH_PRELOAD");
        if (preload != NULL)
            setenv("LD_PRELOAD", preload, 1);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) != child)
        return 3;
    long long wall = now_us() - begun;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(stderr, "\n%lld %lld %lld %ld %d\n", microseconds(usage.ru_utime),
        microseconds(usage.ru_stime), wall, usage.ru_maxrss, code);
    return 0;
}
