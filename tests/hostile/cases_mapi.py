"""faults.md: MAPI over HTTP (R10, R11), and what else a server of it can do to a client."""

import mapi
import peer
import web
from case import Case, Cell
from mapi import le16, le32
from world import BAD, GOOD

EVIL = "evil.test"
RECIPIENT = "/o=Contoso/ou=Exchange Administrative Group/cn=Configuration/cn=Servers/cn="
CASE_KEYS = ("accepted", "check", "exit", "faster")


class Both:
    """EWS as it should be, and MAPI."""

    def __init__(self, world, front):
        self.ews, self.mapi = world.exchange(), front

    def __call__(self, connection, request):
        front = self.mapi if request.target.lower().startswith("/mapi") else self.ews
        return front(connection, request)


def store(name, what, *cells, options=(), credentials=2, setup=None, **more):
    """bad.contoso.test has a MAPI front end that differs in this; its EWS, and all of good.contoso.test, are well."""
    front = {key: value for key, value in more.items() if key not in CASE_KEYS}

    def prepare(world):
        world.only = "ews,mapi"
        made = {key: value(world) if key == "replies" and callable(value) else value for key, value in front.items()}
        world.front(BAD, Both(world, mapi.Mapi(world.password, **made)))
        world.option(*options)
        server = peer.Server(world.next_address(), [peer.tls(world.context(GOOD)),
                                                    peer.http(Both(world, mapi.Mapi(world.password)))])
        world.healthy.append(server)
        world.names.add(GOOD, server.address)
        world.option("--host", f"{GOOD}:{server.port}")
        if setup:
            setup(world)
    healthy = [Cell("mailbox", "pass", host=GOOD, service="mapi"), Cell("mailbox", "pass", host=BAD)]
    rest = {"accepted": True, **{key: value for key, value in more.items() if key in CASE_KEYS}}
    return Case(name, what, prepare, *cells, *healthy, credentials=credentials, **rest)


def cell(layer, outcome="fail", cause=None, words="", **more):
    return Cell(layer, outcome, cause, words, service="mapi", **more)


def facts(layer, **wanted):
    """A check: these facts are in bad.contoso.test's cell; a value is a text that the fact must hold, or a test."""
    def check(run):
        row = run.row("mapi", BAD)
        got = row["cells"][layer]["facts"] if row else {}
        bad = []
        for key, value in wanted.items():
            found = got.get(key.replace("__", "."))
            if not (value(found) if callable(value) else value in str(found)):
                bad.append(f"fact {key} is {found!r}")
        return bad
    return check


def more(probe, outcome, cause, words):
    """A check: what the row tells beside its cells."""
    def check(run):
        for found in run.row("mapi", BAD)["more"]:
            if found["probe"] == probe:
                fault = found["fault"] or {"cause": None, "text": ""}
                good = (found["outcome"], fault["cause"]) == (outcome, cause) and words in fault["text"]
                return [] if good else [f"{probe} is {found['outcome']} {fault['cause']}: {fault['text']}"]
        return [f"no {probe}"]
    return check


def both(*checks):
    return lambda run: [offence for check in checks for offence in check(run)]


def streamed(*pieces, every=0.2, for_ever=None):
    """An answer that comes in pieces, the last one again and again."""
    def reply(connection, request):  # pylint: disable=unused-argument
        connection.send(mapi.http(b"", length=False))
        for piece in pieces:
            connection.send(piece)
            if connection.server.stopped.wait(every):
                raise peer.End
        while for_ever is not None:
            connection.send(for_ever)
            if connection.server.stopped.wait(every):
                raise peer.End
        connection.finish()
        raise peer.End
    return reply


# ---- R10: a server that never ends ------------------------------------------------------------------------------

PENDING = streamed(b"PROCESSING\r\n", for_ever=b"PENDING\r\n")
STILL = "still processing"

store("R10.1", "Connect: PROCESSING, then PENDING for ever", cell("protocol", "fail", "timeout", STILL),
      replies={"Connect": PENDING}, faster=3.5,
      check=facts("protocol", mapi__frames=lambda text: text and "no DONE" in text and int(text.split()[2]) >= 3))
