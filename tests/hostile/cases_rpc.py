"""faults.md: RPC over HTTP (R1, R2, R5, R7), and what else a proxy or an RPC server can do to a client."""

import mapi
import peer
import rpcproxy
import web
from case import Case, Cell
from mapi import le16, le32
from rpcproxy import Proxy, ack, bind_ack, bind_nak, c2, fault, pdu, response, rts
from world import BAD

CASE_KEYS = ("accepted", "check", "exit", "faster")
FIRST, LAST = rpcproxy.FIRST, rpcproxy.LAST


class RpcCase(Case):
    """How many channels are opened depends on how far a client comes: what counts is that no server refused the
    password twice."""

    def offences(self, run, proofs, type1):
        front, wanted = run.world.proxy, self.credentials
        self.credentials = len(proofs) if wanted is None else wanted
        twice = [f"{front.refusals} logons were refused"] if front.refusals > 1 else []
        bad = super().offences(run, proofs, type1) + twice
        self.credentials = wanted
        return bad


def proxy(name, what, *cells, credentials=None, deadline=None, timeout=None, wrap=None, good="mailbox",
          accepted=True, **more):
    """bad.contoso.test has an RPC proxy that differs in this. EWS and Autodiscover of good.contoso.test, who names the
    mailbox, are well."""
    parts = {key: value for key, value in more.items() if key not in CASE_KEYS}

    def setup(world):
        world.only = "autodiscover,ews,rpc"
        front = Proxy(world.password, **parts)
        world.serve(BAD, [wrap(world) if wrap else peer.tls(world.context(BAD)), front.step])
        world.proxy = front
        world.deadline, world.timeout = deadline or world.deadline, timeout or world.timeout
        world.good()
    rest = {key: value for key, value in more.items() if key in CASE_KEYS}
    return RpcCase(name, what, setup, *cells, credentials=credentials, good=good, accepted=accepted, **rest)


def cell(layer, outcome="fail", cause=None, words="", **more):
    return Cell(layer, outcome, cause, words, service="rpc", **more)


def facts(layer="protocol", **wanted):
    """A check: these facts are in bad.contoso.test's cell."""
    def check(run):
        row = run.row("rpc", BAD)
        got = row["cells"][layer]["facts"] if row else {}
        return [f"fact {key} is {got.get(key.replace('__', '.'))!r}" for key, value in wanted.items()
                if str(value).lower() not in str(got.get(key.replace("__", "."))).lower()]
    return check


def both(*checks):
    return lambda run: [offence for check in checks for offence in check(run) or []]


def channels(most):
    """A check: so many channels were opened at most."""
    return lambda run: [f"{run.world.proxy.opened} were opened"] if len(run.world.proxy.opened) > most else []


def silent(link, *_):
    """Nothing more comes on OUT, and IN is read."""
    while True:
        link.sleep(0.1)


def sends(*pieces, then=silent):
    """OUT: its 200, and these PDUs."""
    def out(link):
        link.out.send(rpcproxy.OUT_HEAD)
        for piece in pieces:
            link.out.send(piece)
        then(link)
    return out


def for_ever(link, data, every=0.0):
    while True:
        link.send(data)
        link.sleep(every)


PROTOCOL = "protocol"
A3, C2 = rpcproxy.A3, c2()

# ---- R1: fragments -----------------------------------------------------------------------------------------------------

proxy("R1.0", "is a healthy RPC proxy", cell("mailbox", "pass"), credentials=6)


def endless(chunk):
    def call(link, got):
        link.send(response(chunk, got.call, FIRST))
        for_ever(link, response(chunk, got.call, 0) * (8 if chunk else 1))
    return call


proxy("R1.1", "fragments without LAST for ever", cell(PROTOCOL, "fail", "too-large", "4"),
      call=endless(bytes(5800)), check=facts(rpc__stage="call"))
proxy("R1.2", "empty fragments without LAST for ever", cell(PROTOCOL, "fail"), call=endless(b""))
proxy("R1.3", "a response's second fragment first", cell(PROTOCOL, "fail", "malformed"),
      call=lambda link, got: response(bytes(100), got.call, 0))
proxy("R1.4", "the answer to another call", cell(PROTOCOL, "fail", "malformed"),
      call=lambda link, got: response(bytes(100), got.call + 7))
