"""The proofs of what breaks MAPI and RPC, by clients of others: requests, impacket, curl."""

import base64
import os
import struct
import sys
import uuid

from faults_lab import HERE, NODES, Inside, connect, proof

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import impacket_client  # noqa: E402
from clients_test import EWS, MAIL, POX, contains, get_folder, pox, same  # noqa: E402
from impacket.dcerpc.v5 import epm, nspi, oxabref  # noqa: E402
from impacket.dcerpc.v5.rpcrt import RPC_C_AUTHN_LEVEL_PKT_PRIVACY, DCERPCException  # noqa: E402
from impacket_client import EMSMDB, Refused, Store, tcp_connect  # noqa: E402
from mapi_http_client import Endpoint, HttpBook, HttpStore  # noqa: E402

ALSO = {}
ROOT = "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
RPC = MAIL + "/rpc/rpcproxy.dll"
WRONG_SERVER, SERVER_PAUSED, MDB_NOT_INIT = 0x478, 0x47F, 0x476
UNKNOWN_USER, PROTOCOL_DISABLED, RPC_HTTP_DISALLOWED, CACHED_MODE = 0x3EB, 0x7D8, 0x4E0, 0x4E1


def also(*identities):
    """What MAPI says to a fault that is proved elsewhere."""

    def register(function):
        ALSO.update(dict.fromkeys(identities, function))
        return function

    return register


# ---- who is who, and the stores ------------------------------------------------------------------------------


def guid(name="svc"):
    """The mailbox's."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.contoso.test")


def identity(name="svc"):
    """GUID@domain."""
    return f"{guid(name)}@contoso.test"


def dns():
    """Legacy DNs."""
    return {name: f"{ROOT}/cn=Recipients/cn={guid(name).hex}-{name}" for name in ("svc", "other")}


def clients(lab: Inside):
    """The lab as the clients of tests/integration know it."""
    return impacket_client.Lab(lab.base)


def http_store(lab, user="svc", mailbox=None):
    """A session of the store over MAPI over HTTP."""
    return HttpStore(clients(lab), user, dns(), mailbox)


def rpc_store(lab, server, **how):
    """A session of the store over RPC over HTTP, asked for by this name."""
    store = Store.__new__(Store)
    store.connect_over(clients(lab).connect(EMSMDB, server, 6001, **how), dns(), "svc")
    return store


def opens(store, user="svc"):
    """The mailbox and its inbox open."""
    logon, folders, _rest = store.logon(user)
    same(store.count(logon, folders[4]), 2)


def refused(function, *arguments, **keywords):
    """The code it is refused with, and what a logon has behind that."""
    try:
        function(*arguments, **keywords)
    except Refused as error:
        return error.args
    raise AssertionError("it is not refused")


def redirected(store):
    """Where ecWrongServer sends who wants to open the account's mailbox: the last name of a DN."""
    code, rest = refused(store.logon, "svc")
    same((code, rest[0] & 1, rest[1], rest[-1]), (WRONG_SERVER, 1, len(rest) - 2, 0))
    head, _, name = rest[2:-1].decode().rpartition("/cn=")
    same(head.endswith("/cn=Configuration/cn=Servers"), True)
    return name


def endpoint_headers(answer):
    """Those by which a back end or a product names itself."""
    return [answer.headers.get(name) for name in ("Server", "X-FEServer", "X-ServerApplication")]


# ---- redirections --------------------------------------------------------------------------------------------


@proof("redirect rpc-open rpc-tcp")
def redirect(lab):
    store = Store.__new__(Store)
    store.connect_over(tcp_connect(clients(lab), EMSMDB), dns(), "svc")  # to ex1
    same((redirected(store), redirected(rpc_store(lab, identity()))), ("EX2", "EX2"))
    opens(rpc_store(lab, "ex2.contoso.test"))
    store = http_store(lab, mailbox=identity())
    same(redirected(store), "EX2")
    opens(store, "other")
    book = HttpBook(clients(lab))
    same(book.url("GetMailboxUrl", f"{ROOT}/cn=Configuration/cn=Servers/cn=EX2"), f"{MAIL}/mapi/emsmdb/?MailboxId=EX2")
    opens(http_store(lab, mailbox="EX2"))
    codes = [refused(store.logon, "svc")[0] for _ in range(6)]
    wrong = codes.count(WRONG_SERVER)  # five on each node, those of above among them
    same((2 <= wrong <= 4, codes), (True, [WRONG_SERVER] * wrong + [SERVER_PAUSED] * (6 - wrong)))