store("R10.2", "Execute: the same", cell("mailbox", "fail", "timeout", STILL), replies={"Execute": PENDING},
      check=facts("mailbox", mapi__frames="no DONE"))
store("R10.3", "PING: the same", cell("auth", "fail", "timeout"), replies={"PING": PENDING})
store("R10.4", "PENDING three times, then the end of the answer", cell("protocol", "fail", "truncated", "PENDING came 3"),
      replies={"Connect": mapi.http(b"PROCESSING\r\n" + b"PENDING\r\n" * 3)}, check=facts("protocol", mapi__frames="3 t"))
store("R10.5", "PENDING by the hundred thousand, then DONE", cell("mailbox", "pass"),
      replies={"Connect": mapi.http(b"PROCESSING\r\n" + b"PENDING\r\n" * 100000 + mapi.frame(
          mapi.connected(), tags=("DONE",)))})
store("R10.6", "says PROCESSING, then nothing", cell("protocol", "fail", "timeout", STILL),
      replies={"Connect": streamed(b"PROCESSING\r\n", for_ever=b"")})
store("R10.7", "a byte of its answer in 0.2 s", cell("protocol", "fail", "timeout"),
      replies={"Connect": lambda connection, request: peer.drip(mapi.done(mapi.connected()), every=0.2)(connection)})
store("R10.8", "the address book is PENDING for ever", cell("protocol", "fail", "timeout", STILL),
      replies={"Bind": PENDING})
store("R10.9", "Disconnect is PENDING for ever", cell("mailbox", "pass"), replies={"Disconnect": PENDING},
      check=more("mapi.disconnect", "warn", "timeout", STILL))

# ---- R11: frames -------------------------------------------------------------------------------------------------

store("R11.1", "is a healthy MAPI front end", cell("mailbox", "pass"), exit=0)
store("R11.2", "an answer without DONE", cell("protocol", "fail", "truncated", "PROCESSING"),
      replies={"Connect": mapi.http(b"PROCESSING\r\n")})
store("R11.3", "an empty answer", cell("protocol", "fail", "truncated", "empty"), replies={"Connect": mapi.http(b"")})
store("R11.4", "an answer cut within its frame's headers", cell("protocol", "fail", "truncated", "headers"),
      replies={"Connect": mapi.http(b"PROCESSING\r\nDONE\r\nX-Response")})
store("R11.5", "no line that is one, 300 KB", cell("protocol", "fail", "not-exchange"),
      replies={"Connect": mapi.http(b"A" * 300000)})
store("R11.6", "1,000 headers behind DONE", cell("protocol", "fail", "too-large", "additional headers"),
      replies={"Connect": mapi.done(mapi.connected(), headers=(("X-Pad", "1"),) * 1000)})
store("R11.7", "lines with ESC and NUL before DONE", cell("protocol", "fail", "malformed", "unknown line"),
      replies={"Connect": mapi.http(b"PROCESSING\r\n\x1b[2J\0\r\nDONE\r\n\r\n")})
store("R11.8", "a body that does not end, to the cap", cell("protocol", "fail", "too-large"),
      replies={"Connect": lambda connection, request: (connection.send(mapi.http(b"", length=False)),
                                                       peer.flood(b"PENDING\r\n" * 7000)(connection))})
store("R11.9", "an answer of 3 MB with its length", cell("protocol", "fail", "too-large"),
      replies={"Connect": mapi.done(mapi.connected() + bytes(3 << 20))})
store("R11.10", "less body than its length", cell("protocol", "fail", "truncated"),
      replies={"Connect": lambda connection, request: (connection.send(mapi.done(mapi.connected())[:-9]),
                                                       peer.cut(connection))})

# ---- R11: codes and headers -----------------------------------------------------------------------------------------