proxy("R1.5", "FIRST twice", cell(PROTOCOL, "fail", "malformed"),
      call=lambda link, got: response(bytes(100), got.call, FIRST) * 2)
proxy("R1.6", "alloc_hint of 4 GB", cell("mailbox", "pass"), bind=rpcproxy.bind,
      call=lambda link, got: rpcproxy.call(link, got)[:16] + le32(0xFFFFFFFF) + rpcproxy.call(link, got)[20:]
      if got.opnum == rpcproxy.EC_CONNECT else rpcproxy.call(link, got))
proxy("R1.7", "the answer to EcDoConnectEx in fragments of 8 bytes", cell("mailbox", "pass"),
      call=lambda link, got: slices(rpcproxy.connected(), got.call) if got.opnum == rpcproxy.EC_CONNECT
      else rpcproxy.call(link, got))


def slices(stub, call, size=8):
    parts = [stub[at:at + size] for at in range(0, len(stub), size)]
    return b"".join(response(part, call, (FIRST if at == 0 else 0) | (LAST if at == len(parts) - 1 else 0))
                    for at, part in enumerate(parts))


# ---- R2: lengths ---------------------------------------------------------------------------------------------------------

SHORT = b"\5\0\2\3\x10\0\0\0"
for number, length in ((1, 0), (2, 15), (3, 23)):
    proxy(f"R2.{number}", f"a response with frag_length {length}", cell(PROTOCOL, "fail", "malformed", str(length)),
          call=lambda link, got, length=length: pdu(rpcproxy.RESPONSE, bytes(20), got.call, length=length))
    proxy(f"R2.{number + 10}", f"CONN/A3 with frag_length {length}", cell(PROTOCOL, "fail", "malformed", "RPC_OUT_DATA"),
          out=sends(A3[:8] + le16(length) + A3[10:]))
proxy("R2.4", "a response with frag_length 65535, and 20 bytes of it", cell(PROTOCOL, "fail", "malformed", "65535"),
      call=lambda link, got: pdu(rpcproxy.RESPONSE, bytes(20), got.call, length=65535))
proxy("R2.5", "a bind_ack with frag_length 65535, and 20 bytes of it", cell(PROTOCOL, "fail", "malformed", "65535"),
      bind=lambda link, got: pdu(rpcproxy.BIND_ACK, bytes(20), got.call, length=65535))
proxy("R2.6", "auth_length past the PDU's end", cell(PROTOCOL, "fail", "malformed"),
      call=lambda link, got: pdu(rpcproxy.RESPONSE, bytes(20), got.call)[:10] + le16(60000) + bytes(24))
proxy("R2.7", "RPC version 4", cell(PROTOCOL, "fail", "malformed", "05"),
      call=lambda link, got: pdu(rpcproxy.RESPONSE, bytes(20), got.call, version=4))
proxy("R2.8", "big-endian", cell(PROTOCOL, "fail", "malformed", "little-endian"),
      bind=lambda link, got: pdu(rpcproxy.BIND_ACK, bytes(20), got.call, drep=0))
proxy("R2.9", "PDU type 77", cell(PROTOCOL, "fail", "malformed", "77"), bind=lambda link, got: pdu(77, bytes(20), got.call))
proxy("R2.21", "an RTS PDU with 65535 commands", cell(PROTOCOL, "fail", "malformed", "RPC_OUT_DATA"),
      out=sends(rts(0, rpcproxy.command(2, 1), count=65535)))
proxy("R2.22", "an RTS command that does not exist", cell(PROTOCOL, "fail", "malformed", "command 99"),
      out=sends(rts(0, rpcproxy.command(99, 1))))
proxy("R2.23", "an RTS padding of 4 GB", cell(PROTOCOL, "fail", "malformed"),
      out=sends(rts(0, rpcproxy.command(8, 0xFFFFFFFF))))
proxy("R2.24", "CONN/C2 before CONN/A3", cell(PROTOCOL, "fail", "malformed", "CONN/C2"), out=sends(C2))
proxy("R2.25", "CONN/A3 twice", cell(PROTOCOL, "fail", "malformed", "CONN/A3"), out=sends(A3, A3))
proxy("R2.26", "CONN/C2 with a window of 0", cell(PROTOCOL, "fail", "malformed", "window"), out=sends(A3, c2(0)))
proxy("R2.27", "CONN/C2 with a window of 4 GB", cell("mailbox", "pass"),
      opened=lambda link: link.send(c2(0xFFFFFFFF)))
