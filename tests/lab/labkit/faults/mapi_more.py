"""More of MAPI: redirections, Exchange 2010 and RPC over TCP, what is behind the front end, the application's computer.

What the front end plays, it is told by the id; the others change the directory, too.
"""

import os

from .. import exchange, names
from .registry import fault, variant

# Exchange 2010 SP3, in the directory as installed and on the wire with its last update
EX2010_SP3 = ((14, 3, 123, 4), "14.3.513.0")
ORGANIZATION_2010 = "14322"
SCHEMA_2010 = "14734"

# Settings of Set-CASMailbox; the separator is part of the format.
RPC_HTTP_OFF = "MAPI§1§0§§§1§§§§§"
CACHED_ONLY = "MAPI§1§1§§§0§§§§§"
MAPI_HTTP_OFF = "MAPI§1§0§§§0§§§§N§"

REGISTRY = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa]
"LmCompatibilityLevel"=dword:{level:08x}

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]
"Domain"="{domain}"
"NV Domain"="{domain}"

"""

PLAYED = {
    "M08": "grommunio's gromox serves /mapi and misses its cookies: X-ResponseCode 6, by its own numbers",
    "M08-works": "grommunio's gromox serves /mapi, and all works",
    "V05-backend": "the mailbox's server answers the front end with 503: X-FailureContext BackEnd",
    "V05-dismounted": "the database is not mounted: RopLogon is ecMDBNotInit, EWS ErrorMailboxStoreUnavailable",
    "redirect": "logon to the own mailbox is ecWrongServer, which names the second node; asked for by name that opens it",
}


def _play(identity):
    return lambda world: world.frontend.play(identity)


for _identity, _title in PLAYED.items():
    variant(_identity, _title)(_play(_identity))


@fault("V05", "the front end does not find the mailbox's server: 503 with X-FailureContext to all that need it")
def back_end_lost(world):
    world.frontend.play("V05")


@variant("redirect-guid", "Autodiscover names ex1 for RPC, whose store sends its clients to GUID@domain: ecWrongServer")
def redirect_to_mailbox(world):
    world.frontend.play("redirect-guid")
    world.frontend.settings["exch_server"] = names.EX1.fqdn


@fault("T07", "/rpc offers NTLM only, and the answer to a challenge there reaches the other node: 401 again")
def rpc_moved(world):
    world.frontend.play("T07")
    world.frontend.offer("rpc", "ntlm")
    for node in names.NODES:
        world.everywhere(
            exchange.replace,
            exchange.virtual_directory_dn(node, "Rpc"),
            msExchInternalAuthenticationMethods=str(exchange.NTLM),
            msExchExternalAuthenticationMethods=str(exchange.NTLM),
        )


@fault("A14", "the application's computer answers with NTLMv1: LmCompatibilityLevel 1 in its exported registry")
def old_ntlm(world):
    place = os.path.join(world.base, "application.reg")
    text = REGISTRY.format(level=1, domain=names.DNS_DOMAIN)
    with open(place, "w", encoding="utf-16", newline="\r\n") as file:
        file.write(text)
    world.options += ["--registry", place]


@variant("exchange-2010", "both servers are Exchange 2010: RPC over TCP and Outlook Anywhere by their names, no /mapi")
def exchange_2010(world):
    in_directory, on_wire = EX2010_SP3
    for node in names.NODES:
        world.everywhere(exchange.set_build, node, in_directory)
        world.frontend.set_build(node, on_wire)
        world.directory.delete(exchange.virtual_directory_dn(node, "mapi"))
    organization = {"objectVersion": ORGANIZATION_2010, "msExchProductID": ORGANIZATION_2010}
    world.everywhere(exchange.replace, exchange.ORGANIZATION, **organization)
    for controller in world.controllers:
        controller.write_unchecked(exchange.SCHEMA_VERSION, "rangeUpper", [SCHEMA_2010], context=exchange.SCHEMA)
    world.frontend.settings["rpc_tcp"] = "yes"
    world.frontend.settings["exch_server"] = names.EX1.fqdn


@fault("R09", "Autodiscover names ex1 for RPC, as of old, but nothing listens on its port 135")
def no_mapper(world):
    world.frontend.settings["exch_server"] = names.EX1.fqdn


@variant("R09-epm", "Autodiscover names ex1 for RPC, as of old; its endpoint mapper knows none of Exchange's interfaces")
def empty_mapper(world):
    world.frontend.settings["exch_server"] = names.EX1.fqdn
    world.frontend.settings["rpc_tcp"] = "mapper"


@variant("D10-rpc", "RPC over HTTP is blocked for the mailbox (MAPIBlockOutlookRpcHttp): ecRpcHttpDisallowed")
def rpc_http_off(world):
    world.account().set_protocols(RPC_HTTP_OFF)


@variant("D10-cached", "only cached mode may open the mailbox (MAPIBlockOutlookNonCachedMode): ecCachedModeRequired")
def cached_only(world):
    world.account().set_protocols(CACHED_ONLY)


@variant("D10-mapihttp", "MAPI over HTTP is switched off for the mailbox: Autodiscover does not offer it")
def mapi_http_off(world):
    world.account().set_protocols(MAPI_HTTP_OFF)