for number, code, words in ((20, 5, "Invalid request type"), (21, 7, "Missing header"), (22, 10, "Context not found"),
                            (23, 6, "Invalid context cookie"), (24, 13, "Missing cookie"), (25, 15, "Invalid sequence"),
                            (26, 17, "Invalid response"), (27, 4711, "unknown")):
    store(f"R11.{number}", f"X-ResponseCode {code} to Connect", cell("protocol", "fail", "mapi-error", words),
          replies={"Connect": mapi.refused(code)}, check=facts("protocol", mapi__response_code=str(code)))
store("R11.28", "X-ResponseCode 11: no privilege", cell("protocol", "fail", "access-denied", "No privilege"),
      replies={"Connect": mapi.refused(11)})
store("R11.29", "X-ResponseCode 18: shutting down", cell("protocol", "fail", "server-busy", "shutting down"),
      replies={"Connect": mapi.refused(18)})
store("R11.30", "X-ResponseCode 10 behind DONE", cell("protocol", "fail", "mapi-error", "Context not found"),
      replies={"Connect": mapi.done(b"", code=10)})
store("R11.31", "X-ResponseCode 5 to PING", cell("protocol", "fail", "mapi-error", "Invalid request type"),
      replies={"PING": mapi.refused(5)})
store("R11.32", "X-ResponseCode 99999999999", cell("protocol", "fail", "malformed", "X-ResponseCode"),
      replies={"Connect": mapi.refused("99999999999")})
store("R11.33", "X-ResponseCode -1 and 0x10", cell("protocol", "fail", "malformed", "X-ResponseCode"),
      replies={"Connect": mapi.done(mapi.connected(), code="-1"), "Disconnect": mapi.refused("0x10")})
store("R11.34", "no X-ResponseCode at all: the frame decides", cell("mailbox", "pass"),
      replies={"Connect": mapi.http(mapi.frame(mapi.connected()), code=None)})
store("R11.35", "Content-Type text/html, 200", cell("protocol", "fail", "not-exchange", "text/html"),
      replies={"Connect": mapi.http(b"<html>\x1b[31m</html>", kind=("Content-Type", "text/html"))})
store("R11.36", "no Content-Type", cell("protocol", "fail", "not-exchange", "no content type"),
      replies={"Connect": mapi.http(mapi.frame(mapi.connected()), kind=None)})
store("R11.37", "a gzip body that nobody asked for", cell("protocol", "fail", "malformed"),
      replies={"Connect": mapi.http(b"\x1f\x8b" + bytes(100), ("Content-Encoding", "gzip"))})
store("R11.38", "X-FailureContext of 200 KB with ESC", cell("protocol", "fail", "http-status", "503"),
      replies={"Connect": web.answer(503, ("X-FailureContext", "FrontEnd;503;G1szMW0=;4oCu" + "QUFB" * 20000 + ";1;x\x1b;"),
                                     web.NODE)})
store("R11.39", "status 302 to evil.test", cell("protocol", "fail", "redirected", EVIL),
      replies={"Connect": web.page(302, "", ("Location", f"https://{EVIL}/mapi/"))})
store("R11.40", "closes instead of answering Connect", cell("protocol", "fail", "closed"),
      replies={"Connect": lambda connection, request: peer.over(connection)})
store("R11.41", "resets instead of answering Execute", cell("mailbox", "fail", "reset"),
      replies={"Execute": lambda connection, request: peer.reset(connection)})

# ---- cookies ------------------------------------------------------------------------------------------------------

HOSTILE_COOKIES = ("MapiContext=a\x1b[31m\x01b", "x\x7fy=z", "=", ";;;", "MapiSequence=" + "s" * 9000, "")


def cookie_lines(run):
    """What was sent back in Cookie."""
    return [request.headers.get("cookie", "") for server in run.world.servers[BAD] for request in server.requests]


def clean_cookies(run):
    bad = [line for line in cookie_lines(run) if any(ord(c) < 32 or ord(c) == 127 for c in line)]
    large = [len(line) for line in cookie_lines(run) if len(line) > 65536]
    return [f"control bytes in our Cookie: {line!r}" for line in bad[:1]] + [f"a Cookie of {n} bytes" for n in large[:1]]


store("R11.50", "cookies with control bytes, without names, of 9 KB", cell("mailbox", "pass"),
      cookies=HOSTILE_COOKIES, check=clean_cookies)