proxy("R2.28", "a bind_ack in place of CONN/A3", cell(PROTOCOL, "fail", "malformed"), out=sends(bind_ack()))
proxy("R2.29", "random bytes on OUT", cell(PROTOCOL, "fail", "malformed", "no RPC"), out=sends(b"\x1b[2J\x9b" * 40))

# ---- R5: channels ----------------------------------------------------------------------------------------------------------

IN_WORDS, OUT_WORDS = "RPC_IN_DATA", "RPC_OUT_DATA"


def only(method, answer):
    """The channel of one method is refused, behind the logon."""
    return lambda connection, request: answer if request.method == method else None


proxy("R5.1", "OUT: 200, then nothing", cell(PROTOCOL, "fail", "timeout", OUT_WORDS), out=sends(),
      check=facts(rpc__channel="OUT", rpc__stage="virtual connection"))
proxy("R5.2", "OUT: 200 and CONN/A3, no CONN/C2", cell(PROTOCOL, "fail", "timeout", IN_WORDS), out=sends(A3),
      check=facts(rpc__channel="IN", rpc__stage="virtual connection", rpc__echo="true"))
proxy("R5.3", "OUT: no answer", cell("auth", "fail", "timeout"), out=silent)
proxy("R5.4", "OUT: no answer, no more than the head of one", cell("auth", "fail", "timeout"),
      out=lambda link: (link.out.send(b"HTTP/1.1 200 OK\r\nContent-Type: app"), silent(link)))


def deaf(connection, request):
    """IN is not answered, nor does what comes on it reach anybody; the anonymous request neither."""
    if request.method == "RPC_IN_DATA":
        while not connection.server.stopped.wait(0.1):
            pass
        raise peer.End
    return None


proxy("R5.5", "IN is silent from its first request on", cell(PROTOCOL, "fail", "timeout", IN_WORDS), before=deaf,
      check=facts(rpc__channel="IN"))
proxy("R5.6", "IN is silent behind the logon", cell(PROTOCOL, "fail", "timeout", IN_WORDS), refuse=deaf,
      check=facts(rpc__channel="IN"))
proxy("R5.7", "IN is silent behind the logon, the echo too: no line waits the whole time again",
      cell(PROTOCOL, "fail", "timeout", IN_WORDS), refuse=deaf, timeout=3.0, deadline=18.0, faster=11.0,
      check=facts(rpc__channel="IN", rpc__echo="false"))


def notifies(connection):
    """Ends TLS, and TCP not."""
    connection.sock.settimeout(0.05)
    try:
        connection.sock.unwrap()
    except (OSError, ValueError):
        pass
    while not connection.server.stopped.wait(0.1):
        pass
    raise peer.End


proxy("R5.8", "IN is ended by close_notify without FIN", cell(PROTOCOL, "fail", "closed", IN_WORDS + ": bad"),
      refuse=lambda connection, request: notifies(connection) if request.method == "RPC_IN_DATA" else None,
      timeout=3.0, deadline=18.0, faster=3.0, check=facts(rpc__channel="IN"))
proxy("R5.36", "IN is ended by close_notify without FIN, behind the bind",
      cell(PROTOCOL, "fail", "closed", "without an answer to our request"),
      into=lambda link: (link.next_in(), notifies(link.inner)), timeout=3.0, deadline=18.0, faster=3.0)
for number, status, cause in ((10, 403, "http-status"), (11, 404, "http-status"), (12, 405, "http-status"),
                              (13, 501, "http-status"), (14, 503, "http-status"), (15, 413, "http-status"),
                              (16, 302, "redirected"), (17, 200, "not-exchange")):
    proxy(f"R5.{number}", f"only IN is refused: {status}", cell(PROTOCOL, "fail", cause, IN_WORDS),
          refuse=only("RPC_IN_DATA", web.page(status, "<h1>no</h1>", ("Location", "https://evil.test/"), web.NODE)),
          check=facts(rpc__channel="IN", rpc__in_status=status))
