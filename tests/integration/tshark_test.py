#!/usr/bin/python3
"""Wireshark's dissectors read what exreach says over RPC: tshark_test.py LAB_DIR EXREACH [TEST ...]

Run it inside a lab with the switches `rpc-open` and `rpc-tcp`. exreach's requests are recorded, each PDU as it was: RPC over HTTP by
a relay that ends TLS, with the front end's certificate (rpc_relay.py), RPC over TCP from the loopback interface. They become a
capture file, each association a TCP connection of its own, and tshark must take each of them for what it is: the right interface
and operation, nothing malformed, no byte too many. It finds its way by itself (the heuristics of DCE/RPC), the ports say nothing.
What is sealed is read, too: for NTLM tshark gets the password, for Kerberos the front end's keys, by its preferences.

Of the server only bind_ack and the like are in the file: they carry NTLM's challenge, and tshark 4.0 crashes on some of the address book's
answers (MultipleString8). What tshark 4.0 itself gets wrong is named below (LONG_FRAMES, is_beyond); it says the same of impacket's
requests. It knows the store's operations of Exchange 2003 only: the stubs of today's are read with impacket's NDR, and written again.

The last test spoils single bytes of the record: tshark must see it. The last line is `N passed, N failed`.
"""

import collections
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from impacket_client import EcDoConnectEx, EcDoRpcExt2
from rpc_relay import CLIENT, SERVER, Pdus, Relay

RELAY = "127.0.0.30"
REQUEST, BIND, BIND_ACK, ALTER, ALTER_ACK, AUTH3, RTS = 0, 11, 12, 14, 15, 16, 20
LEADS = (BIND_ACK, ALTER_ACK)  # what of the server has to be in the file
IPV4, ETHERNET = 0x0800, 14

# The dissector's idea of these ends before the request does: an older IDL
LONG_FRAMES = {"NspiResolveNames", "NspiResolveNamesW", "NspiGetHierarchyInfo"}
# EcDoConnectEx and EcDoRpcExt2 ([MS-OXCRPC] 3.1.4.1, 3.1.4.2) are younger than its table
UNKNOWN_STORE = {"Unknown operation 10", "Unknown operation 11"}

Association = collections.namedtuple("Association", "name pdus")  # pdus: pairs (speaker, bytes), in their order
Frame = collections.namedtuple("Frame", "association pdu protocol info malformed expert sealed unsealed payload")


# ---- recording


class Loopback(threading.Thread):
    """Records the TCP connections of the loopback interface."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self.addresses = set(addresses)
        # of a single protocol, a packet socket gets what arrives, not what leaves: on this interface each packet once
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IPV4))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind(("lo", IPV4))
        self.socket.settimeout(0.1)
        self.end = float("inf")
        self.streams = {}  # (client, server) -> [(speaker, bytes)]
        self.expected = {}

    def run(self):
        while time.monotonic() < self.end:
            try:
                data = self.socket.recv(1 << 17)
            except TimeoutError:
                continue
            if data[ETHERNET + 9] == socket.IPPROTO_TCP:
                self._segment(data[ETHERNET:])

    def _segment(self, packet):
        tcp = packet[(packet[0] & 15) * 4 : struct.unpack_from(">H", packet, 2)[0]]
        source, target, sequence = struct.unpack_from(">HHL", tcp)
        payload = tcp[(tcp[12] >> 4) * 4 :]
        ends = (packet[12:16], source), (packet[16:20], target)
        if not payload or sequence != self.expected.setdefault(ends, sequence):
            return  # a keep-alive, or once more
        self.expected[ends] = (sequence + len(payload)) & 0xFFFFFFFF
        if socket.inet_ntoa(ends[1][0]) in self.addresses:
            self.streams.setdefault(ends, []).append((CLIENT, payload))
        elif socket.inet_ntoa(ends[0][0]) in self.addresses:
            self.streams.setdefault(ends[::-1], []).append((SERVER, payload))

    def stop(self):
        """The associations: connections that begin with a bind."""
        self.end = time.monotonic() + 0.2  # for what is still in the socket's buffer
        self.join()
        found = []
        for (_, (_, port)), said in self.streams.items():
            if said[0][0] == CLIENT and said[0][1][0] == 5 and said[0][1][2] == BIND:
                cut = {CLIENT: Pdus(), SERVER: Pdus()}
                found.append(Association(f"TCP {port}", [(who, pdu) for who, data in said for pdu in cut[who].feed(data)]))
        return found


def virtual_connections(heard):
    """Each virtual connection as an association, and each OUT channel's requests as another: they go on a connection of their own."""
    cookies, found = {}, {}
    for each in heard:
        if each.speaker == CLIENT and each.connection not in cookies:
            cookies[each.connection] = each.pdu[32:48]  # CONN/A1 and CONN/B1: header, version, cookie of the virtual connection
    for each in heard:
        cookie = cookies[each.connection]
        part = "OUT" if each.channel == "OUT" and each.speaker == CLIENT else "IN"
        name = f"HTTP {each.port} {part}"
        found.setdefault((cookie, part), Association(name, [])).pdus.append((each.speaker, each.pdu))
    return list(found.values())


