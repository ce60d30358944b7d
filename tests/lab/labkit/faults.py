"""Everything that can be broken in the lab.

To add a fault, add a function here: it gets the World (world.py) before anything is started, and changes it. The id and the
words are what `lab faults` and the demo show. What only the front end can play, it is told by `world.frontend.play(ID)`.
"""

import secrets

from . import names
from .certificates import DAY, now

FAULTS = {}


def fault(identity, title):
    """Register a fault under its id."""

    def register(function):
        if identity in FAULTS:
            raise ValueError(f"fault {identity} is there twice")
        FAULTS[identity] = (title, function)
        return function

    return register


def check(identities):
    """Raise when one of these is not known."""
    unknown = [identity for identity in identities if identity not in FAULTS]
    if unknown:
        raise RuntimeError(f"no such fault: {' '.join(unknown)} (`lab faults` lists them)")


def apply(world, identities):
    """Break these things, in this order."""
    for identity in identities:
        FAULTS[identity][1](world)


# Names


@fault("N01", "there is no autodiscover address and no _autodiscover._tcp SRV record")
def no_autodiscover_name(world):
    world.dns.remove("autodiscover")
    world.dns.remove("_autodiscover._tcp")


@fault("N04", "one of the two addresses of mail. and autodiscover. is a dead node: connection refused")
def one_dead_node(world):
    world.frontend.play("N04")


# TCP


@fault("T01", "a firewall swallows connections to port 443 of the front end: connecting times out")
def connect_timeout(world):
    world.frontend.play("T01")


# TLS


@fault("S01", "the front end's certificate has expired")
def certificate_expired(world):
    world.frontend.install_certificate(world.certificate(start=now() - 400 * DAY, end=now() - 10 * DAY))


@fault("S02", "the front end's certificate is for another name")
def certificate_name_mismatch(world):
    world.frontend.install_certificate(world.certificate(hosts=["webmail.contoso.example"]))


# Authentication


@fault("A01", "the password was changed in AD, so the one at hand is wrong")
def wrong_password(world):
    for _ in range(3):  # a try with one of the last passwords would not count as a bad one
        world.account().set_password(f"Changed-{secrets.token_hex(8)}")


@fault("A04", "the account is disabled")
def account_disabled(world):
    world.account().disable()


@fault("A16", "the HTTP/ service principal names of the front end are missing: no Kerberos, NTLM works")
def spn_missing(world):
    world.account(names.FRONTEND_ACCOUNT).set(servicePrincipalName=[])


# Directory


@fault("D04", "the account is not mailbox-enabled")
def no_mailbox(world):
    world.account().remove_mailbox()


@fault("D06", "the mailbox is hidden from the address lists")
def hidden(world):
    world.account().hide()