store("R11.51", "1,000 Set-Cookie", cell("mailbox", "pass"),
      cookies=[f"c{i}={'v' * 40}" for i in range(1000)], check=clean_cookies)
store("R11.52", "a Set-Cookie of 90 KB", cell("mailbox", "pass"), cookies=["big=" + "v" * 90000],
      check=clean_cookies)
store("R11.53", "a cookie with a NUL in it", cell("protocol", "fail", "malformed", "Nul"), cookies=["a=b\x00c"])

# ---- the store's bodies ---------------------------------------------------------------------------------------------


def execute(number, what, body, *cells, turn=0, **more):
    """The n-th Execute is answered so."""
    def reply(connection, request):
        at = connection.state.get("round", 0)
        connection.state["round"] = at + 1
        if at == turn:
            return mapi.done(body)
        return mapi.done(mapi.executed(mapi.ROUNDS[min(at, 2)]()))
    return store(number, what, *(cells or [cell("mailbox", "fail", "malformed")]), replies={"Execute": reply}, **more)


LOGON = mapi.rops(mapi.logon())
execute("R12.1", "Execute: a ROP buffer of 4 GB, says its length", mapi.executed(LOGON, count=0xFFFFFFFF))
execute("R12.2", "Execute: RopSize 65535", mapi.executed(mapi.rops(mapi.logon(), size=65535)))
execute("R12.3", "Execute: RopSize 0", mapi.executed(mapi.rops(mapi.logon(), size=0)))
execute("R12.4", "Execute: an extended buffer shorter than it says", mapi.executed(LOGON, size=60000))
execute("R12.5", "Execute: compressed, unpacks to more than it holds", mapi.executed(LOGON, flags=5, actual=65535))
execute("R12.6", "Execute: without ROPs", le32(0, 0, 0, 0, 0), cell("mailbox", "fail", "malformed", "no ROPs"))
execute("R12.7", "Execute: an empty body", b"")
execute("R12.8", "Execute: 1,000 extended buffers",
        le32(0, 0, 0, 10 * 1000) + (le16(0, 0, 2, 2) + b"\2\0") * 1000 + le32(0),
        cell("mailbox", "fail", "too-large"))
execute("R12.9", "RopLogon: no handle", mapi.executed(mapi.rops(mapi.logon(), handles=())),
        cell("mailbox", "fail", "malformed", "handle"))
execute("R12.10", "RopLogon: cut after its code", mapi.executed(mapi.rops(mapi.logon()[:8])))
execute("R12.11", "another ROP than was asked", mapi.executed(mapi.rops(mapi.opened())),
        cell("mailbox", "fail", "malformed", "RopOpenFolder"))
execute("R12.12", "RopBackoff of 49 days", mapi.executed(mapi.rops(b"\xf9\0" + le32(0xFFFFFFFF) + b"\0" + le16(0))),
        cell("mailbox", "fail", "server-busy", "come back"))
execute("R12.13", "RopBufferTooSmall, wants 65535", mapi.executed(mapi.rops(b"\xff" + le16(65535))),
        cell("mailbox", "fail", "too-large", "65535"))
execute("R12.14", "65535 rows, one byte of them", mapi.executed(mapi.inbox(table=mapi.query(b"\0", 65535))), turn=1)
execute("R12.15", "a row with a string without an end", mapi.executed(mapi.inbox(table=mapi.query(
    b"\0" + bytes(8) + b"A\0" * 14000, 1))), turn=1)
execute("R12.16", "an entry id of 65535 bytes, 4 of them", mapi.executed(mapi.inbox(
    mapi.opened(), mapi.properties(le32(7, 2) + le16(65535) + b"xxxx"))), turn=1)
execute("R12.17", "a folder with 65535 ghost servers", mapi.executed(mapi.inbox(
    mapi.opened(ghosts=le16(65535, 65535) + b"a\0" * 100))), cell("mailbox", "fail", "malformed", "servers"), turn=1)
