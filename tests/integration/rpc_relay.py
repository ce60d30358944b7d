"""A relay before the lab's front end that ends TLS: it can be a delay line, and it hears what RPC over HTTP says in the clear.

It has the front end's own certificate, so the channel bindings of a client hold at the front end, too, and Extended Protection may
stay on. It uses the standard library only.

    relay = Relay(address, node, certificate, key, delays, heard)
    relay.start() ... relay.stop()

As a delay line it works on the records of TLS, not on what is in them: each byte of either side arrives rtt/2 later, as the bytes
of a wire would. The answer to an HTTP request leaves no sooner than `work` after the request has come: what the front end needs
itself is a part of it. To the request for the IN channel CONN/C2 is the answer, on the other channel. A relay cannot delay a SYN: the
round trip of TCP's handshake is charged to the first bytes of the client instead, which is the same to everybody who waits
for the connection before he speaks.
"""

import asyncio
import collections
import contextlib
import selectors
import socket
import ssl
import struct
import threading
import time

HEAD_END, INTERIM = b"\r\n\r\n", b" 100 "
PDU_HEADER = 16  # of DCE/RPC: the fragment's length is at 8 ([C706] 12.6.3.1)
CHANNELS = {"RPC_IN_DATA": "IN", "RPC_OUT_DATA": "OUT"}
CLIENT, SERVER = "client", "server"
STEP = 1e-6  # keeps things that are due at once in their order

Delays = collections.namedtuple("Delays", "rtt work", defaults=(0.0, 0.0))
# One PDU: a number for the connection, when it was opened, the channel's name, its port behind the proxy, who said it, when it
# reached the other
Heard = collections.namedtuple("Heard", "connection opened channel port speaker when pdu")


class Pdus:
    """Cuts a stream of bytes into PDUs."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        """Those that are complete now."""
        self.rest += data
        found = []
        while len(self.rest) >= PDU_HEADER:
            length = struct.unpack_from("<H", self.rest, 8)[0]
            if not PDU_HEADER <= length <= len(self.rest):
                break
            found.append(self.rest[:length])
            self.rest = self.rest[length:]
        return found


class Later:
    """Does things in their order, each no sooner than it is due."""

    def __init__(self, loop):
        self.loop = loop
        self.due = 0.0

    def at(self, when, function, *arguments):
        """When it will be done."""
        self.due = max(self.due + STEP, when)
        self.loop.call_at(self.due, function, *arguments)
        return self.due


class Requests:
    """Finds the requests in what a client says: whole heads, and what belongs to the body of each."""

    def __init__(self):
        self.rest = b""
        self.body = 0  # bytes of it that have not come
        self.method, self.target = "", ""

    def feed(self, data):
        """Yields pairs: bytes to hand on, and whether they begin a request."""
        self.rest += data
        while self.rest:
            begins = self.body == 0
            if begins:
                head, end, _ = self.rest.partition(HEAD_END)
                if not end:
                    break
                self._read(head.decode("latin-1"))
                size = len(head) + len(end)
            else:
                size = min(self.body, len(self.rest))
                self.body -= size
            found, self.rest = self.rest[:size], self.rest[size:]
            yield found, begins

    def _read(self, head):
        first, *headers = head.split("\r\n")
        self.method, self.target, *_ = [*first.split(" "), "", ""]
        for header in headers:
            name, _, value = header.partition(":")
            if name.lower() == "content-length" and value.strip().isdigit():
                self.body = int(value)
            if name.lower() == "transfer-encoding":
                self.body = 1 << 62  # the lengths of its chunks are nothing to us: no other request comes after it

    def channel(self):
        """("IN", 6001) where a channel is being asked for, not only offered; else None."""
        port = self.target.rpartition(":")[2]
        name = CHANNELS.get(self.method)
        return (name, int(port)) if name and self.body > 0 and port.isdigit() else None


class Upstream(asyncio.Protocol):
    """The front end's side of one connection."""

    def __init__(self, client):
        self.client = client

    def connection_made(self, transport):
        self.client.upstream_ready(transport)

    def data_received(self, data):
        self.client.answered(data)

    def connection_lost(self, exc):
        self.client.upstream_lost()


