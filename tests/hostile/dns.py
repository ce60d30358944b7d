"""A name server over UDP and TCP: its own records, and scripts for names that are to go wrong. RFC 1035."""

import socket
import struct
import threading
import time

A, CNAME, MX, AAAA, SRV = 1, 5, 15, 28, 33
TYPES = {A: "A", CNAME: "CNAME", MX: "MX", AAAA: "AAAA", SRV: "SRV"}
UDP_MAX = 1232
POINTER = b"\xc0\x0c"  # to the question's name


def labels(name):
    """A name on the wire."""
    out = b""
    for label in filter(None, name.split(".")):
        out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def record(kind, rdata, owner=POINTER, ttl=60, length=None):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(rdata) if length is None else length) + rdata


def address(text):
    return record(AAAA, socket.inet_pton(socket.AF_INET6, text)) if ":" in text else \
        record(A, socket.inet_aton(text))


def srv(target, port, priority=0, weight=0):
    return record(SRV, struct.pack(">HHH", priority, weight, port) + labels(target))


class Question:
    def __init__(self, message):
        self.id = message[:2]
        at, parts = 12, []
        while message[at]:
            parts.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
            at += 1 + message[at]
        self.name = ".".join(parts).lower()
        self.type = struct.unpack_from(">H", message, at + 1)[0]
        self.section = message[12:at + 5]

    def reply(self, *records, rcode=0, truncated=False, count=None, questions=1):
        flags = 0x8580 | rcode | (0x0200 if truncated else 0)
        head = struct.pack(">HHHHH", flags, questions, len(records) if count is None else count, 0, 0)
        return self.id + head + self.section + b"".join(records)


# ---- scripts: question -> reply; None is silence, (seconds, reply) comes late --------------------------------

def rcode(number):
    return lambda question: question.reply(rcode=number)


def silence(_):
    return None


def raw(*records, **more):
    """These records for A, nothing for other types."""
    return lambda question: question.reply(*records, **more) if question.type == A else question.reply()


def aliases(count, loop):
    """A chain of CNAMEs, a loop or with an end."""
    def script(question):
        names = [question.name] + [f"a{i}.contoso.test" for i in range(count)]
        if loop:
            names[-1] = question.name
        out = [record(CNAME, labels(to), labels(name)) for name, to in zip(names, names[1:])]
        return question.reply(*out, *([] if loop else [record(A, b"\x7f\0\1\2", labels(names[-1]))]))
    return script


class NameServer:
    """Records are {name: [(type, record)]}; scripts are {name: script}; what was asked is kept."""

    def __init__(self, where):
        self.records, self.scripts, self.asked = {}, {}, []
        self.default = None
        self.stopped = False
        for _ in range(50):
            self.tcp, self.udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp.bind((where, 0))
            try:
                self.udp.bind(self.tcp.getsockname())
                break
            except OSError:
                self.tcp.close()
        self.tcp.listen(64)
        self.where = "%s:%d" % self.tcp.getsockname()
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def add(self, name, *addresses):
        self.records.setdefault(name, []).extend((AAAA if ":" in text else A, address(text)) for text in addresses)

    def add_srv(self, name, *records):
        self.records.setdefault(name, []).extend((SRV, entry) for entry in records)

    def names(self):
        return {name for name, _ in self.asked}

    def _answer(self, message):
        question = Question(message)
        self.asked.append((question.name, TYPES.get(question.type, str(question.type))))
        script = self.scripts.get(question.name, self.default)
        if script is not None:
            return script(question)
        known = self.records.get(question.name)
        if known is None:
            inside = any(name.endswith("." + question.name) for name in self.records)
            return question.reply(rcode=0 if inside else 3)
        return question.reply(*[entry for kind, entry in known if kind == question.type])

    def _serve_udp(self):
        while not self.stopped:
            try:
                message, whom = self.udp.recvfrom(4096)
                answer = self._answer(message)
            except OSError:
                return
            except IndexError:
                continue
            delay, answer = answer if isinstance(answer, tuple) else (0, answer)
            if answer is None:
                continue
            if len(answer) > UDP_MAX:
                answer = Question(message).reply(truncated=True)
            if delay:
                threading.Timer(delay, self._send, (answer, whom)).start()
            else:
                self._send(answer, whom)

    def _send(self, answer, whom):
        try:
            self.udp.sendto(answer, whom)
        except OSError:
            pass

    def _serve_tcp(self):
        while not self.stopped:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock):
        sock.settimeout(5)
        try:
            with sock:
                while True:
                    length = struct.unpack(">H", sock.recv(2, socket.MSG_WAITALL))[0]
                    answer = self._answer(sock.recv(length, socket.MSG_WAITALL))
                    if isinstance(answer, tuple):
                        time.sleep(answer[0])
                        answer = answer[1]
                    if answer is not None:
                        sock.sendall(struct.pack(">H", len(answer)) + answer)
        except (OSError, struct.error, IndexError):
            pass

    def stop(self):
        self.stopped = True
        for sock in (self.tcp, self.udp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