execute("R12.18", "counts of 4,294,967,295 and -1", mapi.executed(mapi.inbox(second=mapi.properties(
    le32(0xFFFFFFFF, 0x80000000) + mapi.INBOX_VALUES[8:]))), cell("mailbox", "pass"), turn=1)
execute("R12.19", "no Contacts, no Calendar", mapi.executed(mapi.inbox(second=mapi.properties(
    le32(7, 2) + le16(0, 0)))), cell("mailbox", "fail", "no-object", "Contacts"), turn=1)
execute("R12.20", "Inbox: access denied", mapi.executed(mapi.inbox(mapi.opened(code=0x80070005), b"\x07\1" +
                                                                  le32(0x80070005))),
        cell("mailbox", "fail", "access-denied"), turn=1)
execute("R12.21", "voice mail's name with ESC and RTL override", mapi.executed(mapi.inbox(table=mapi.query(
    b"\0" + bytes(8) + mapi.wide("\u202egnp\x1b[2J") + mapi.wide("IPF.\x07\u2066")))), cell("mailbox", "pass"), turn=1)

store("R12.30", "a display name and a DN prefix with ESC and RTL override", cell("protocol", "pass"),
      replies={"Connect": mapi.done(mapi.connected("\u202eecivreS\x1b]0;x\x07\x9b\ud800", b"/o=\x1b[31mX\xff\0"))},
      check=facts("protocol", mapi__display_name="ecivreS"))
store("R12.31", "a display name without an end", cell("protocol", "fail", "malformed"),
      replies={"Connect": mapi.done(mapi.connected()[:30])})
store("R12.32", "an auxiliary buffer of 4 GB", cell("protocol", "fail", "malformed"),
      replies={"Connect": mapi.done(mapi.connected()[:-4] + le32(0xFFFFFFFF))})
store("R12.33", "Connect: an error code nobody knows", cell("protocol", "fail", "mapi-error", "0xdeadbeef"),
      replies={"Connect": mapi.done(mapi.connected(error=0xDEADBEEF))})
store("R12.34", "Connect: StatusCode, no more", cell("protocol", "fail", "mapi-error"),
      replies={"Connect": mapi.done(le32(0x80004005))})
store("R12.35", "Disconnect: rubbish", cell("mailbox", "pass"), replies={"Disconnect": mapi.done(b"\xff" * 7)},
      check=more("mapi.disconnect", "warn", "malformed", "Disconnect"))

# ---- the address book's bodies --------------------------------------------------------------------------------------


def book(number, what, kind, body, *cells, **more):
    return store(number, what, *(cells or [cell("protocol", "fail", "malformed", "format")]),
                 replies={kind: mapi.done(body + le32(0))}, **more)


book("R13.1", "ResolveNames: 4,294,967,295 rows", "ResolveNames", mapi.resolved(count=0xFFFFFFFF))
book("R13.2", "ResolveNames: 4,294,967,295 ids", "ResolveNames", le32(0, 0, 1200) + b"\xff" + le32(0xFFFFFFFF))
book("R13.3", "ResolveNames: 65535 columns", "ResolveNames", mapi.resolved(columns=65535))
book("R13.4", "ResolveNames: fewer ids than names", "ResolveNames", mapi.resolved(mids=()),
     cell("protocol", "fail", "no-mailbox"))
book("R13.5", "ResolveNames: several objects", "ResolveNames", mapi.resolved(mids=(1,), rows=()),
     cell("protocol", "fail", "no-mailbox", "several"))
book("R13.6", "GetSpecialTable: 16 million containers", "GetSpecialTable", mapi.special(1 << 24))
book("R13.7", "GetProps: 65535 properties", "GetProps", mapi.person_list(count=65535), cell("mailbox", "pass"),
     check=more("mapi.book", "fail", "malformed", "GetProps"))
book("R13.8", "Bind: an error code nobody knows", "Bind", le32(0, 0xDEADBEEF),
     cell("protocol", "fail", "mapi-error", "0xdeadbeef"))
