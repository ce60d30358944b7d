"""A server on loopback that follows a script: a list of steps, each a function of the connection.

Every connection gets its own thread and the same steps. What it received, within TLS where there was TLS,
is kept, so that the oracle can count credentials. Every wait is bounded; stop() ends the rest.
"""

import os
import socket
import ssl
import struct
import threading
import time

PATIENCE = 8.0  # of any single wait
KEEP = 1 << 20  # bytes kept of a connection


class End(Exception):
    """The script or the connection is over."""


class Request:
    def __init__(self, line, headers, body):
        parts = line.split(" ")
        self.method, self.target = parts[0], parts[1] if len(parts) > 1 else ""
        self.headers, self.body = headers, body

    def __repr__(self):
        return f"{self.method} {self.target}"


class Peer:
    """One connection of a server."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.received = bytearray()
        self.pending = b""
        self.requests = []
        self.state = {}
        self.number = server.count()
        sock.settimeout(PATIENCE)

    def recv(self):
        data = self.pending or self.sock.recv(65536)
        if not self.pending and len(self.received) < KEEP:
            self.received += data
        self.pending = b""
        if not data:
            raise End
        return data

    def send(self, data):
        self.sock.sendall(data)

    def request(self):
        """The next request, with its body."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.recv()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(body) < length:
            body += self.recv()
        self.pending = body[length:]
        request = Request(lines[0], headers, body[:length])
        self.requests.append(request)
        self.server.requests.append(request)
        return request

    def silent(self):
        while not self.server.stopped.is_set():
            self.recv()

    def finish(self):
        """Ends in order: what the client still sends is read, else the kernel would send a RST."""
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(1.0)
        while self.recv():
            pass


class Server:
    def __init__(self, address, steps, port=0, backlog=64, at_once=None):
        self.steps, self.peers, self.requests, self.proofs = steps, [], [], []
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.first_at = None
        self.slots = threading.Semaphore(at_once) if at_once else None
        self.listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.address, self.port = self.listener.getsockname()[:2]
        self.listener.listen(backlog)
        threading.Thread(target=self._serve, daemon=True).start()

    def count(self):
        with self.lock:
            self.first_at = self.first_at or time.monotonic()
            return len(self.peers)

    def _serve(self):
        while not self.stopped.is_set():
            if self.slots:
                self.slots.acquire()  # pylint: disable=consider-using-with
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            peer = Peer(self, sock)
            with self.lock:
                self.peers.append(peer)
            threading.Thread(target=self._follow, args=(peer,), daemon=True).start()

    def _follow(self, peer):
        try:
            for step in self.steps:
                step(peer)
            peer.finish()
        except (End, OSError, ValueError):
            pass
        finally:
            peer.sock.close()
            if self.slots:
                self.slots.release()

    def stop(self):
        self.stopped.set()
        with self.lock:
            peers = list(self.peers)
        for sock in [self.listener] + [peer.sock for peer in peers]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()

    def received(self):
        with self.lock:
            return [bytes(peer.received) for peer in self.peers]


class BlackHole:
    """An address that drops our SYN: a full queue of a listener that never accepts does just that."""

    def __init__(self, address, port=0):
        self.requests, self.proofs, self.held = [], [], []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.address, self.port = self.listener.getsockname()
        self.listener.listen(0)
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((self.address, self.port))
            self.held.append(sock)
        time.sleep(0.05)

    def stop(self):
        for sock in [self.listener] + self.held:
            sock.close()

    def received(self):
        return []


# ---- steps ------------------------------------------------------------------------------------------------

def read(peer):
    """Something."""
    peer.recv()


def request(peer):
    peer.request()


def silent(peer):
    peer.silent()


def send(data):
    return lambda peer: peer.send(data)


def bare(data):
    """Past TLS, straight into the connection."""
    return lambda peer: os.write(peer.sock.fileno(), data)


def drip(data, every=0.25):
    """A byte at a time, until nobody listens."""
    def step(peer):
        for byte in data:
            peer.send(bytes([byte]))
            if peer.server.stopped.wait(every):
                raise End
    return step


def flood(chunk, megabytes=1 << 20):
    """The same again and again, until nobody listens."""
    def step(peer):
        for _ in range(megabytes * 1024 * 1024 // len(chunk)):
            peer.send(chunk)
            if peer.server.stopped.is_set():
                raise End
    return step


def wait(seconds):
    return lambda peer: peer.server.stopped.wait(seconds)


def reset(peer):
    """RST."""
    sock = peer.sock
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(sock, ssl.SSLSocket):
        socket.close(sock.detach())
    else:
        sock.close()
    raise End


def cut(peer):
    """FIN, over TLS without close_notify."""
    peer.finish()
    raise End


def over(peer):
    """close_notify, then FIN."""
    peer.sock.settimeout(0.3)
    try:
        peer.sock.unwrap()
    except OSError:
        pass
    raise End


def tls(context):
    """The handshake; what follows is over TLS."""
    def step(peer):
        peer.sock = context.wrap_socket(peer.sock, server_side=True, suppress_ragged_eofs=True)
    return step


def http(handler):
    """Requests on a kept connection, each answered by handler(peer, request) -> bytes, or None to close."""
    def step(peer):
        while not peer.server.stopped.is_set():
            answer = handler(peer, peer.request())
            if answer is None:
                return
            peer.send(answer)
    return step