for number, status, cause in ((20, 404, "http-status"), (21, 503, "http-status"), (22, 500, "http-status")):
    proxy(f"R5.{number}", f"only OUT is refused: {status}", cell(PROTOCOL, "fail", cause, OUT_WORDS),
          refuse=only("RPC_OUT_DATA", web.page(status, "<h1>no</h1>", web.NODE)),
          check=facts(rpc__channel="OUT", rpc__out_status=status))
proxy("R5.23", "only IN is refused before the logon: 405", cell(PROTOCOL, "fail", "http-status", IN_WORDS),
      before=only("RPC_IN_DATA", web.page(405)), check=facts(rpc__channel="IN", rpc__in_status=405))
proxy("R5.24", "both methods are refused: 501", cell("http", "fail", None, "501"),
      before=lambda connection, request: web.page(501, "no") if request.method != "GET" else None, credentials=0)
proxy("R5.25", "OUT is answered with a page, 200", cell(PROTOCOL, "fail", "not-exchange", "page"),
      refuse=only("RPC_OUT_DATA", web.page(200, "<html>\x1b[2J<h1>Portal</h1></html>")), check=facts(rpc__channel="OUT"))
proxy("R5.26", "a page, 200, to everything", cell("http", "fail", "not-exchange"),
      before=lambda *_: web.page(200, "<h1>Portal</h1>"), credentials=0)
proxy("R5.27", "OUT drips a byte in 0.3 s", cell(PROTOCOL, "fail", "timeout", OUT_WORDS),
      out=sends(then=lambda link: peer.drip(A3 + C2, 0.3)(link.out)))
proxy("R5.9", "OUT closes within the session", cell(PROTOCOL, "fail", "truncated", "in the middle of the session"),
      bind=lambda link, got: peer.over(link.out))
proxy("R5.28", "OUT closes behind CONN/A3", cell(PROTOCOL, "fail", None, OUT_WORDS),
      out=sends(A3, then=lambda link: peer.over(link.out)))
proxy("R5.29", "OUT is reset behind CONN/C2", cell(PROTOCOL, "fail", None, OUT_WORDS),
      out=sends(A3, C2, then=lambda link: peer.reset(link.out)))
proxy("R5.30", "IN is reset behind CONN/C2", cell(PROTOCOL, "fail", None, IN_WORDS),
      opened=lambda link: (link.send(C2), link.sleep(0.05), shut(link.inner)), bind=lambda *_: None)
proxy("R5.31", "IN is answered with 200 once it is open", cell(PROTOCOL, "fail", "not-exchange", IN_WORDS),
      bind=lambda link, got: link.inner.send(web.page(200, "hello")))
proxy("R5.32", "pings for ever, no CONN/C2", cell(PROTOCOL, "fail", "timeout", IN_WORDS),
      out=sends(A3, then=lambda link: for_ever(link, rpcproxy.PING * 50)))
proxy("R5.33", "pings for ever, no answer to the bind", cell(PROTOCOL, "fail", "timeout", OUT_WORDS),
      bind=lambda link, got: for_ever(link, rpcproxy.PING * 50))
proxy("R5.34", "a ping each 10 ms, no answer to a call", cell(PROTOCOL, "fail", "timeout", OUT_WORDS),
      call=lambda link, got: for_ever(link, rpcproxy.PING, 0.01))
proxy("R5.35", "refuses IN's logon, took OUT's", cell(PROTOCOL, "fail", "logon-refused", IN_WORDS),
      refuse=lambda connection, request: web.unauthorized("Negotiate", "NTLM") if request.method == "RPC_IN_DATA"
      else None, check=both(facts(rpc__channel="IN", rpc__stage="logon"), channels(1)))


def shut(connection):
    try:
        connection.sock.shutdown(2)
    except OSError:
        pass


# ---- 100 Continue, echo, recycling, flow control ------------------------------------------------------------------------------


def continues(link):
    link.inner.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    rpcproxy.into(link)


def out_of_insisting(link):
    """Nothing of an IN channel that does not ask for 100 Continue reaches the store."""
    link.out.send(rpcproxy.OUT_HEAD + A3)
    link.wait_for_in()
    if "expect" not in link.inner.requests[-1].headers:
        silent(link)
    link.part("opened")
    link.serve()


proxy("R5.40", "sends 100 Continue unasked", cell("mailbox", "pass"), into=continues)
proxy("R5.41", "insists on 100 Continue", cell("mailbox", "pass"), out=out_of_insisting,
      deadline=12.0)