class Lab:
    """The lab, and recorded runs of exreach in it."""

    def __init__(self, directory, exreach):
        self.dir, self.exreach = directory, exreach
        with open(os.path.join(directory, "lab.json"), encoding="utf-8") as file:
            self.facts = json.load(file)
        with open(self.facts["password_file"], encoding="utf-8") as file:
            self.password = file.readline().rstrip("\n")
        self.nodes = list(self.facts["nodes"].values())
        self.recorded = {}

    def command(self, *options):
        """exreach with what it needs here."""
        facts = self.facts
        return [self.exreach, *options, "--dns", facts["dns"], "--ca", facts["ca_file"], "--password-file", facts["password_file"],
                "-f", "json"]

    def run(self, *options):
        """A run of exreach: its survey."""
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        done = subprocess.run(self.command(*options), capture_output=True, text=True, check=False, env=environment)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def record(self, way):
        """The associations of one run: "http"; over TCP "ntlm" or "kerberos"."""
        if way not in self.recorded:
            self.recorded[way] = getattr(self, "_record_" + way)()
        return self.recorded[way]

    def _record_http(self):
        heard = []
        pair = [os.path.join(self.dir, f"frontend.{kind}") for kind in ("pem", "key")]
        relay = Relay(RELAY, self.nodes[0], pair, heard=heard.append)
        relay.start()
        try:
            self.run("check", self.facts["address"], "--connect", f"mail.contoso.test:443:{RELAY}", "--mailbox",
                     "other@contoso.test", "--public-folders")
        finally:
            relay.stop()
        return virtual_connections(heard)

    def _record_tcp(self, *options):
        loopback = Loopback(self.nodes)
        loopback.start()
        try:
            self.run("check", self.facts["address"], "--host", "ex1.contoso.test:135", *options)
        finally:
            found = loopback.stop()
        return found

    def _record_ntlm(self):
        return self._record_tcp("--auth", "ntlm")

    def _record_kerberos(self):
        return self._record_tcp()


# ---- the capture file, and tshark


def segment(number, speaker, sequences, pdu):
    """A packet: IP, TCP, one PDU."""
    ends = [(b"\x7f\0\0\1", 20000 + number), (b"\x7f\0\0\2", 50000)]
    (source, sport), (target, dport) = ends if speaker == CLIENT else ends[::-1]
    other = SERVER if speaker == CLIENT else CLIENT
    tcp = struct.pack(">HHLLBBHHH", sport, dport, sequences[speaker], sequences[other], 0x50, 0x18, 65535, 0, 0)
    sequences[speaker] += len(pdu)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(pdu), 0, 0x4000, 64, 6, 0, source, target) + tcp + pdu


def write_capture(path, associations):
    """The file; and what is in each packet."""
    content = []
    with open(path, "wb") as file:
        file.write(struct.pack("<LHHLLLL", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101))  # LINKTYPE_RAW
        for number, association in enumerate(associations):
            sequences = {CLIENT: 1, SERVER: 1}
            for speaker, pdu in association.pdus:
                if speaker == SERVER and pdu[2] not in LEADS:
                    continue
                packet = segment(number, speaker, sequences, pdu)
                file.write(struct.pack("<LLLL", len(content), 0, len(packet), len(packet)) + packet)
                content.append((speaker, association, pdu))
    return content


