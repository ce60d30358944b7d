"""The proofs of what the front end plays in RPC and MAPI: what each transport comes to, step by step."""

import socket

from faults_lab import NODES, proof
from faults_mapi import RPC, clients, dns, http_store, identity, rpc_store

import impacket_client  # from tests/integration, which faults_mapi adds
from clients_test import MAIL, contains, same
from impacket.dcerpc.v5.rpcrt import RPC_C_AUTHN_LEVEL_PKT_PRIVACY, DCERPCException
from impacket.http import AUTH_BASIC
from impacket_client import Refused
from mapi_http_client import HttpBook

STEPS = ("connect", "own", "other", "public", "book")
OPEN = dict.fromkeys(STEPS, "opens")
PRIVACY = {"level": RPC_C_AUTHN_LEVEL_PKT_PRIVACY}
MAILBOXES = ("own", "other")


# ---- what a transport comes to -------------------------------------------------------------------------------


def outcome(function, *arguments, **keywords):
    """In a word or a number, and what came of it."""
    try:
        return "opens", function(*arguments, **keywords)
    except (Refused, DCERPCException) as error:
        code = error.args[0] if isinstance(error, Refused) else error.error_code
        return (str(error) if code is None else hex(code)), None
    except socket.timeout:
        return "silence", None
    except AssertionError as error:  # what the clients say of an answer to MAPI over HTTP
        status, headers, _text = error.args[0]
        code = headers.get("X-ResponseCode")
        return (f"code {code}" if code else f"{status} {headers['Content-Type'].partition(';')[0]}"), None


def state(connect, book):
    """What each step comes to; what needs a session is left out without one."""
    word, store = outcome(connect)
    found = {"connect": word}
    for step, user in (("own", "svc"), ("other", "other"), ("public", None)):
        if store is not None:
            found[step] = outcome(store.logon, user)[0]
    word, ids = outcome(book)
    found["book"] = word
    same(ids in (None, [2]), True)
    return found


def over_http(lab):
    """MAPI over HTTP."""
    return state(lambda: http_store(lab), lambda: HttpBook(clients(lab)).resolve("svc@contoso.test")[0])


def over_rpc(lab, **how):
    """RPC over HTTP."""

    def book():
        association, handle = impacket_client.address_book(clients(lab), **how)
        return impacket_client.resolve(association, handle, "svc@contoso.test")[0]

    return state(lambda: rpc_store(lab, identity(), **how), book)


def without_session(word):
    """Nobody gets in."""
    return {"connect": word, "book": word}


# ---- the store's codes: the same over both -------------------------------------------------------------------

ANSWERS = {
    "M09": (MAILBOXES, 0x80040111),
    "M10": (MAILBOXES, 0x3EB),
    "M11": (MAILBOXES, 0x3F2),
    "M12": (MAILBOXES, 0x478),
    "M13": (MAILBOXES, 0x47F),
    "M14": (MAILBOXES, 0x50C),
    "M14-disabled": (MAILBOXES, 0x96C),
    "M15": (MAILBOXES, 0x11C),
    "M16": (("other",), 0x80070005),
    "M19": (("public",), 0x80040111),
    "M20": (MAILBOXES, 0x80040115),
    "M21": (("book",), 0x80004005),
}
AT_CONNECT = {"M17": 0x4E1, "M18": 0x4DF}


# The same switch with another number: proved where it is named, not in every run of all.
BY_NAME = {}
ONCE = {"M09", "M12", "M16", "M19", "M21", "M17", "M01", "M02", "M07", "M03"}


def _register(identity, check):
    if identity in ONCE:
        proof(f"{identity} rpc-open")(check)
    else:
        BY_NAME[f"{identity} rpc-open"] = (check, ())


def _answers(steps, code):
    def check(lab):
        wanted = OPEN | dict.fromkeys(steps, hex(code))
        same((over_http(lab), over_rpc(lab)), (wanted, wanted))

    return check


def _refuses_to_connect(code):
    def check(lab):
        wanted = {"connect": hex(code), "book": "opens"}
        same((over_http(lab), over_rpc(lab)), (wanted, wanted))

    return check


for _identity, (_steps, _code) in ANSWERS.items():
    _register(_identity, _answers(_steps, _code))
for _identity, _code in AT_CONNECT.items():
    _register(_identity, _refuses_to_connect(_code))


# ---- MAPI over HTTP alone ------------------------------------------------------------------------------------

