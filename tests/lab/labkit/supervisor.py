"""The process that starts a lab's servers, watches them, and ends with them. It runs inside the isolation."""

import os
import select
import signal
import subprocess
import sys
import time

from . import clock, isolation, names, ports, relay
from .controller import Controller

PATIENCE = 15  # seconds the front end has to get ready
GRACE = 2  # seconds the front end has to end by itself, e.g. for a sanitizer's last report


class Supervisor:
    """Runs the lab in `base` until its life ends or somebody sends SIGTERM."""

    def __init__(self, base, dc_count, binary, lifetime):
        self.base = base
        self.controllers = [Controller(os.path.join(base, host.name), host) for host in names.dcs(dc_count)]
        self.binary = binary
        self.end = time.monotonic() + lifetime
        self.servers = {}
        self.frontend = None

    def run(self, ready_descriptor):
        """Start everything, say `ready` or why not, and stay."""
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        isolation.adopt_orphans()
        try:
            self._start()
            os.write(ready_descriptor, f"ready {outer_pid()}\n".encode())
            os.close(ready_descriptor)
            self._watch()
        except RuntimeError as error:
            os.write(ready_descriptor, f"{error}\n".encode())
        except Stopped:
            pass
        finally:
            self._stop_all()

    def _start(self):
        isolation.prepare(self.base, [controller.host for controller in self.controllers])
        if isolation.mode() == "plain":
            ports.check(self.controllers)
        self._start_controllers()
        self._start_relays()
        self._start_frontend()

    def _start_controllers(self):
        """All at once; the first has the winbindd that the front end asks."""
        processes = []
        for number, controller in enumerate(self.controllers):
            command = controller.command(with_winbind=number == 0)
            processes.append(self._spawn(controller.host.name, command))
        for number, controller in enumerate(self.controllers):
            if not controller.wait_ready(processes[number], with_winbind=number == 0):
                raise RuntimeError(f"{controller.host.name} does not answer; see {controller.log_dir}")

    def _start_relays(self):
        """Before the controllers that have one."""
        for controller in self.controllers:
            if relay.plan_of(controller.base):
                command = [sys.executable, "-I", relay.__file__, os.path.join(controller.base, relay.PLAN)]
                self._spawn_ready(f"relay of {controller.host.name}", command)

    def _start_frontend(self):
        command = [*clock.prefix(self.base), self.binary, os.path.join(self.base, "frontend.conf")]
        self.frontend = self._spawn_ready("front end", command)

    def _spawn_ready(self, name, command):
        """Start a server that says `ready`, and wait for that."""
        process = self._spawn(name, command, subprocess.PIPE)
        said_something = select.select([process.stdout], [], [], PATIENCE)[0]
        if not said_something or process.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"the {name} did not get ready; see {log_path(self.base)}")
        return process

    def _spawn(self, name, command, stdout=subprocess.DEVNULL):
        """Start a server, which ends even when this process is killed."""
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout)
        except OSError as error:
            raise RuntimeError(f"cannot start the {name}: {error}") from error
        self.servers[process.pid] = name
        return process

    def _watch(self):
        """Collect ended children until the time is over."""
        while time.monotonic() < self.end:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid in self.servers:
                self._report(pid, status)
            elif pid == 0:
                time.sleep(0.2)
        print("the lab's lifetime is over", file=sys.stderr, flush=True)

    def _report(self, pid, status):
        code = os.waitstatus_to_exitcode(status)
        print(f"{self.servers.pop(pid)} ended: {code}", file=sys.stderr, flush=True)

    def _stop_all(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.frontend and self.frontend.pid in self.servers:
            self._stop_frontend()
        isolation.kill_descendants()
        isolation.remove_shared_memory(self.servers)

    def _stop_frontend(self):
        self.frontend.terminate()
        try:
            code = self.frontend.wait(GRACE)
        except subprocess.TimeoutExpired:
            code = "killed"
        if code not in (0, -signal.SIGTERM):
            print(f"front end ended: {code}", file=sys.stderr, flush=True)


class Stopped(Exception):
    """Somebody asked the lab to end."""


def log_path(base):
    """What the supervisor and the servers say on standard error."""
    return os.path.join(base, "lab.log")


def outer_pid():
    """This process's id as the user's side sees it: /proc is still the outer one."""
    return int(os.readlink("/proc/self"))


def _stop(_signal, _frame):
    raise Stopped
