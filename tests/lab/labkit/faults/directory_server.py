"""Faults of the domain controllers as servers: ports that are closed, silent, or behind something else."""

from .. import relay
from .registry import fault, variant

LDAPS = (636, 3269)
NOT_DNS = (88, 389, 464, 636, 3268, 3269)


@fault("N06", "the domain controller is no global catalog: 3268 and 3269 are closed, and DNS still says that it is one")
def no_global_catalog(world):
    for controller in world.controllers:
        controller.drop_global_catalog([each.samdb() for each in world.controllers])


@fault("D03", "a load balancer ends TLS before the controllers, which insist on channel binding; port 389 works")
def channel_binding(world):
    """Samba looks at no bindings: the load balancer plays that part of the controller, too (relay.py)."""
    for controller in world.controllers:
        relay.install(controller, world.authority, tcp=dict.fromkeys(LDAPS, "bridge"))


@fault("N10", "the second controller accepts connections and never says anything; its DNS works", controllers=2)
def second_is_silent(world):
    silent = dict.fromkeys(NOT_DNS, "silent")
    udp = {port: "silent" for port in relay.UDP if port != 53}
    relay.install(world.controllers[1], world.authority, tcp=silent, udp=udp)


@fault("N11", "a firewall swallows Kerberos over UDP; TCP works")
def kerberos_over_tcp_only(world):
    for controller in world.controllers:
        relay.install(controller, world.authority, udp={88: "silent"})


@variant("kpasswd-closed", "nothing listens on port 464: passwords cannot be changed by Kerberos")
def no_password_changes(world):
    for controller in world.controllers:
        relay.install(controller, world.authority, tcp={464: "closed"}, udp={464: "closed"})


@fault("D14", "the second controller has no certificate: 636 and 3269 are closed, 389 and 3268 work", controllers=2)
def no_certificate(world):
    """The first one keeps its own: the front end asks it over LDAPS."""
    relay.install(world.controllers[1], world.authority, tcp=dict.fromkeys(LDAPS, "closed"))