EVERYTHING = {"M01": "404 text/html", "M02": "code 5", "M02-2": "code 2", "M02-7": "code 7", "M04": "code 8"}
EVERYTHING |= {"M06": "code 16", "M06-18": "code 18", "M07": "200 text/html"}
SESSIONS = {"M03": "code 10", "M03-6": "code 6", "M03-13": "code 13", "M03-15": "code 15", "M05": "code 11"}


def _mapi_is(wanted):
    def check(lab):
        same((over_http(lab), over_rpc(lab)), (wanted, OPEN))

    return check


for _identity, _word in EVERYTHING.items():
    _register(_identity, _mapi_is(without_session(_word)))
for _identity, _word in SESSIONS.items():
    _register(_identity, _mapi_is(dict.fromkeys(STEPS, _word) | {"connect": "opens"}))


# ---- RPC over HTTP alone -------------------------------------------------------------------------------------


def channels(lab, *options, size=76):
    """The answers of both nodes to the requests of both channels."""
    for node in NODES:
        for method in ("RPC_IN_DATA", "RPC_OUT_DATA"):
            how = {"node": node, "user": "CONTOSO\\svc", "body": "x" * size}
            yield lab.curl(f"{RPC}?{identity()}:6001", "--basic", "-X", method, *options, **how)


def get(lab, *options, **keywords):
    """A browser's request, at both nodes."""
    return [lab.curl(RPC, *options, node=node, **keywords) for node in NODES]


@proof("R01 rpc-open")
def no_rpc_server(lab):
    same({(answer.status, answer.reason) for answer in channels(lab)}, {(503, "RPC Error: 6ba")})
    same({answer.status for answer in channels(lab, size=16)}, {200})
    same(over_http(lab), OPEN)


@proof("R02 rpc-open")
def no_server_name(lab):
    same({answer.status for answer in channels(lab)}, {404})
    same({answer.status for answer in channels(lab, size=16)}, {200})
    same(over_http(lab), OPEN)


@proof("R03 rpc-open")
def basic_only(lab):
    for answer in get(lab):
        same((answer.status, [value.split()[0] for value in answer.all("WWW-Authenticate")]), (401, ["Basic"]))
    answer = lab.curl(f"{MAIL}/mapi/emsmdb/")
    same([value.split()[0] for value in answer.all("WWW-Authenticate")], ["Negotiate", "NTLM"])
    same(outcome(rpc_store, lab, identity(), scheme=AUTH_BASIC)[0], "opens")
    same(over_http(lab), OPEN)


@proof("R04 rpc-open")
def browsers_are_refused(lab):
    same([answer.status for answer in get(lab)], [401, 401])
    same([answer.status for answer in get(lab, "--ntlm", user="CONTOSO\\svc")], [503, 503])
    same((over_http(lab), over_rpc(lab)), (OPEN, OPEN))


def _filters(status):
    def check(lab):
        same({(answer.status, answer.header("Server")) for answer in channels(lab)}, {(status, "BigIP")})
        same([(answer.status, answer.header("X-FEServer")) for answer in get(lab)], [(401, "EX1"), (401, "EX2")])
        same(over_http(lab), OPEN)

    return check


proof("R05 rpc-open")(_filters(501))
proof("R05-405 rpc-open")(_filters(405))


@proof("R06 rpc-open")
def overload(lab):
    for answer in [*channels(lab), *get(lab)]:
        same((answer.status, answer.header("Server")), (503, "Microsoft-HTTPAPI/2.0"))
        same(answer.header("X-FEServer"), None)
    same(over_http(lab), OPEN)


@proof("R07 rpc-open")
def encryption_wanted(lab):
    same(over_rpc(lab), {"connect": hex(0x970), "book": "opens"})
    same((over_http(lab), over_rpc(lab, **PRIVACY)), (OPEN, OPEN))


@proof("R08 rpc-open")
def rpc_over_http_prohibited(lab):
    for how in ({}, PRIVACY):
        same(over_rpc(lab, **how), {"connect": hex(0x4E0), "book": "opens"})
    same(over_http(lab), OPEN)


@proof("A15 rpc-open")
def calls_denied(lab):
    for how in ({}, PRIVACY):
        found = over_rpc(lab, **how)
        same(list(found), ["connect", "book"])
        for word in found.values():
            contains(word, "access_denied")
    same(over_http(lab), OPEN)


@proof("T05 rpc-open")
def in_channel_held(lab):
    same({answer.status for answer in channels(lab, size=16)}, {200})
    socket.setdefaulttimeout(2)
    found = over_rpc(lab)
    socket.setdefaulttimeout(None)
    same(found, without_session("silence"))
    same(over_http(lab), OPEN)
