"""An RPC proxy with a store behind it, by hand, small enough to be broken in one place. [MS-RPCH], [MS-RPCE], [MS-OXCRPC]

A Proxy serves the connections of one server (peer.Server's step rpc()): NTLM, then the channel that the request asks
for. What it does there are functions of the proxy's `parts`, of which a case replaces some:

    out(link), into(link)   the OUT and the IN channel, from behind the logon to the end of the connection
    opened(link)            what comes on OUT once IN is there: CONN/C2
    bind(link, pdu)         the answer to a bind: bytes
    call(link, pdu)         … to a call: bytes, or None: nothing
"""

import base64
import queue
import struct
import threading
import urllib.parse

import mapi
import ntlm
import peer
import web
from mapi import le16, le32

FIRST, LAST = 1, 2
REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_ACK, AUTH3, RTS = 0, 2, 3, 11, 12, 13, 14, 15, 16, 20
NDR20 = bytes.fromhex("045d888aeb1cc9119fe808002b104860") + le32(2)
WINDOW, TIMEOUT_MS = 65536, 120000
CONTEXT = le32(0) + bytes(range(1, 17))
OUT_HEAD = b"HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\n"
NTLM_LEVEL = bytes([10, 6])


# ---- PDUs: [C706] 12.6, [MS-RPCE] 2.2.2, [MS-RPCH] 2.2.3 ---------------------------------------------------------

def pdu(kind, body, call=1, flags=FIRST | LAST, auth=b"", length=None, drep=0x10, version=5):
    """auth: the token; its trailer is written before it."""
    trailer = b""
    if auth:
        pad = -len(body) % 4
        trailer = bytes(pad) + NTLM_LEVEL + bytes([pad, 0]) + le32(0) + auth
    size = 16 + len(body) + len(trailer) if length is None else length
    return bytes([version, 0, kind, flags, drep, 0, 0, 0]) + le16(size, len(auth)) + le32(call) + body + trailer


def rts(flags=0, *commands, count=None):
    return pdu(RTS, le16(flags, len(commands) if count is None else count) + b"".join(commands), call=0)


def command(kind, *values):
    return le32(kind, *values)


A3 = rts(0, command(2, TIMEOUT_MS))
PING = rts(1)
RECYCLE = rts(4, command(13, 0))
ECHO = rts(0x40)


def c2(window=WINDOW):
    return rts(0, command(6, 1), command(0, window), command(2, TIMEOUT_MS))


def ack(received, available, cookie):
    return rts(2, command(1, received, available) + cookie)


def bind_ack(call=1, results=((0, 0),), transmit=5840, receive=5840, transfer=NDR20, auth=b"", count=None):
    body = le16(transmit, receive) + le32(0x1234) + le16(5) + b"6001\0"
    body += bytes(-(len(body) + 16) % 4) + bytes([len(results) if count is None else count, 0, 0, 0])
    return pdu(BIND_ACK, body + b"".join(le16(*result) + transfer for result in results), call, auth=auth)


def bind_nak(reason, call=1):
    return pdu(BIND_NAK, le16(reason) + b"\1\5\0" + b"\0", call)


def response(stub, call=1, flags=FIRST | LAST, auth=b"", hint=None):
    return pdu(RESPONSE, le32(len(stub) if hint is None else hint) + le16(0, 0) + stub, call, flags, auth)


def fault(status, call=1, flags=FIRST | LAST):
    return pdu(FAULT, le32(0) + le16(0, 0) + le32(status, 0), call, flags)


class Pdu:
    def __init__(self, data):
        self.data, self.kind, self.flags = data, data[2], data[3]
        self.length, self.auth = struct.unpack_from("<HH", data, 8)
        self.call = struct.unpack_from("<I", data, 12)[0]
        self.opnum = struct.unpack_from("<H", data, 22)[0] if self.kind == REQUEST else None


# ---- stubs of the store: [MS-OXCRPC] 3.1.4 -------------------------------------------------------------------------