def dissect(lab, associations):
    """What tshark makes of each packet of the client."""
    base = tempfile.mkdtemp(prefix="exreach-tshark.")
    try:
        with open(os.path.join(base, "preferences"), "w", encoding="utf-8") as file:
            keys = os.path.join(lab.dir, "frontend.keytab")
            file.write(f"ntlmssp.nt_password: {lab.password}\nkerberos.decrypt: TRUE\nkerberos.file: {keys}\n")
        capture = os.path.join(base, "requests.pcap")
        content = write_capture(capture, associations)
        fields = ["_ws.col.Protocol", "_ws.col.Info", "_ws.malformed", "_ws.expert.message", "dcerpc.encrypted_stub_data",
                  "dcerpc.decrypted_stub_data", "dcerpc.payload_stub_data"]
        command = ["tshark", "-n", "-r", capture, "-T", "fields"] + [word for field in fields for word in ("-e", field)]
        environment = os.environ | {"WIRESHARK_CONFIG_DIR": base}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, f"tshark ended with {done.returncode}: {done.stderr}"
        lines = [line.split("\t") for line in done.stdout.split("\n")[:-1]]
        assert len(lines) == len(content), f"{len(content)} packets, but {len(lines)} lines: {done.stderr}"
        return [Frame(association.name, pdu, *line) for (speaker, association, pdu), line in zip(content, lines) if speaker == CLIENT]
    finally:
        shutil.rmtree(base)


def operation(frame):
    """What tshark calls it: "NspiBind", "CONN/A1", "Bind"."""
    name = re.match(r"(Unknown operation \d+|[A-Za-z0-9/_]+)", frame.info)
    return name.group(1) if name else frame.info


def fragment(pdu):
    """The PDU is a part of a call only, and not the last."""
    return pdu[2] == REQUEST and pdu[3] & 2 == 0


def is_beyond(frame):
    """The dissector runs over the end of these: RTS without commands (a ping, an echo), and a sealed call without a stub."""
    without_commands = frame.pdu[2] == RTS and struct.unpack_from("<H", frame.pdu, 18)[0] == 0
    verifier = struct.unpack_from("<H", frame.pdu, 10)[0]
    return without_commands or (frame.pdu[2] == REQUEST and verifier > 0 and len(frame.pdu) == 24 + 8 + verifier)


def complaint(frame):
    """What is wrong with the frame; None: nothing."""
    name = operation(frame)
    if is_beyond(frame):
        return None
    if frame.malformed or "alformed" in frame.info:
        return "malformed"
    if "Long frame" in frame.expert + frame.info and name not in LONG_FRAMES:
        return "longer than its operation"
    if frame.protocol in ("TCP", "X11") or (frame.pdu[2] == REQUEST and frame.protocol == "DCERPC" and not fragment(frame.pdu)):
        return "not recognized"
    if name.startswith("Unknown") and name not in UNKNOWN_STORE:
        return "an unknown operation"
    if frame.sealed and not frame.unsealed and not frame.payload:
        return "cannot be unsealed"
    return None


def complaints(frames):
    """Of all."""
    return [f"{frame.association}: {frame.info}: {complaint(frame)}" for frame in frames if complaint(frame)]


def check(frames, *wanted):
    """Nothing is wrong, and all these operations were seen."""
    assert not complaints(frames), "\n".join(complaints(frames))
    seen = {operation(frame) for frame in frames}
    assert set(wanted) <= seen, f"{set(wanted) - seen} not in {seen}"
    names = collections.Counter(f"{frame.protocol} {operation(frame)}" for frame in frames)
    print("       " + ", ".join(f"{name} ({count})" for name, count in sorted(names.items())))


# ---- the tests

TESTS = []


def test(function):
    """Registers it."""
    TESTS.append(function)
    return function


@test
def http_requests(lab):
    """RPC over HTTP: the channels, and all three interfaces."""
    associations = lab.record("http")
    frames = dissect(lab, associations)
    check(frames, "CONN/A1", "CONN/B1", "Bind", "NspiBind", "NspiGetHierarchyInfo", "NspiResolveNamesW", "NspiUnbind", "RfrGetNewDSA",
          "Unknown operation 10", "Unknown operation 11", "EcDoDisconnect")
    for port, protocol in ((6001, "MAPI"), (6002, "RFR"), (6004, "NSPI")):
        seen = {frame.protocol for frame in frames if frame.association == f"HTTP {port} IN" and frame.pdu[2] == REQUEST}
        assert seen == {protocol}, f"{port}: {seen}"


def check_tcp(frames, *wanted):
    """The endpoint mapper bare, the rest sealed, and tshark unseals it."""
    check(frames, "Bind", "Map", "NspiBind", "NspiUnbind", "RfrGetNewDSA", "Unknown operation 10", "EcDoDisconnect", *wanted)
    calls = [frame for frame in frames if frame.pdu[2] == REQUEST and frame.association != "TCP 135" and not is_beyond(frame)]
    assert all(frame.sealed for frame in calls), [frame.info for frame in calls if not frame.sealed]