@proof("redirect-guid rpc-open")
def redirect_to_mailbox(lab):
    contains(lab.pox(), "<Server>ex1.contoso.test</Server>")
    same(redirected(rpc_store(lab, "ex1.contoso.test")), identity())
    opens(rpc_store(lab, identity()))
    opens(http_store(lab, mailbox=identity()))


# ---- what is behind the front end ----------------------------------------------------------------------------

MAILBOX_PARTS = ("ews", "ews_with_kerberos", "others_ews", "owa")


def gone(lab, point, code, exception):
    """503 to all that need the mailbox's server, and why."""
    answers = [lab.curl(EWS, "--ntlm", node=node, user="CONTOSO\\svc", body=get_folder("inbox")) for node in NODES]
    same([(answer.status, answer.header("X-FEServer")) for answer in answers], [(503, "EX1"), (503, "EX2")])
    same(lab.owa()[1].status, 503)
    contexts = [answer.header("X-FailureContext") for answer in answers]
    for path in ("emsmdb", "nspi"):
        answer = Endpoint(clients(lab), path).post("PING")
        same(answer.status_code, 503)
        contexts.append(answer.headers["X-FailureContext"])
    for method in ("RPC_IN_DATA", "RPC_OUT_DATA"):
        answer = lab.curl(f"{RPC}?{identity()}:6001", "--basic", "-X", method, user="CONTOSO\\svc", body="x" * 76)
        same((method, answer.status), (method, 503))
        contexts.append(answer.header("X-FailureContext"))
    for context in contexts:
        fields = context.split(";")
        same((fields[:2], fields[4:]), ([point, "503"], [code, exception, ""]))
        same(base64.b64decode(fields[2]), b"Service Unavailable")
        same(base64.b64decode(fields[3]) != b"", True)
    same(lab.ews("--ntlm", password="Wrong-1-password")[0], 401)
    return answers


@proof("V05", *MAILBOX_PARTS)
def not_located(lab):
    answers = gone(lab, "FrontEnd", "ServerLocatorError", "")
    same([answer.header("X-CasErrorCode") for answer in answers], ["ServerLocatorError"] * 2)


@proof("V05-backend", *MAILBOX_PARTS)
def back_end_down(lab):
    answers = gone(lab, "BackEnd", "", "ProtocolError")
    same([answer.header("X-BackEndHttpStatus") for answer in answers], ["503"] * 2)


@proof("V05-dismounted", *MAILBOX_PARTS)
def dismounted(lab):
    for node in NODES:
        same(lab.ews(node=node), (200, "ErrorMailboxStoreUnavailable"))
    same(lab.resolve("svc@contoso.test"), (1, "NoError"))
    contains(lab.owa()[1].header("Location"), "MailboxOfflineException")
    store = http_store(lab)
    for user in ("svc", "other", None):
        same(refused(store.logon, user)[0], MDB_NOT_INIT)
    same(HttpBook(clients(lab)).resolve("svc@contoso.test")[0], [2])


# ---- other servers -------------------------------------------------------------------------------------------


def gromox(lab):
    """A session of the store, by a server that is not Exchange."""
    store = http_store(lab)
    same(sorted(store.endpoint.session.cookies.keys()), ["sequence", "sid"])
    answer = store.endpoint.post("PING", drop=("X-RequestId",))
    same(endpoint_headers(answer), ["nginx", None, "Exchange/15.00.0847.4040"])
    same((answer.headers["X-ResponseCode"], answer.headers["Content-Type"]), ("3", "text/html"))
    contains(answer.text, "<h1>Diagnostic Information</h1>")
    return store


@proof("M08")
def gromox_misses_cookies(lab):
    answer = gromox(lab).endpoint.post("Execute")
    same((answer.status_code, answer.headers["X-ResponseCode"]), (200, "6"))
    contains(answer.text, "The request is missing a required cookie.")


@proof("M08-works")
def gromox_works(lab):
    opens(gromox(lab))


def epm_says(lab):
    """What the endpoint mapper of ex1 knows of the store."""
    try:
        epm.hept_map("ex1.contoso.test", EMSMDB, protocol="ncacn_ip_tcp")
    except DCERPCException as error:
        return str(error)
    return "registered"