class Client(asyncio.Protocol):
    """The client's side of one connection, with TLS of our own, so that each record can be late."""

    def __init__(self, relay, number):
        self.relay, self.number = relay, number
        self.loop = relay.loop
        self.arriving, self.leaving = Later(self.loop), Later(self.loop)
        self.worked, self.cookie = 0.0, None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = relay.tls.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.shaken = False
        self.requests, self.spoken, self.channel = Requests(), {CLIENT: Pdus(), SERVER: None}, None
        self.upstream, self.waiting, self.gone = None, [], False
        self.head = b""

    # ---- the client speaks

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened = self.loop.time()
        self.connected = self.opened + self.relay.delays.rtt
        asyncio.ensure_future(self._dial())

    async def _dial(self):
        try:
            await self.loop.create_connection(lambda: Upstream(self), self.relay.node, 443, ssl=self.relay.trusting)
        except OSError:
            self.transport.abort()

    def data_received(self, data):
        self.arriving.at(self._arrival(), self._read, data)

    def _arrival(self):
        return max(self.loop.time(), self.connected) + self.relay.delays.rtt / 2

    def _read(self, data):
        self.incoming.write(data)
        try:
            if not self.shaken:
                self.tls.do_handshake()
                self.shaken = True
            while plain := self.tls.read(1 << 16):
                self._said(plain)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.leaving.at(0, self.transport.close)
        self._flush()

    def _said(self, plain):
        for data, begins in self.requests.feed(plain):
            self._hand_on(data)
            if begins:
                self.worked = self.loop.time() + self.relay.delays.work
                self.channel, self.spoken = self.requests.channel(), {CLIENT: Pdus(), SERVER: None}
                self.head = b""
            else:
                self._hear(CLIENT, data, self.loop.time())

    def _hand_on(self, data):
        if self.upstream is None:
            self.waiting.append(data)
        else:
            self.upstream.write(data)

    def connection_lost(self, exc):
        self.arriving.at(self._arrival(), self._close_upstream)

    def _close_upstream(self):
        self.gone = True
        if self.upstream is not None:
            self.upstream.close()

    # ---- the front end speaks

    def upstream_ready(self, transport):
        """The connection to the front end stands."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.upstream = transport
        for data in self.waiting:
            transport.write(data)
        if self.gone:
            transport.close()

    def answered(self, data):
        """Bytes from the front end."""
        if not self.shaken:
            return
        self.tls.write(data)
        when = self._flush()
        if self.channel is None:
            return
        if self.spoken[SERVER] is None:
            self.head += data
            head, end, data = self.head.partition(HEAD_END)
            if end and INTERIM in head.split(b"\r\n")[0]:
                self.head = data
                head, end, data = data.partition(HEAD_END)
            if not end or b" 200 " not in head.split(b"\r\n")[0]:
                return
            self.spoken[SERVER] = Pdus()
        self._hear(SERVER, data, when)

    def upstream_lost(self):
        """The front end has closed."""
        if self.shaken:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self._flush()
        self.leaving.at(self.loop.time() + self.relay.delays.rtt / 2, self.transport.close)

    def _flush(self):
        """Sends what TLS has to say; when it arrives."""
        data = self.outgoing.read()
        worked = max(self.worked, self.relay.joined.get(self.cookie, 0.0))
        when = max(self.loop.time(), worked) + self.relay.delays.rtt / 2
        return self.leaving.at(when, self.transport.write, data) if data else when

    def _join(self, pdu):
        """CONN/A1 and CONN/B1 have the cookie of the virtual connection after the header and the version ([MS-RPCH] 2.2.4.2, 2.2.4.5)."""
        self.cookie = pdu[32:48]
        if self.channel[0] == "IN":
            self.relay.joined[self.cookie] = self.worked

    def _hear(self, speaker, data, when):
        if self.channel is not None:
            for pdu in self.spoken[speaker].feed(data):
                if self.cookie is None:
                    self._join(pdu)
                self.relay.heard(Heard(self.number, self.opened, *self.channel, speaker, when, pdu))


class Relay(threading.Thread):
    """`heard` is called in this thread, with each PDU of RPC over HTTP; times are those of time.monotonic()."""

    def __init__(self, address, node, pair, delays=Delays(), heard=lambda heard: None):
        super().__init__(daemon=True)
        self.address, self.node, self.delays, self.heard = address, node, delays, heard
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(*pair)
        self.trusting = ssl._create_unverified_context()
        # select() waits to the microsecond; epoll, to the millisecond
        self.loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        self.connections = 0
        self.joined = {}  # virtual connections whose IN channel has come: when the server has done its work for it
        self.server = self.loop.run_until_complete(self.loop.create_server(self._client, address, 443))

    def _client(self):
        self.connections += 1
        return Client(self, self.connections)

    def run(self):
        self.loop.run_forever()

    def stop(self):
        """No further connection, and the thread ends."""
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join()