@test
def tcp_ntlm_requests(lab):
    """RPC over TCP with NTLM."""
    check_tcp(dissect(lab, lab.record("ntlm")), "AUTH3")


@test
def tcp_kerberos_requests(lab):
    """RPC over TCP with Kerberos."""
    check_tcp(dissect(lab, lab.record("kerberos")), "Alter_context")


def stubs(frames, opnum):
    """The stubs of the store's calls, unsealed where they were sealed."""
    found = []
    for frame in frames:
        if frame.pdu[2] == REQUEST and frame.protocol == "MAPI" and struct.unpack_from("<H", frame.pdu, 22)[0] == opnum:
            assert not fragment(frame.pdu)
            found.append(bytes.fromhex(frame.unsealed.replace(":", "")) if frame.sealed else frame.pdu[24:])
    assert found, f"the store's operation {opnum} was not called"
    return found


def same_again(structure, stub):
    """impacket reads a stub, and writes the same bytes, but for what it pads with (0xBF), and the end, which may be padded."""
    read = structure(stub)
    again = read.getData()
    same = len(again) <= len(stub) < len(again) + 8 and not any(stub[len(again) :])
    same = same and all(one == other or (one, other) == (0, 0xBF) for one, other in zip(stub, again))
    assert same, f"{stub.hex()}\n{again.hex()}"
    return read


def store_is_well(frames):
    """Whatever tshark does not know of the store, by impacket's NDR."""
    for stub in stubs(frames, 10):
        connect = same_again(EcDoConnectEx, stub)
        assert connect["szUserDN"].startswith("/o="), connect["szUserDN"]
        assert connect["cbAuxIn"] == len(connect["rgbAuxIn"])
    for stub in stubs(frames, 11):
        call = same_again(EcDoRpcExt2, stub)
        buffer = b"".join(call["rgbIn"])
        assert call["cbIn"] == len(buffer) and struct.unpack_from("<H", buffer, 4)[0] == len(buffer) - 8, buffer.hex()


@test
def store_over_http(lab):
    """The store's calls, bare."""
    store_is_well(dissect(lab, lab.record("http")))


@test
def store_over_tcp(lab):
    """The store's calls, unsealed."""
    store_is_well(dissect(lab, lab.record("ntlm")))
    store_is_well(dissect(lab, lab.record("kerberos")))


def spoiled(associations, kind, protocol, frames, at, value):
    """The same associations, with one byte changed in the first PDU of this kind."""
    victim = next(frame.pdu for frame in frames if frame.pdu[2] == kind and frame.protocol == protocol)
    changed = victim[:at] + bytes([value]) + victim[at + 1 :]
    return [Association(each.name, [(who, changed if pdu is victim else pdu) for who, pdu in each.pdus]) for each in associations]


@test
def spoiled_requests_are_seen(lab):
    """The tests above can fail."""
    associations = lab.record("http")
    frames = dissect(lab, associations)
    cases = (
        ("a bind with 200 contexts", BIND, "DCERPC", 24, 200),
        ("a bind to another interface", BIND, "DCERPC", 32, 0x77),
        ("an operation that there is not", REQUEST, "NSPI", 22, 200),
        ("an NSPI request with an array that is too long", REQUEST, "NSPI", None, 0xFF),
    )
    for what, kind, protocol, at, value in cases:
        chosen = frames
        if at is None:
            chosen = [frame for frame in frames if operation(frame) == "NspiGetProps"]
            # header; handle, flags, STAT, the pointer; of the array the size, cValues, offset: then its count ([MS-OXNSPI] 3.1.4.1.7)
            at = 24 + 20 + 4 + 36 + 4 + 12
        found = complaints(dissect(lab, spoiled(associations, kind, protocol, chosen, at, value)))
        assert found, f"{what} is not seen"
        print(f"       {what}: {found[0]}")


def main():
    """Exit code."""
    lab = Lab(sys.argv[1], os.path.abspath(sys.argv[2]))
    passed = failed = 0
    for function in TESTS:
        if sys.argv[3:] and function.__name__ not in sys.argv[3:]:
            continue
        try:
            function(lab)
            passed += 1
            print(f"ok     {function.__name__}")
        except Exception:  # impacket may raise anything
            failed += 1
            print(f"FAILED {function.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
