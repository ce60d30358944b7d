"""Faults of names."""

from .. import names, records
from .registry import fault, variant

LOCATORS = ("_ldap.", "_gc.", "_kerberos.", "_kpasswd.")

# Documentation's prefix: nothing routes it, and inside a network namespace nothing could.
NOWHERE = "2001:db8::20"
LOOPBACK = "::1"
OLD_PUBLIC = "192.0.2.20"


@fault("N01", "there is no autodiscover address and no _autodiscover._tcp SRV record")
def no_autodiscover_name(world):
    world.dns.remove("autodiscover")
    world.dns.remove("_autodiscover._tcp")


@fault("N02", "the second resolver, dc2's, has old public addresses for mail. and autodiscover.", controllers=2)
def split_dns(world):
    zone = records.Zone(world.controllers[1].samdb())
    for host in (names.MAIL_NAME, names.AUTODISCOVER_NAME):
        zone.set(host.partition(".")[0], records.a(OLD_PUBLIC))


@fault("N04", "one of the two addresses of mail. and autodiscover. is a dead node: connection refused")
def one_dead_node(world):
    world.frontend.play("N04")


@fault("N05", "the name server knows no controllers, KDCs and global catalogs (SRV), only the domain's address")
def no_controller_records(world):
    """As from a resolver that is not the AD's: addresses, but nothing that a controller registers."""
    for zone in (world.dns, world.msdcs):
        for name in zone.names():
            if name.lower().startswith(LOCATORS):
                zone.remove(name)


@variant("N06-site", "DNS knows global catalogs, but none in the site: its _gc record is missing")
def no_global_catalog_in_site(world):
    world.dns.remove(f"_gc._tcp.{names.SITE}._sites")
    world.msdcs.remove(f"_ldap._tcp.{names.SITE}._sites.gc")


@fault("N08", "mail. and autodiscover. have an IPv6 address too, where nothing answers: connecting times out")
def ipv6_silent(world):
    world.frontend.add("silent", LOOPBACK)
    _publish_ipv6(world, LOOPBACK)


@variant("N08-unreachable", "mail. and autodiscover. have an IPv6 address too, to which there is no route")
def ipv6_unreachable(world):
    _publish_ipv6(world, NOWHERE)


def _publish_ipv6(world, address):
    for host in (names.MAIL_NAME, names.AUTODISCOVER_NAME):
        world.dns.add(host.partition(".")[0], records.aaaa(address))
