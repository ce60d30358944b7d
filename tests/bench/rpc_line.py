"""Runs a client behind a delay line and says when it got where:

    rpc_line.py LAB_DIR NAME RTT WORK RUNS CPU MEASURE COMMAND ...

Inside the lab, for tests/bench/rpc. RTT and WORK are seconds; MEASURE is the program of measure.c; CPU is the client's. Writes one line
of JSON for each run: milliseconds since the start of the process, and what the process cost. The command `line` is a bare client of
our own that asks DNS, connects, does TLS and asks /rpc once: 4R+T, which shows what the line itself adds.

The line: a relay before the first node (tests/integration/rpc_relay.py) and a name server that gives its address for NAME, R after the
question. No other name exists: one front end, and nothing beside it. As root, line and client run with real-time priority, on
their own cores: what else runs on the machine is not to be measured.
"""

import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

from rpc_relay import CLIENT, SERVER, Delays, Relay

LINE = "127.0.0.30"
TYPE_A = b"\0\1\0\1"
BIND, BIND_ACK, RTS = 11, 12, 20
STORE, BOOK = 6001, 6004


def encoded(name):
    """As DNS has it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


class Names(threading.Thread):
    """A name server that knows one address."""

    def __init__(self, name, rtt):
        super().__init__(daemon=True)
        self.host, self.rtt = encoded(name), rtt
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LINE, 53))
        self.first = None

    def run(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            now = time.monotonic()
            self.first = self.first or now
            threading.Timer(self.rtt, self.socket.sendto, (self._answer(question), client)).start()

    def _answer(self, question):
        end = question.index(b"\0", 12) + 1
        known = question[12:end].lower() == self.host
        record = b""
        if known and question[end : end + 4] == TYPE_A:
            record = b"\xc0\x0c" + TYPE_A + struct.pack(">LH", 300, 4) + socket.inet_aton(LINE)
        head = question[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, 1 if record else 0, 0, 0)
        return head + question[12 : end + 4] + record


def commands(pdu):
    """How many commands an RTS PDU has: enough to tell CONN/A3 (1) from CONN/C2 (3), and both from a ping (0)."""
    return struct.unpack_from("<H", pdu, 18)[0]


class Watch:
    """When the first virtual connection to the store got where, and when the address book's was opened and bound."""

    def __init__(self):
        self.times = {}

    def heard(self, each):
        """A PDU."""
        kind = each.pdu[2]
        if each.port == BOOK:
            self._note("6004 opened", each.opened)
            if kind == BIND_ACK:
                self._note("6004 bound", each.when)
        if each.port != STORE:
            return
        if each.speaker == CLIENT and kind == RTS and commands(each.pdu) > 2:
            self._note("CONN/A1 at the server" if each.channel == "OUT" else "CONN/B1 at the server", each.when)
        elif each.speaker == SERVER and kind == RTS and commands(each.pdu) in (1, 3):
            self._note("CONN/A3" if commands(each.pdu) == 1 else "CONN/C2", each.when)
        elif each.speaker == CLIENT and kind == BIND:
            self._note("bind at the server", each.when)
        elif each.speaker == SERVER and kind == BIND_ACK:
            self._note("bind_ack", each.when)

    def _note(self, what, when):
        self.times.setdefault(what, when)


def bare(lab, name):
    """D, TCP, TLS, 401."""
    question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + encoded(name) + TYPE_A
    context = ssl.create_default_context(cafile=lab["ca_file"])
    begun = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.sendto(question, (LINE, 53))
        address = socket.inet_ntoa(resolver.recv(512)[-4:])
    with socket.create_connection((address, 443)) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        tls.sendall(f"GET /rpc/rpcproxy.dll?x:6001 HTTP/1.1\r\nHost: {name}\r\nContent-Length: 0\r\n\r\n".encode())
        assert b" 401 " in tls.recv(65536)
    return {"wall_ms": (time.monotonic() - begun) * 1000}


def one(command, names, watch):
    """One run."""
    watch.times, names.first = {}, None
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    user, system, wall, peak, code = map(int, done.stderr.rstrip("\n").rpartition("\n")[2].split())
    seen = {"start": begun, "first DNS question": names.first, **watch.times}
    return {
        "ms": {what: (when - begun) * 1000 for what, when in seen.items() if when is not None},
        "cpu_ms": (user + system) / 1000, "wall_ms": wall / 1000, "rss_mib": peak / 1024, "code": code,
        "said": (done.stderr + done.stdout)[-4000:] if code not in (0, 1) else "",
    }


def main():
    """See above."""
    directory, name, rtt, work, runs, cpu, measure, *command = sys.argv[1:]
    with open(os.path.join(directory, "lab.json"), encoding="utf-8") as file:
        lab = json.load(file)
    with contextlib.suppress(OSError):  # only root
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    watch = Watch()
    pair = [os.path.join(directory, f"frontend.{kind}") for kind in ("pem", "key")]
    relay = Relay(LINE, next(iter(lab["nodes"].values())), pair, Delays(float(rtt), float(work)), watch.heard)
    names = Names(name, float(rtt))
    names.start()
    relay.start()
    os.sched_setaffinity(0, {int(cpu)})  # of this thread, and of what it starts
    for _ in range(int(runs)):
        if command == ["line"]:
            result = bare(lab, name)
        else:
            result = one([measure, *command], names, watch)
        print(json.dumps(result), flush=True)
    relay.stop()


if __name__ == "__main__":
    main()