class Stub:
    """NDR: alignment, pointers, strings, arrays."""

    def __init__(self):
        self.data = b""

    def put(self, data, align=4):
        self.data += bytes(-len(self.data) % align) + data
        return self

    def u32(self, *values):
        return self.put(le32(*values))

    def string(self, text):
        return self.u32(0x20000, len(text) + 1, 0, len(text) + 1).put(text + b"\0", 1)

    def array(self, data, size=None, count=None):
        self.u32(len(data) if size is None else size, 0, len(data) if count is None else count)
        return self.put(data, 1).u32(len(data) if count is None else count)


def connected(name=b"Service", handle=CONTEXT, code=0, aux=b"", count=None):
    stub = Stub().put(handle).u32(60000, 6, 10000).put(le16(0), 2).string(b"/o=Contoso/").string(name)
    words = le16(0x0F02, 0x8A02, 37)
    return stub.put(words, 2).put(words, 2).u32(1).array(aux, count=count).u32(code).data


def executed(payload, handle=CONTEXT, code=0, size=None, count=None):
    rop = le16(0, 4, len(payload), len(payload)) + payload
    return Stub().put(handle).u32(0).array(rop, size, count).array(b"").u32(3, code).data


EC_DISCONNECT, EC_DUMMY, EC_CONNECT, EC_RPC = 1, 6, 10, 11


# ---- the parts that work ---------------------------------------------------------------------------------------------

def out(link):
    link.out.send(OUT_HEAD + A3)
    link.wait_for_in()
    link.part("opened")
    link.serve()


def opened(link):
    link.send(c2())


def into(link):
    """All that comes on IN, for the other channel's thread."""
    while True:
        link.queue.put(link.next_in())


def bind(link, got):  # pylint: disable=unused-argument
    return bind_ack(got.call)


def call(link, got):
    if link.port != 6001:
        return fault(0x1C010002, got.call)
    if got.opnum == EC_CONNECT:
        return response(connected(), got.call)
    if got.opnum == EC_RPC:
        link.round += 1
        return response(executed(mapi.ROUNDS[min(link.round - 1, len(mapi.ROUNDS) - 1)]()), got.call)
    if got.opnum == EC_DISCONNECT:
        return response(bytes(20) + le32(0), got.call)
    return response(le32(0), got.call)


PARTS = {"out": out, "opened": opened, "into": into, "bind": bind, "call": call}


class Link:
    """A virtual connection."""

    def __init__(self, proxy, port):
        self.proxy, self.port, self.round = proxy, port, 0
        self.out = self.inner = None
        self.cookie = None  # of the IN channel
        self.queue, self.arrived = queue.Queue(), threading.Event()
        self.received = 0  # bytes of RPC PDUs on IN

    def part(self, name, *values):
        return self.proxy.parts[name](self, *values)

    def send(self, data):
        self.out.send(data)

    def wait_for_in(self):
        while not self.arrived.wait(0.05):
            if self.out.server.stopped.is_set():
                raise peer.End

    def next_in(self):
        return take_pdu(self.inner)

    def sleep(self, seconds):
        if self.out.server.stopped.wait(seconds):
            raise peer.End

    def serve(self):
        """Binds and calls, as they come; flow control is acknowledged, else a client would stop."""
        while True:
            try:
                got = self.queue.get(timeout=0.1)
            except queue.Empty:
                if self.out.server.stopped.is_set():
                    raise peer.End from None
                continue
            if got.kind == RTS:
                continue
            self.received += got.length
            answer = self.part("bind", got) if got.kind in (BIND, ALTER) else \
                self.part("call", got) if got.kind == REQUEST and got.flags & LAST else None
            if answer:
                self.send(answer)


def take(connection, length):
    while len(connection.pending) < length:
        held, connection.pending = connection.pending, b""
        connection.pending = held + connection.recv()
    data, connection.pending = connection.pending[:length], connection.pending[length:]
    return data


def take_pdu(connection):
    header = take(connection, 16)
    return Pdu(header + take(connection, struct.unpack_from("<H", header, 8)[0] - 16))


