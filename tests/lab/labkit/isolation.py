"""How a lab is kept apart from the rest of the machine.

netns   private network, mount and process namespaces, as root
userns  the same inside a user namespace, as an ordinary user
plain   loopback addresses of the ordinary network, where namespaces are not allowed
"""

import contextlib
import ctypes
import fcntl
import functools
import os
import signal
import socket
import struct
import subprocess
import sys

from . import names

MODES = ("netns", "userns", "plain")
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
UNSHARE_USER = ["unshare", "--user", "--map-root-user"] + UNSHARE[1:]

LAB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab")

SHARED_MEMORY = "/dev/shm"

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41
PR_SET_CHILD_SUBREAPER = 36


@functools.lru_cache(maxsize=None)
def mode():
    """The one to use here: the first that works, or the one that the environment forces."""
    forced = os.environ.get("EXREACH_LAB_ISOLATION")
    if forced:
        if forced not in MODES:
            raise RuntimeError(f"EXREACH_LAB_ISOLATION={forced}: use one of {', '.join(MODES)}")
        return forced
    if os.geteuid() == 0 and _works(UNSHARE):
        return "netns"
    return "userns" if _works(UNSHARE_USER) else "plain"


def command(*arguments):
    """The command that runs `lab` with these arguments apart; what it calls must call prepare() first."""
    prefix = {"netns": UNSHARE, "userns": UNSHARE_USER, "plain": []}[mode()]
    return ["env", f"EXREACH_LAB_ISOLATION={mode()}", *prefix, sys.executable, LAB, *arguments]


def enter_command(pid):
    """The command prefix that runs something beside the process `pid`, which was started by command().

    The process namespace is left out: so the command keeps its own process id, signals and exit code.
    """
    if mode() == "plain":
        return []
    user = ["--user", "--preserve-credentials"] if mode() == "userns" else []
    return ["nsenter", "--target", str(pid), *user, "--net", "--mount"]


def prepare(base, resolvers=(names.DC1,)):
    """Inside: loopback up, the lab's name servers as the only ones, and shared memory of our own.

    libfaketime names its shared memory after process ids, which are the same in every lab.
    """
    if mode() == "plain":
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))
    resolv_conf = os.path.join(base, "resolv.conf")
    with open(resolv_conf, "w", encoding="ascii") as file:
        file.write("".join(f"nameserver {host.address}\n" for host in resolvers) + f"search {names.DNS_DOMAIN}\n")
    subprocess.run(["mount", "--bind", resolv_conf, os.path.realpath("/etc/resolv.conf")], check=True)
    if os.path.isdir(SHARED_MEMORY):
        subprocess.run(["mount", "-t", "tmpfs", "none", SHARED_MEMORY], check=True)


def adopt_orphans():
    """Become the parent of all descendants whose own parents end, as process 1 of a namespace is anyway."""
    if mode() == "plain":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants():
    """End every process that this one has started, directly or not; a namespace ends with its process 1 anyway."""
    while mode() == "plain" and (children := _children(os.getpid())):
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def remove_shared_memory(pids):
    """What libfaketime leaves of processes that were killed."""
    for pid in pids:
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(SHARED_MEMORY, name))


def _children(parent):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(entry))
    return found


def _works(prefix):
    try:
        tried = subprocess.run(
            [*prefix, "mount", "-t", "tmpfs", "none", "/mnt"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