proxy("R5.42", "asks for a new OUT channel behind CONN/C2", cell("mailbox", "pass"),
      opened=lambda link: link.send(C2 + rpcproxy.RECYCLE), check=facts(rpc__recycling="true"))
proxy("R5.43", "asks for a new OUT channel behind bind_ack", cell("mailbox", "pass"),
      bind=lambda link, got: bind_ack(got.call) + rpcproxy.RECYCLE, check=facts(rpc__recycling="true"))
for number, what, received, available in ((44, "of more than was sent", 1 << 30, 65536), (45, "with no room", 0, 0),
                                          (46, "with 4 GB of room", 0, 0xFFFFFFFF)):
    proxy(f"R5.{number}", f"acknowledges {what}", cell(PROTOCOL, "fail", "malformed", "acknowledgement"),
          bind=lambda link, got, received=received, available=available:
          ack(received, available, link.cookie) + bind_ack(got.call))
proxy("R5.47", "acknowledges another's channel", cell("mailbox", "pass"),
      bind=lambda link, got: ack(1 << 30, 0, bytes(16)) + bind_ack(got.call))

# ---- R7: refusals of RPC ---------------------------------------------------------------------------------------------------------

for number, reason, cause in ((0, 0, None), (1, 1, None), (2, 2, None), (3, 4, None), (4, 8, None), (5, 9, None),
                              (6, 65535, None)):
    proxy(f"R7.{number}", f"bind_nak, reason {reason}", cell(PROTOCOL, "fail", cause),
          bind=lambda link, got, reason=reason: bind_nak(reason, got.call), check=facts(rpc__stage="bind", rpc__bind=""))
for number, status, cause, words in (
        (10, 0x1C000009, "rpc-fault", "reason"), (11, 0x1C010003, "not-exchange", "interface"),
        (12, 0x1C010002, "not-exchange", "operation"), (13, 0x6F7, "rpc-fault", "RPC_X_BAD_STUB_DATA"),
        (14, 0x1C00001A, "rpc-fault", "session"), (15, 0x1C010014, "server-busy", "busy"),
        (17, 0xDEADBEEF, "rpc-fault", "deadbeef"), (18, 0, None, "")):
    proxy(f"R7.{number}", f"fault 0x{status:x} to EcDoConnectEx", cell(PROTOCOL, "fail", cause, words),
          call=lambda link, got, status=status: fault(status, got.call), check=facts(rpc__stage="call"))
for number, text, cause, words in (
        (20, "RPC Error: 6ba", "unreachable", "RPC_S_SERVER_UNAVAILABLE"), (21, "RPC Error: 5", "access-denied", "access"),
        (22, "RPC Error: 6c1", "access-denied", ""), (23, "RPC Error: 6bb", "server-busy", ""),
        (24, "RPC Error: fffffffffffff", "http-status", "503"), (25, "RPC Error: \x1b[2J", "http-status", "503"),
        (26, "RPC Error: 6ba, EEInfo: " + "x" * 4000, "unreachable", "")):
    proxy(f"R7.{number}", f"503 {text[:30]!r} to both channels", cell(PROTOCOL, "fail", cause, words),
          refuse=lambda connection, request, text=text: web.answer(503, web.NODE, reason=text))
proxy("R7.27", "503 RPC Error: 6ba to IN alone", cell(PROTOCOL, "fail", "unreachable", IN_WORDS),
      refuse=only("RPC_IN_DATA", web.answer(503, reason="RPC Error: 6ba")), check=facts(rpc__channel="IN"))
proxy("R7.30", "bind_ack: the interface is refused", cell(PROTOCOL, "fail", "not-exchange", "refused the interface"),
      bind=lambda link, got: bind_ack(got.call, results=((2, 1),)))
proxy("R7.31", "bind_ack with 255 results, one there", cell(PROTOCOL, "fail", "malformed"),
      bind=lambda link, got: bind_ack(got.call, count=255))
proxy("R7.32", "bind_ack without results", cell(PROTOCOL, "fail", "malformed", "0 presentation"),
      bind=lambda link, got: bind_ack(got.call, results=()))
