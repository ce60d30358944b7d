"""Faults of the organisation: its servers, their places and versions, and the cloud beside it."""

import ldb
from samba import sites, subnets
from samba.dcerpc import dnsp

from .. import accounts, exchange, names, records
from .registry import fault, variant

OLD_SERVER = "OLDEX"
BRANCH = "Branch"

# builds in the directory and on the wire: updates change only the latter
EX2013_CU1 = ((15, 0, 620, 29), "15.0.620.29")
EX2016_CU23 = ((15, 1, 2507, 6), "15.1.2507.66")
EX2019_CU14 = ((15, 2, 1544, 4), "15.2.1544.39")

INTERNAL_NAME = "mail.contoso.local"


@fault("U07", "a service connection point of OLDEX, which is no server any more, names a host that does not exist")
def stale_scp(world):
    world.everywhere(_add_stale_scp)


@fault("U08", "the service connection points are for the site Branch only")
def scp_for_another_site(world):
    world.everywhere(sites.create_site, names.CONFIG_DN, BRANCH)
    world.everywhere(subnets.create_subnet, names.CONFIG_DN, "127.0.0.0/8", names.SITE)  # else nobody had a site
    for node in names.NODES:
        keywords = [exchange.SCP_KEYWORD, f"Site={BRANCH}"]
        world.everywhere(exchange.replace, exchange.scp_dn(node), keywords=keywords)


@fault("V01", "both servers are Exchange 2013 CU1, too old for the application")
def too_old(world):
    _set_builds(world, names.NODES, EX2013_CU1)
    world.everywhere(exchange.replace, exchange.ORGANIZATION, objectVersion="15614", msExchProductID="15614")
    for controller in world.controllers:
        controller.write_unchecked(exchange.SCHEMA_VERSION, "rangeUpper", ["15254"], context=exchange.SCHEMA)


@fault("V02", "the second server is Exchange 2016: a migration that is not finished")
def mixed_versions(world):
    _set_builds(world, names.NODES[1:], EX2016_CU23)


@fault("V06", "both servers are Exchange 2019, whose support has ended")
def past_support(world):
    _set_builds(world, names.NODES, EX2019_CU14)
    world.everywhere(exchange.replace, exchange.ORGANIZATION, objectVersion="16762", msExchProductID="16762")


@fault("V07", "EWS offers no Basic, although the directory says that it does")
def basic_only_in_directory(world):
    world.frontend.offer("ews", "negotiate", "ntlm")


@variant("V07-wire", "EWS offers Basic, although the directory says that it does not")
def basic_only_on_wire(world):
    methods = str(exchange.WEB_SERVICES & ~exchange.BASIC)
    for node in names.NODES:
        world.everywhere(
            exchange.replace,
            exchange.virtual_directory_dn(node, "EWS"),
            msExchInternalAuthenticationMethods=methods,
            msExchExternalAuthenticationMethods=methods,
        )


@fault("C04", "a hybrid organisation: the mailbox of cloud@contoso.test is in Exchange Online, the account's is here")
def hybrid(world):
    world.everywhere(exchange.add_hybrid)
    world.everywhere(accounts.add_mailbox_user, "cloud", "Cloud User", world.password)
    world.account("cloud").move_to_cloud()


@fault("N07", "mail. is another name for vip.contoso.test, for which there is no service principal name")
def mail_is_an_alias(world):
    world.dns.set("vip", *[records.a(node.address) for node in names.NODES])
    world.dns.set("mail", records.cname(f"vip.{names.DNS_DOMAIN}"))


@fault("N09", "internal URLs name mail.contoso.local, which does not exist; the external ones work")
def internal_name_outside(world):
    world.frontend.settings["internal_name"] = INTERNAL_NAME
    world.everywhere(_add_zone, INTERNAL_NAME.partition(".")[2])
    for node in names.NODES:
        for name, _class, path, _methods in exchange.VIRTUAL_DIRECTORIES:
            place = INTERNAL_NAME if name == "Rpc" else path and f"https://{INTERNAL_NAME}{path}"
            if place:
                dn = exchange.virtual_directory_dn(node, name)
                world.everywhere(exchange.replace, dn, msExchInternalHostName=place)


def _set_builds(world, nodes, builds):
    in_directory, on_wire = builds
    for node in nodes:
        world.everywhere(exchange.set_build, node, in_directory)
        world.frontend.set_build(node, on_wire)


def _add_stale_scp(samdb):
    """Somebody has deleted the server, but not what was below it."""
    dn = exchange.SERVERS
    for name in (OLD_SERVER, "Protocols", "Autodiscover"):
        dn = f"CN={name},{dn}"
        exchange.add(samdb, dn, "container")
    exchange.add_scp(samdb, f"CN={OLD_SERVER},{dn}", OLD_SERVER, f"{OLD_SERVER.lower()}.{names.DNS_DOMAIN}")


def _add_zone(samdb, domain):
    """An empty zone of that name, so that what is below it does not exist."""
    like = samdb.search(base=records.DOMAIN_ZONE, scope=ldb.SCOPE_BASE, attrs=["dNSProperty"])[0]
    dn = records.DOMAIN_ZONE.replace(names.DNS_DOMAIN, domain, 1)
    exchange.add(samdb, dn, "dnsZone", dNSProperty=list(like["dNSProperty"]))
    wanted = (dnsp.DNS_TYPE_SOA, dnsp.DNS_TYPE_NS)
    own = [record for record in records.Zone(samdb).get("@") if record.wType in wanted]
    records.Zone(samdb, dn).set("@", *own)
