"""A store and an address book over MAPI over HTTP, small enough to be broken in one place. [MS-OXCMAPIHTTP]

Mapi is a handler for peer.http(): NTLM as web.Exchange, then one answer for each X-RequestType, which `replies`
replaces: bytes (a whole HTTP answer), or a function of (peer, request) that gives them or sends by itself.
"""

import struct

import web

DN = "/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=svc"
TYPE = ("Content-Type", "application/mapi-http")
SERVER = ("X-ServerApplication", "Exchange/15.02.2562.037")
REPLICA = bytes(range(16))
HANDLE = 0x77


def le16(*values):
    return struct.pack(f"<{len(values)}H", *values)


def le32(*values):
    return struct.pack(f"<{len(values)}I", *values)


def wide(text):
    return text.encode("utf-16-le", "surrogatepass") + b"\0\0"


# ---- HTTP and the frame, 2.2.2.2 ------------------------------------------------------------------------------

def frame(body=b"", code=0, tags=("PROCESSING", "DONE"), headers=(("X-ElapsedTime", "3"),)):
    lines = [*tags, f"X-ResponseCode: {code}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def http(body, *headers, code=0, status=200, kind=TYPE, length=True):
    own = [("X-ResponseCode", str(code))] if code is not None else []
    return web.answer(status, *([kind] if kind else []), *own, web.NODE, SERVER, *headers, body=body, length=length)


def refused(code, *headers, **more):
    """What Exchange answers without doing anything: the code alone."""
    return http(b"", *headers, code=code, **more)


def done(body, *headers, **more):
    return http(frame(body, **more), *headers)


# ---- bodies: the store, 2.2.4 ---------------------------------------------------------------------------------

def connected(name="Service", prefix=b"/o=Contoso/\0", error=0, status=0):
    return le32(status, error, 60000, 6, 10000) + prefix + wide(name) + le32(0)


def executed(payload, flags=4, size=None, actual=None, error=0, status=0, count=None):
    """RPC_HEADER_EXT ([MS-OXCRPC] 2.2.2.1) before the ROPs; what is not given is true."""
    size = len(payload) if size is None else size
    rop = le16(0, flags, size, size if actual is None else actual) + payload
    return le32(status, error, 0, len(rop) if count is None else count) + rop + le32(0)


def rops(*answers, size=None, handles=(HANDLE,)):
    """[MS-OXCROPS] 2.2.1: RopSize counts itself."""
    joined = b"".join(answers)
    return le16(len(joined) + 2 if size is None else size) + joined + le32(*handles)


def logon(code=0, server=None):
    if server is not None:
        return b"\xfe\0" + le32(code) + b"\x01" + bytes([min(len(server) + 1, 255)]) + server[:254] + b"\0"
    if code:
        return b"\xfe\0" + le32(code)
    folders = b"".join(struct.pack("<Q", index << 16 | 1) for index in range(1, 14))
    return b"\xfe\0" + le32(0) + b"\x01" + folders + b"\x07" + bytes(range(16, 32)) + le16(1) + REPLICA + bytes(20)


def opened(index=1, code=0, ghosts=None):
    rest = b"" if code else b"\0\0" if ghosts is None else b"\0\x01" + ghosts
    return bytes([2, index]) + le32(code) + rest


def properties(values, index=1, code=0):
    return bytes([7, index]) + le32(code) + (b"" if code else b"\0" + values)


def entry_id(counter):
    return bytes(20) + le16(1) + REPLICA + counter.to_bytes(6, "little") + b"\0\0"


INBOX_VALUES = le32(7, 2) + le16(46) + entry_id(21) + le16(46) + entry_id(22)
SEARCHES = struct.pack("<Q", 23 << 16 | 1) + wide("Voice Mail") + wide("IPF.Note.Microsoft.Voicemail")


def query(rows=b"\0" + SEARCHES, count=1):
    return b"\x15\3" + le32(0) + b"\2" + le16(count) + rows


def inbox(first=None, second=None, table=None):
    """RopOpenFolder, RopGetPropertiesSpecific; RopOpenFolder, RopGetHierarchyTable, RopSetColumns, RopQueryRows."""
    return rops(first or opened(), second or properties(INBOX_VALUES), opened(2), b"\x04\3" + le32(0, 1),
                b"\x12\3" + le32(0) + b"\0", table or query())


def rest():
    return rops(*[part for index in (1, 2, 3) for part in (opened(index), properties(le32(3, 1), index))])


ROUNDS = (lambda: rops(logon()), inbox, rest)


# ---- bodies: the address book, 2.2.5 --------------------------------------------------------------------------

NAME, ADDRESS, SMTP, ACCOUNT = 0x3001001F, 0x3003001F, 0x39FE001F, 0x3A00001F
OWN = {NAME: "Service", ADDRESS: DN, SMTP: "svc@contoso.test", ACCOUNT: "svc"}


def has(text):
    return b"\xff" + wide(text)


def resolved(mids=(2,), rows=None, count=None, columns=None, person=None):
    person = person or OWN
    table = b"\0" + b"".join(has(text) for text in person.values())
    rows = [table] if rows is None else rows
    return le32(0, 0, 1200) + b"\xff" + le32(len(mids), *mids) + b"\xff" + \
        le32(len(person) if columns is None else columns, *person) + le32(len(rows) if count is None else count) + \
        b"".join(rows)


def person_list(person=None, count=None):
    person = person or OWN
    values = b"".join(le32(tag) + has(text) for tag, text in person.items())
    return le32(0, 0, 1200) + b"\xff" + le32(len(person) if count is None else count) + values


def special(count=1):
    return le32(0, 0, 1200) + b"\0\xff" + le32(count, 1) + le32(NAME) + has("Global Address List")


BOOK = {
    "Bind": le32(0, 0) + bytes(range(16)),
    "GetSpecialTable": special(),
    "ResolveNames": resolved(),
    "DnToMinId": le32(0, 0) + b"\xff" + le32(1, 0x10),
    "GetProps": person_list(),
    "Unbind": le32(0, 1),
}


# ---- the server -----------------------------------------------------------------------------------------------

IN = b"the logon went well"


class Mapi:
    """One front end. `cookies`: Set-Cookie of Connect and Bind."""

    def __init__(self, password, replies=None, cookies=("MapiContext=a1", "MapiSequence=b2"), **more):
        self.front = web.Exchange(password, answers={"mapi": IN}, **more)
        self.replies = replies or {}
        self.cookies = [("Set-Cookie", cookie) for cookie in cookies]

    def __call__(self, peer, request):
        answer = self.front(peer, request)
        if answer is not IN:
            return answer
        call = request.headers.get("x-requesttype", "")
        reply = self.replies.get(call)
        if reply is None:
            return self.healthy(peer, call)
        return reply(peer, request) if callable(reply) else reply

    def healthy(self, peer, call):
        if call == "PING":
            return http(frame())
        if call == "Connect":
            peer.state["round"] = 0
            return done(connected(), *self.cookies)
        if call == "Execute":
            turn = peer.state.get("round", 0)
            peer.state["round"] = turn + 1
            return done(executed(ROUNDS[min(turn, len(ROUNDS) - 1)]()))
        if call == "Disconnect":
            return done(le32(0, 0, 0))
        if call in BOOK:
            return done(BOOK[call] + le32(0), *(self.cookies if call == "Bind" else ()))
        return refused(5)
