"""What stands before a domain controller: relay.py PLAN

Samba listens on another address then, and this program on the controller's, one behaviour for each port:

    pass     hand every byte on
    bridge   end TLS here, with a certificate of its own, and speak TLS with the controller, as a load balancer does. The
             controller insists on channel binding (LdapEnforceChannelBinding = 2), so a logon by SASL is refused
    silent   accept, and never say anything
    closed   nothing listens

The bridge answers the refused logons itself: Samba looks at no channel binding. It says what a controller of Windows says to bindings
of another TLS connection, [MS-ADTS] 5.1.1.1.2 and 5.1.2.2; a simple bind has none and passes, as there.

The standard library only, and nothing of labkit: it has to start at once.
"""

import asyncio
import contextlib
import json
import os
import ssl
import sys

PLAN = "relay.json"
TCP = (53, 88, 389, 464, 636, 3268, 3269)
UDP = (53, 88, 389, 464)

LARGEST_MESSAGE = 1 << 22
SEQUENCE, INTEGER, ENUMERATED, OCTETS, BIND_REQUEST, BIND_RESPONSE, SASL = 0x30, 0x02, 0x0A, 0x04, 0x60, 0x61, 0xA3
INVALID_CREDENTIALS = 49
NTLM_NEGOTIATE = b"NTLMSSP\0\1\0\0\0"
BAD_BINDINGS = b"80090346: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 80090346, v4563\0"


# ---- the plan


def plan_of(base):
    """The plan of the controller below `base`; None where no relay stands before it."""
    try:
        with open(os.path.join(base, PLAN), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def install(controller, authority, tcp=None, udp=None):
    """Stand before this controller, before it starts. Ports that are not named pass."""
    path = os.path.join(controller.base, "relay")
    host = controller.host
    authority.issue([host.fqdn, host.address]).write(f"{path}.pem", f"{path}.key")
    *network, last = host.address.split(".")
    plan = {
        "address": host.address,
        "behind": ".".join([*network, str(int(last) + 100)]),
        "certificate": f"{path}.pem",
        "key": f"{path}.key",
        "tcp": dict.fromkeys(map(str, TCP), "pass") | _text_keys(tcp),
        "udp": dict.fromkeys(map(str, UDP), "pass") | _text_keys(udp),
    }
    with open(os.path.join(controller.base, PLAN), "w", encoding="utf-8") as file:
        json.dump(plan, file, indent=2)
    controller.move(plan["behind"])


def _text_keys(ports):
    return {str(port): behaviour for port, behaviour in (ports or {}).items()}


# ---- LDAP, as much as the bridge needs of it (RFC 4511, RFC 4513)


def element(data, at):
    """The BER element there: its tag, where its content begins, and where it ends."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    if at + length > len(data):
        raise ValueError("an element is longer than what it is in")
    return tag, at, at + length


def encode(tag, content):
    """A BER element shorter than 64 KiB."""
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


def refusal(message):
    """The answer to a logon that needs channel bindings; None for every other message, and for NTLM's first."""
    _, at, _ = element(message, 0)
    _, identity, at = element(message, at)
    tag, inner, _ = element(message, at)
    if tag != BIND_REQUEST:
        return None
    _, _, name = element(message, inner)
    _, _, authentication = element(message, name)
    tag, start, end = element(message, authentication)
    if tag != SASL or NTLM_NEGOTIATE in message[start:end]:
        return None
    result = encode(ENUMERATED, bytes([INVALID_CREDENTIALS])) + encode(OCTETS, b"") + encode(OCTETS, BAD_BINDINGS)
    return encode(SEQUENCE, encode(INTEGER, message[identity:at]) + encode(BIND_RESPONSE, result))


async def read_message(reader):
    """The bytes of one LDAP message."""
    head = await reader.readexactly(2)
    if head[1] & 0x80:
        head += await reader.readexactly(head[1] & 0x7F)
    size = int.from_bytes(head[2:], "big") if head[1] & 0x80 else head[1]
    if head[0] != SEQUENCE or size > LARGEST_MESSAGE:
        raise ValueError("not LDAP")
    return head + await reader.readexactly(size)


# ---- TCP


async def hand_on(reader, writer):
    """Every byte until the end."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def hand_on_but_logons(reader, writer, back):
    """Every message of the client, but for the logons that are refused."""
    while True:
        message = await read_message(reader)
        answer = refusal(message)
        (back if answer else writer).write(answer or message)
        await (back if answer else writer).drain()


async def both_ways(client, server, bridge):
    """Until one side ends; then the other is closed, too."""
    to_server = hand_on_but_logons(client[0], server[1], client[1]) if bridge else hand_on(client[0], server[1])
    tasks = [asyncio.ensure_future(to_server), asyncio.ensure_future(hand_on(server[0], client[1]))]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def connection(plan, port, behaviour):
    """What to do with a new connection."""

    async def handle(reader, writer):
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if behaviour == "silent":
                await asyncio.get_running_loop().create_future()
            trusting = ssl._create_unverified_context() if behaviour == "bridge" else None
            server = await asyncio.open_connection(plan["behind"], port, ssl=trusting)
            with contextlib.closing(server[1]):
                await both_ways((reader, writer), server, behaviour == "bridge")
        writer.close()

    return handle


async def listen_tcp(plan, port, behaviour):
    """Open one port."""
    tls = None
    if behaviour == "bridge":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(plan["certificate"], plan["key"])
    await asyncio.start_server(connection(plan, port, behaviour), plan["address"], port, ssl=tls)


# ---- UDP


class Datagrams(asyncio.DatagramProtocol):
    """A port of the controller: a socket of its own for each client."""

    def __init__(self, plan, port, behaviour):
        self.place = (plan["behind"], port)
        self.behaviour = behaviour
        self.behind = {}
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if self.behaviour == "pass":
            asyncio.ensure_future(self.hand_on(data, addr))

    async def hand_on(self, data, client):
        """To the controller."""
        if client not in self.behind:
            loop = asyncio.get_running_loop()
            answers = Answers(self.transport, client)
            self.behind[client], _ = await loop.create_datagram_endpoint(lambda: answers, remote_addr=self.place)
        self.behind[client].sendto(data)


class Answers(asyncio.DatagramProtocol):
    """What the controller says to one client."""

    def __init__(self, front, client):
        self.front = front
        self.client = client

    def datagram_received(self, data, addr):
        self.front.sendto(data, self.client)


async def listen_udp(plan, port, behaviour):
    """Open one port."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(plan, port, behaviour), local_addr=(plan["address"], port))


async def serve(plan):
    """Open every port, say so, and stay."""
    for listen, ports in ((listen_tcp, plan["tcp"]), (listen_udp, plan["udp"])):
        for port, behaviour in ports.items():
            if behaviour != "closed":
                await listen(plan, int(port), behaviour)
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as plan_file:
        asyncio.run(serve(json.load(plan_file)))