proxy("R7.33", "bind_ack: NDR64", cell(PROTOCOL, "fail", "malformed", "transfer syntax"),
      bind=lambda link, got: bind_ack(got.call, transfer=bytes(20)))
proxy("R7.34", "bind_ack: fragments of 1 byte", cell("mailbox", "pass"),
      bind=lambda link, got: bind_ack(got.call, transmit=1, receive=1))
proxy("R7.35", "a response to the bind", cell(PROTOCOL, "fail", "malformed"),
      bind=lambda link, got: response(b"x" * 8, got.call))

# ---- inside RPC: sealed, where bare calls are not taken --------------------------------------------------------------------------


def sealed(token, call=None):
    """A bare bind is not taken; a bind with NTLM inside gets this token."""
    def bind(link, got):
        return bind_ack(got.call, auth=token(got) if callable(token) else token) if got.auth else bind_nak(8, got.call)
    return {"bind": bind, **({"call": call} if call else {})}


PLAIN = rpcproxy.ntlm.challenge()
CHALLENGE = PLAIN[:20] + le32(rpcproxy.ntlm.FLAGS | 0x20) + PLAIN[24:]  # sealing
proxy("R7.40", "inside RPC: a challenge of 12 bytes", cell(PROTOCOL, "fail", "malformed"), **sealed(CHALLENGE[:12]))
proxy("R7.41", "inside RPC: a challenge with a bad signature", cell(PROTOCOL, "fail", "malformed"),
      **sealed(b"NTLMSSQ\0" + CHALLENGE[8:]))
proxy("R7.42", "inside RPC: a challenge whose target info lies outside", cell(PROTOCOL, "fail", "malformed"),
      **sealed(CHALLENGE[:44] + b"\xff\xff\0\0" + CHALLENGE[48:]))
proxy("R7.43", "inside RPC: no token", cell(PROTOCOL, "fail"), **sealed(b""))
proxy("R7.44", "inside RPC: a signature that is none", cell(PROTOCOL, "fail", None, "signature"),
      **sealed(CHALLENGE, lambda link, got: response(rpcproxy.connected(), got.call, auth=b"\1\0\0\0" + bytes(12))))
proxy("R7.45", "inside RPC: a bare answer to a sealed call", cell(PROTOCOL, "fail", None, ""),
      **sealed(CHALLENGE, lambda link, got: response(rpcproxy.connected(), got.call)))
proxy("R7.46", "inside RPC: a padding longer than the PDU", cell(PROTOCOL, "fail", "malformed", "padding"),
      **sealed(CHALLENGE, lambda link, got: padded(response(b"x" * 8, got.call, auth=bytes(16)))))
proxy("R7.48", "fault 5 to bare calls, inside RPC no bind either", cell(PROTOCOL, "fail", None, "authentication"),
      bind=lambda link, got: bind_nak(8, got.call) if got.auth else bind_ack(got.call),
      call=lambda link, got: fault(5, got.call), check=facts(rpc__bare="access"))
proxy("R7.49", "fault 0x721 to bare calls, inside RPC no bind either", cell(PROTOCOL, "fail", None, "authentication"),
      bind=lambda link, got: bind_nak(8, got.call) if got.auth else bind_ack(got.call),
      call=lambda link, got: fault(0x721, got.call), check=facts(rpc__bare="security"))
proxy("R7.47", "inside RPC: fault 5 to the sealed call", cell(PROTOCOL, "fail", "access-denied"),
      **sealed(CHALLENGE, lambda link, got: fault(5, got.call)))


def padded(data):
    at = len(data) - 16 - 8 + 2
    return data[:at] + b"\xff" + data[at + 1:]


# ---- the stubs of the store ----------------------------------------------------------------------------------------------------------


def answers(opnum, stub):
    return lambda link, got: response(stub, got.call) if got.opnum == opnum else rpcproxy.call(link, got)


