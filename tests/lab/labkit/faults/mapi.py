"""Faults and switches of MAPI: RPC over HTTP, MAPI over HTTP, RPC over TCP. The front end plays them.

What is healthy, or another look of the same fault, is a variant, for tests: the demo offers what exreach finds by id.
"""

from .. import names
from .registry import fault, variant

FAULTS = {
    "R01": "the RPC proxy reaches no RPC server: 503 RPC Error: 6ba on both channels",
    "R02": "the RPC proxy knows no server name: 404 after logon",
    "R05": "a filter rejects the verbs RPC_IN_DATA and RPC_OUT_DATA with 501",
    "R06": "http.sys answers 503 for /rpc: the application takes no more requests",
    "R07": "the store wants RPC to be encrypted, even inside TLS",
    "R08": "the mailbox may not be opened by RPC over HTTP",
    "T05": "a proxy keeps what the RPC_IN_DATA channel carries to itself",
    "A15": "every RPC call is denied, although the HTTP logon went well",
    "M01": "there is no /mapi on the servers",
    "M02": "MAPI over HTTP refuses each request: X-ResponseCode 5",
    "M03": "MAPI over HTTP does not find its sessions again: X-ResponseCode 10",
    "M04": "MAPI over HTTP sees no identity: X-ResponseCode 8",
    "M05": "MAPI over HTTP takes a session for somebody else's: X-ResponseCode 11",
    "M06": "MAPI over HTTP is disabled: X-ResponseCode 16",
    "M07": "a page of HTML with status 200 answers every MAPI over HTTP request",
    "M09": "logon to any mailbox ends in ecLoginFailure",
    "M10": "logon to any mailbox ends in ecUnknownUser",
    "M11": "logon to any mailbox ends in ecLoginPerm",
    "M12": "logon to any mailbox ends in ecWrongServer, on every server",
    "M13": "logon to any mailbox ends in ecServerPaused",
    "M14": "the mailboxes are in transit",
    "M15": "logon to any mailbox ends in ecProfileNotConfigured",
    "M16": "other mailboxes are denied, the own one opens",
    "M17": "the store wants cached mode",
    "M18": "the store blocks the client's version",
    "M19": "logon to the public folders fails, mailboxes open",
    "M20": "logon to any mailbox ends in MAPI_E_NETWORK_ERROR, which names no cause",
    "M21": "the address book does not bind, the store works",
}

VARIANTS = {
    "R04": "a GET of rpcproxy.dll is 503 after logon, which is healthy",
    "R05-405": "a filter rejects the verbs RPC_IN_DATA and RPC_OUT_DATA with 405",
    "M02-2": "MAPI over HTTP refuses each request: X-ResponseCode 2",
    "M02-7": "MAPI over HTTP refuses each request: X-ResponseCode 7",
    "M03-6": "MAPI over HTTP does not find its sessions again: X-ResponseCode 6",
    "M03-13": "MAPI over HTTP does not find its sessions again: X-ResponseCode 13",
    "M03-15": "MAPI over HTTP does not find its sessions again: X-ResponseCode 15",
    "M06-18": "MAPI over HTTP is shutting down: X-ResponseCode 18",
    "M14-disabled": "logon to any mailbox ends in ecMailboxDisabled",
}


# What is asked for besides the own mailbox, for what shows there only.
OPTIONS = {"M16": ["--mailbox", f"other@{names.DNS_DOMAIN}"], "M19": ["--public-folders"]}


def _play(identity):
    def play(world):
        world.frontend.play(identity)
        world.options += OPTIONS.get(identity, [])

    return play


for _identity, _title in FAULTS.items():
    fault(_identity, _title)(_play(_identity))
for _identity, _title in VARIANTS.items():
    variant(_identity, _title)(_play(_identity))


@fault("R03", "/rpc offers Basic only, the other paths do not")
def other_schemes(world):
    world.frontend.offer("rpc", "basic")


@variant("rpc-open", "/rpc and /mapi do not ask for channel bindings: Extended Protection is off there")
def rpc_open(world):
    world.frontend.protect("rpc", "off")
    world.frontend.protect("mapi", "off")


@variant("rpc-tcp", "the nodes have an endpoint mapper on port 135 and RPC over TCP, as Exchange 2010 did")
def rpc_tcp(world):
    world.frontend.settings["rpc_tcp"] = "yes"


@variant("mapi-slow", "each MAPI over HTTP request takes a second, with PENDING now and then")
def mapi_slow(world):
    world.frontend.settings["mapi_pending_ms"] = "1000"
