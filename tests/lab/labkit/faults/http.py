"""Faults between TLS and logon."""

from .. import names
from .registry import fault, variant


@fault("T04", "a portal answers every request to the front end with its own login page")
def portal(world):
    world.frontend.play("T04")


@fault("U06", "the company's web site answers on contoso.test itself: HTML and 200 to everything, Autodiscover too")
def website_on_root_domain(world):
    issued = world.authority.issue([names.DNS_DOMAIN, f"www.{names.DNS_DOMAIN}"])
    for controller in world.controllers:
        world.frontend.add_website(names.DNS_DOMAIN, controller.host.address, issued)


@variant("ntlm-closed", "the front end closes the connection after each NTLM challenge")
def ntlm_closed(world):
    world.frontend.play("ntlm-closed")


@variant("ntlm-moved", "the answer to each NTLM challenge reaches the other node, which knows nothing of it: 401 again")
def ntlm_moved(world):
    world.frontend.play("ntlm-moved")