CONNECT, RPC = rpcproxy.EC_CONNECT, rpcproxy.EC_RPC
for number, what, stub, cause, words in (
        (1, "cut in the middle", rpcproxy.connected()[:50], "malformed", "EcDoConnectEx"),
        (2, "with a name of 4 GB", rpcproxy.connected()[:40] + le32(1, 0xFFFFFFFF, 0, 0xFFFFFFFF), "malformed", ""),
        (3, "with an auxiliary buffer of 4 GB", rpcproxy.connected(count=0xFFFFFFFF), "malformed", ""),
        (4, "with a null handle", rpcproxy.connected(handle=bytes(20)), "malformed", "handle"),
        (5, "that is empty", b"", "malformed", ""),
        (6, "with a code nobody knows", rpcproxy.connected(code=0xDEADBEEF), "mapi-error", "0xdeadbeef")):
    proxy(f"R8.{number}", f"an answer to EcDoConnectEx {what}", cell(PROTOCOL, "fail", cause, words),
          call=answers(CONNECT, stub))
proxy("R8.7", "a display name with ESC and RTL override", cell("mailbox", "pass"),
      call=answers(CONNECT, rpcproxy.connected("\x1b[2J\u202ex\x9b".encode())))
for number, what, stub, cause, words in (
        (10, "cut in the middle", rpcproxy.executed(b"x" * 40)[:44], "malformed", "EcDoRpcExt2"),
        (11, "with a buffer of 4 GB", rpcproxy.executed(b"", count=0xFFFFFFFF), "malformed", ""),
        (12, "with ROPs that are none", rpcproxy.executed(b"\xff" * 60), "malformed", ""),
        (13, "with the session's end", rpcproxy.executed(b"", handle=bytes(20), code=0x4B9), None, ""),
        (14, "with a code nobody knows", rpcproxy.executed(b"", code=0xDEADBEEF), "mapi-error", "0xdeadbeef")):
    proxy(f"R8.{number}", f"an answer to EcDoRpcExt2 {what}", cell("mailbox", "fail", cause, words),
          call=answers(RPC, stub))

# ---- names of servers -------------------------------------------------------------------------------------------------------------------

EVIL = "evil.test"


def wrong(number, what, server):
    """RopLogon: ecWrongServer names this one, whomever one asks."""
    def call(link, got):
        if got.opnum != RPC or link.port != 6001:
            return rpcproxy.call(link, got)
        link.proxy.logons += 1
        return response(rpcproxy.executed(mapi.rops(mapi.logon(0x478, server))), got.call)

    def few(run):
        front = run.world.proxy
        asked = [request.target for server in run.world.servers[BAD] for request in server.requests]
        return ([f"{front.logons} logons to the wrong server"] if front.logons > 4 else []) + \
            [f"asked for {target!r}" for target in asked if any(ord(c) <= 32 or ord(c) > 126 for c in target)]
    return proxy(number, what, cell("mailbox", "fail", None, "ecWrongServer"), call=call, check=few)


SERVERS = b"/o=Contoso/ou=Exchange Administrative Group/cn=Configuration/cn=Servers/cn="
wrong("R8.20", "ecWrongServer names itself", SERVERS + b"g@contoso.test")
wrong("R8.21", "ecWrongServer names a server of evil.test", SERVERS + b"x." + EVIL.encode())
wrong("R8.22", "ecWrongServer names CR LF, blanks, ? and #", SERVERS + b"a b\r\nX-Evil: 1#?&@c")
wrong("R8.23", "ecWrongServer names 250 bytes of rubbish", b"\x1b[2J\xe2\x80\xae" * 35)


def told(number, what, server, *cells):
    """Autodiscover of bad.contoso.test names this server for RPC over HTTP."""
    def setup(world):
        world.only = "autodiscover,rpc"
        text = web.settings().replace(b"g@contoso.test", server.encode())
        body = text.partition(b"\r\n\r\n")[2]
        answer = web.answer(200, web.XML, web.NODE, body=body)
        world.proxy = Proxy(world.password, others=world.exchange(answers={"autodiscover": answer}))
        world.serve(BAD, [peer.tls(world.context(BAD)), world.proxy.step])
        world.front(EVIL, world.exchange(), host=False)

    def plain(run):
        asked = [request.target for peers in run.world.servers[BAD] for request in peers.requests]
        return [f"asked for {target!r}" for target in asked if any(ord(c) <= 32 or ord(c) > 126 for c in target)] + \
            (["evil.test was dialled"] if any(peers.peers for peers in run.world.servers[EVIL]) else [])
    return RpcCase(number, what, setup, *cells, good=None, credentials=None, accepted=True, check=plain)