def take_head(connection):
    """A request without its body: that of an IN channel does not end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv()
    head, _, connection.pending = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    request = peer.Request(lines[0], headers, b"")
    connection.requests.append(request)
    connection.server.requests.append(request)
    return request


# ---- the endpoint mapper, over plain TCP: [C706] appendix L and O ----------------------------------------------------------

def floor(left, right):
    return le16(len(left)) + left + le16(len(right)) + right


def tower(port, address=b"\x7f\0\0\1", interface=bytes(16), floors=5):
    return le16(floors) + floor(b"\x0d" + interface + le16(0), le16(0)) + floor(b"\x0d" + NDR20[:18], le16(0)) + \
        floor(b"\x0b", le16(0)) + floor(b"\x07", struct.pack(">H", port)) + floor(b"\x09", address)


def mapped(towers, status=0, count=None, length=None):
    """The answer to ept_map."""
    count = len(towers) if count is None else count
    stub = Stub().put(CONTEXT).u32(count, max(count, 1), 0, count)
    stub.u32(*[3 + index for index in range(len(towers))])
    for data in towers:
        stub.u32(len(data) if length is None else length, len(data) if length is None else length).put(data, 1)
    return stub.u32(status).data


def mapper(answer, bound=lambda got: bind_ack(got.call)):
    """A step: answer(connection, got) to each call."""
    def step(connection):
        while True:
            got = take_pdu(connection)
            data = bound(got) if got.kind == BIND else answer(connection, got) if got.kind == REQUEST else None
            if data:
                connection.send(data)
    return step


class Proxy:
    """before(connection, request), refuse(connection, request): an answer in place of the logon and of the channel;
    None: none. wrap: TLS by the number of the connection."""

    def __init__(self, password, schemes=("Negotiate", "NTLM"), before=None, refuse=None, others=None, **parts):
        self.password, self.schemes, self.before, self.refuse = password, schemes, before, refuse
        self.others = others  # a handler for all paths but /rpc
        self.parts = {**PARTS, **parts}
        self.links, self.lock = {}, threading.Lock()
        self.opened = []  # (method, port) of every channel
        self.refusals = self.logons = 0

    def step(self, connection):
        """A step of a peer.Server, behind TLS."""
        while True:
            request = take_head(connection)
            if not request.target.lower().startswith("/rpc"):
                length = int(request.headers.get("content-length", 0))
                request.body = take(connection, length)
                answer = self.others(connection, request) if self.others else web.page(404, "no such path", web.NODE)
            else:
                answer = self._rpc(connection, request)
            if answer is None:
                raise peer.End
            connection.send(answer)

    def _rpc(self, connection, request):
        if request.target.lower() == "/rpc/healthcheck.htm":
            return web.page(200, "200 OK<br/>EX1", web.NODE)
        early = self.before(connection, request) if self.before else None
        if early is not None:
            return early
        value = request.headers.get("authorization", "")
        kind = ntlm.kind(value)
        if not value or kind == "type1":
            take(connection, int(request.headers.get("content-length", 0)))
        if not value:
            return web.unauthorized(*self.schemes)
        if kind == "type1":
            return web.unauthorized(f"{value.split(' ')[0]} {base64.b64encode(ntlm.challenge()).decode()}")
        if kind != "NTLM" or not ntlm.proves(base64.b64decode(value.split(" ")[1]), self.password):
            self.refusals += 1
            return web.unauthorized(*self.schemes)
        if "expect" in request.headers:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        refused = self.refuse(connection, request) if self.refuse else None
        self.refusals += refused is not None and b" 401 " in refused[:16]
        return refused if refused is not None else self._channel(connection, request)

    def _channel(self, connection, request):
        port = int(urllib.parse.urlsplit(request.target).query.rpartition(":")[2] or 0)
        length = int(request.headers.get("content-length", 0))
        if length <= 16:  # [MS-RPCH] 2.1.2.1.5
            take(connection, length)
            return web.answer(200, ("Content-Type", "application/rpc"), body=ECHO)
        self.opened.append((request.method, port))
        first = take_pdu(connection).data  # CONN/A1 or CONN/B1: the connection's cookie is the first of both
        with self.lock:
            link = self.links.setdefault(first[32:48], Link(self, port))
        if request.method == "RPC_OUT_DATA":
            link.out = connection
            link.part("out")
        else:
            link.inner, link.cookie = connection, first[52:68]
            link.arrived.set()
            link.part("into")
        return None