@proof("exchange-2010 rpc-open", "health", "ews", "ews_with_kerberos")
def exchange_2010(lab):
    servers = lab.read("(objectClass=msExchExchangeServer)", "serialNumber", base="CN=Configuration,DC=contoso,DC=test")
    same([value for key, value in servers if key == "serialNumber"], ["Version 14.3 (Build 30123.4)"] * 2)
    capable = ("-H", "X-MapiHttpCapability: 1")
    answer = lab.curl(POX, "--ntlm", *capable, user="CONTOSO\\svc", body=pox("svc@contoso.test"))
    contains(answer.body, "<Server>ex1.contoso.test</Server>")
    same(("mapiHttp" in answer.body, lab.curl(f"{MAIL}/mapi/emsmdb/").status), (False, 404))
    same(lab.ews(), (200, "NoError"))
    privacy = {"level": RPC_C_AUTHN_LEVEL_PKT_PRIVACY}
    opens(rpc_store(lab, "ex1.contoso.test", **privacy))
    same(refused(rpc_store, lab, "ex1.contoso.test")[0], 0x80070005)
    store = Store.__new__(Store)
    store.connect_over(tcp_connect(clients(lab), EMSMDB), dns(), "svc")
    opens(store)
    referral = tcp_connect(clients(lab), oxabref.MSRPC_UUID_OXABREF)
    same(oxabref.hRfrGetNewDSA(referral, dns()["svc"])["ppszServer"], "ex1.contoso.test")
    try:
        clients(lab).connect(nspi.MSRPC_UUID_NSPI, identity(), 6004)
    except DCERPCException as error:
        contains(str(error), "404")
    else:
        raise AssertionError("a mailbox is a server")


@proof("R09")
def no_mapper(lab):
    contains(lab.pox(), "<Server>ex1.contoso.test</Server>")
    for address in NODES.values():
        same(connect(address, 135)[0], "Connection refused")
    opens(http_store(lab, mailbox=identity()))


@proof("R09-epm")
def empty_mapper(lab):
    contains(lab.pox(), "<Server>ex1.contoso.test</Server>")
    contains(epm_says(lab), "0x16c9a0d6")
    opens(http_store(lab, mailbox=identity()))


# ---- the way there, and the application's computer -----------------------------------------------------------


@proof("T07")
def rpc_moved(lab):
    def attempt():
        for node, other in (("ex1", "EX2"), ("ex2", "EX1")):
            answer = lab.curl(RPC, "--ntlm", node=node, user="CONTOSO\\svc")
            offers = [value.split()[0] for value in answer.all("WWW-Authenticate")]
            same((answer.status, answer.header("X-FEServer"), offers), (401, other, ["NTLM"]))

    same(lab.failures_of("svc", attempt), 0)
    opens(http_store(lab))


@proof("A14")
def old_ntlm(lab):
    option, place = lab.facts["options"]
    with open(place, encoding="utf-16") as file:
        text = file.read()
    same(option, "--registry")
    contains(text, "Windows Registry Editor Version 5.00\n")
    contains(text, 'Control\\Lsa]\n"LmCompatibilityLevel"=dword:00000001\n')


# ---- protocols that are switched off -------------------------------------------------------------------------


@proof("D10-rpc rpc-open")
def rpc_http_off(lab):
    same(lab.account("protocolSettings"), ["MAPI§1§0§§§1§§§§§"])
    same(refused(rpc_store, lab, identity())[0], RPC_HTTP_DISALLOWED)
    opens(http_store(lab))


@proof("D10-cached")
def cached_only(lab):
    same(lab.account("protocolSettings"), ["MAPI§1§1§§§0§§§§§"])
    same(refused(http_store, lab)[0], CACHED_MODE)


@proof("D10-mapihttp")
def mapi_http_off(lab):
    same(lab.account("protocolSettings"), ["MAPI§1§0§§§0§§§§N§"])
    for user, offered in (("svc", False), ("other", True)):
        how = {"user": f"CONTOSO\\{user}", "body": pox(f"{user}@contoso.test")}
        answer = lab.curl(POX, "--ntlm", "-H", "X-MapiHttpCapability: 1", **how)
        same((user, "mapiHttp" in answer.body), (user, offered))


@also("D10", "D11")
def mapi_is_off(lab):
    same(refused(http_store, lab)[0], PROTOCOL_DISABLED)


@proof("D04", "address_in_directory", "autodiscover", *MAILBOX_PARTS)
def no_mailbox(lab):
    same((lab.account("homeMDB"), lab.account("legacyExchangeDN")), ([], []))
    same(lab.ews(), (200, "ErrorMissingEmailAddress"))
    no_mailbox_here(lab)


@also("D05")
def no_mailbox_here(lab):
    same(refused(http_store, lab)[0], UNKNOWN_USER)
    same(Endpoint(clients(lab), "emsmdb", identity()).post("PING").status_code, 404)
    same(Endpoint(clients(lab), "emsmdb", identity("other")).post("PING").status_code, 200)


@also("D06")
def hidden(lab):
    same(HttpBook(clients(lab)).resolve("svc@contoso.test", "other@contoso.test")[0], [0, 2])
    opens(http_store(lab))
