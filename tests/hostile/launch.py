"""Runs one command and measures it: launch.py REPORT SECONDS COMMAND ...

A process of its own, and a small one: Linux counts the memory of whoever starts a program as the
program's own peak, so the big test program must not start it.
"""

import os
import signal
import sys
import time


def main():
    report, seconds, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.execv(command[0], command)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begun
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    cpu = usage.ru_utime + usage.ru_stime
    with open(report, "w", encoding="ascii") as file:
        file.write(f"{code} {wall:.6f} {usage.ru_maxrss} {cpu:.6f}\n")


main()