book("R13.9", "names with ESC, RTL override and half a surrogate", "ResolveNames", mapi.resolved(
    person={**mapi.OWN, mapi.NAME: "\u202e\x1b[2Jx\ud800", mapi.ACCOUNT: "\x9b\x7f"}), cell("mailbox", "pass"))
book("R13.10", "a legacy DN of 20 KB", "ResolveNames", mapi.resolved(person={**mapi.OWN, mapi.ADDRESS: "/o=" + "x" * 20000}),
     cell("protocol", "fail", "too-large", "20003"))
book("R13.11", "a legacy DN with ESC and CR LF", "ResolveNames",
     mapi.resolved(person={**mapi.OWN, mapi.ADDRESS: "/o=\x1b[2J\r\nX-Evil: 1\u202e"}), cell("mailbox", "pass"))

# ---- ecWrongServer ------------------------------------------------------------------------------------------------------


def wrong(number, what, server, *cells, urls=None, check=None, credentials=2, setup=None):
    """RopLogon: ecWrongServer names this one. What its URL is, GetMailboxUrl says."""
    def replies(world):
        def execute_reply(connection, request):
            return mapi.done(mapi.executed(mapi.rops(mapi.logon(0x478, server))))

        def url(connection, request):
            text = urls(world) if urls else ""
            return mapi.done(le32(0, 0) + mapi.wide(text) + le32(0))
        return {"Execute": execute_reply, "GetMailboxUrl": url}

    def few(run):
        logons = [request for server in run.world.servers[BAD] for request in server.requests
                  if request.headers.get("x-requesttype") == "Execute"]
        return [f"{len(logons)} logons to the wrong server"] if len(logons) > 4 else []
    return store(number, what, *cells, replies=replies, setup=setup, credentials=credentials,
                 check=both(few, check) if check else few)


def untouched(run):
    touched = [server.requests for server in run.world.servers[EVIL]] + \
              [server.peers for server in run.world.servers[EVIL]]
    return ["evil.test was dialled"] if any(touched) else []


def evil(world):
    world.front(EVIL, mapi.Mapi(world.password), host=False)


WRONG = cell("mailbox", "fail", None, "ecWrongServer")
wrong("R14.1", "ecWrongServer names itself", RECIPIENT.encode() + b"GUID@contoso.test", WRONG)
wrong("R14.2", "ecWrongServer names evil.test's mailbox", RECIPIENT.encode() + b"x@" + EVIL.encode(), WRONG,
      setup=evil, check=untouched)
wrong("R14.3", "ecWrongServer names a server, its URL is evil.test's", RECIPIENT.encode() + b"EX9", WRONG, setup=evil,
      urls=lambda world: f"https://{EVIL}:{world.servers[EVIL][0].port}/mapi/emsmdb/?MailboxId=x@y", check=untouched)
wrong("R14.4", "ecWrongServer names 250 bytes of rubbish", b"\x1b[2J\r\n\xe2\x80\xae" * 25, WRONG)
wrong("R14.5", "… and CR LF, blanks, ? and # in a mailbox id", RECIPIENT.encode() + b"a b\r\nX-Evil: 1#?&@c", WRONG,
      check=lambda run: ["a header was injected"] if any("x-evil" in request.headers for server in
                                                        run.world.servers[BAD] for request in server.requests) else [])
wrong("R14.6", "its URL is this server, with CR LF in it", RECIPIENT.encode() + b"EX9", WRONG,
      urls=lambda world: f"https://{BAD}/mapi/emsmdb/?MailboxId=a@b\r\nX-Evil: 1",
      check=lambda run: ["a header was injected"] if any("x-evil" in request.headers for server in
                                                        run.world.servers[BAD] for request in server.requests) else [])
wrong("R14.7", "ecWrongServer names nobody", b"", WRONG)

# ---- credentials --------------------------------------------------------------------------------------------------------

def refusing(world):
    world.only = "ews,mapi"
    world.front(BAD, Both(world, mapi.Mapi(world.password, refuse=True)))
    world.option("--skip", "ews")


Case("R15.1", "refuses the logon of PING: one attempt", refusing, cell("auth", "fail", "logon-refused"), good=None,
     credentials=1)