told("R8.30", "Autodiscover names a server with blanks, ? and :", "a b?c:1#x/../y", cell("mailbox", "pass|fail|blocked"))
told("R8.31", "Autodiscover names evil.test as the server", EVIL, cell("mailbox", "pass|fail|blocked"))
told("R8.32", "Autodiscover names a server of 9 KB", "s" * 9000, cell("mailbox", "pass|fail|blocked"))

# ---- the endpoint mapper ---------------------------------------------------------------------------------------------------------------------


def mapping(number, what, cause, words, answer, bound=None, outcome="fail"):
    """bad.contoso.test has RPC over TCP; its endpoint mapper answers so."""
    def setup(world):
        world.only = "ews,rpc"
        more = {"bound": bound} if bound else {}
        server = world.serve(BAD, [rpcproxy.mapper(answer, **more)], host=False)
        world.option("--host", f"{BAD}:135", "--connect", f"{BAD}:135:{server.address}:{server.port}")
        world.front(EVIL, world.exchange(), host=False)
        world.good()

    def alone(run):
        return ["evil.test was dialled"] if any(peers.peers for peers in run.world.servers[EVIL]) else []
    return Case(number, what, setup, cell("http", outcome, cause, words, port=135), credentials=0, accepted=True,
                check=alone)


def stub_of(*towers, **more):
    return lambda connection, got: response(rpcproxy.mapped(list(towers), **more), got.call)


mapping("R6.1", "mapper: 4 billion towers", "malformed", "", stub_of(count=0xFFFFFFFF))
mapping("R6.2", "mapper: a tower of 4 GB", "malformed", "", stub_of(rpcproxy.tower(1), length=0xFFFFFFFF))
mapping("R6.3", "mapper: a tower with 65535 floors", "malformed", "", stub_of(rpcproxy.tower(1, floors=65535)))
mapping("R6.4", "mapper: an empty answer", "malformed", "", lambda connection, got: response(b"", got.call))
mapping("R6.5", "mapper: nothing is registered", None, "", stub_of(status=0x16C9A0D6))
mapping("R6.6", "mapper: fault 5", "access-denied", "access", lambda connection, got: fault(5, got.call))
mapping("R6.7", "mapper: fragments for ever", "too-large", "",
        lambda connection, got: [connection.send(response(bytes(5800), got.call, 0 if at else FIRST))
                                 for at in range(20000)] and None)
mapping("R6.8", "mapper: silence", "timeout", "", lambda connection, got: None)
mapping("R6.9", "mapper: bind_nak", None, "", None, bound=lambda got: bind_nak(0, got.call))
mapping("R6.10", "mapper: a page", "malformed", "HTML", None, bound=lambda got: b"<html>\x1b[2J</html>")
mapping("R6.11", "mapper: port 0", None, "", stub_of(rpcproxy.tower(0)))

# ---- certificates and credentials -------------------------------------------------------------------------------------------------------


def stranger(world):
    """Somebody else's certificate."""
    return peer.tls(world.context("evil.test"))


def second(world):
    """The first connection, OUT, lands at the server; every other one at a man in the middle."""
    ours, theirs = peer.tls(world.context(BAD)), stranger(world)
    return lambda connection: (ours if connection.number == 0 else theirs)(connection)


proxy("R9.1", "somebody else's certificate: nothing is sent", cell("tls", "fail", "certificate-name", "evil.test"),
      wrap=stranger, credentials=0)
def between(world):
    """Only the row itself connects: OUT first, then IN."""
    world.only = "rpc"
    world.option("--skip", "autodiscover")
    world.proxy = Proxy(world.password)
    world.serve(BAD, [second(world), world.proxy.step])


RpcCase("R9.2", "IN's connection lands at a man in the middle", between,
        cell(PROTOCOL, "fail", "certificate-name", "RPC_IN_DATA"), good=None, credentials=1, accepted=True,
        check=both(facts(rpc__channel="IN"), lambda run: ["the man in the middle got a request"]
                   if any(link.requests for server in run.world.servers[BAD]
                          for link in server.peers if link.number > 0) else []))


def refusing(world):
    world.only = "rpc"
    world.proxy = Proxy(world.password + "other")
    world.serve(BAD, [peer.tls(world.context(BAD)), world.proxy.step])


RpcCase("R9.3", "refuses every logon: one attempt, on one channel", refusing, cell("auth", "fail", "logon-refused"),
        good=None, credentials=1)
