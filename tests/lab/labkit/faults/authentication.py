"""Faults of accounts, of Kerberos and of the logon schemes."""

import secrets

from .. import exchange, names
from .registry import fault, variant

# Beyond the five minutes that Kerberos allows; behind, because tickets of a clock that is ahead are not valid yet.
SKEW = -600


@fault("A01", "the password was changed in AD, so the one at hand is wrong")
def wrong_password(world):
    for _ in range(3):  # a try with one of the last passwords would not count as a bad one
        world.account().set_password(f"Changed-{secrets.token_hex(8)}")


@fault("A02", "the account has another logon name in AD, so the one at hand does not exist")
def unknown_user(world):
    world.account().rename("svc.pbx")


@fault("A03", "the account is locked out")
def locked_out(world):
    world.account().lock()


@fault("A04", "the account is disabled")
def account_disabled(world):
    world.account().disable()


@fault("A05", "the account has expired")
def account_expired(world):
    world.account().expire()


@fault("A06", "the password has expired")
def password_expired(world):
    world.account().expire_password()


@fault("A07", "the password must be changed at the next logon")
def must_change_password(world):
    world.account().require_password_change()


@fault("A16", "the HTTP/ service principal names of the front end are missing: no Kerberos, NTLM works")
def spn_missing(world):
    world.account(names.FRONTEND_ACCOUNT).set(servicePrincipalName=[])


@fault("A20", "the domain controllers' clocks are ten minutes slow, those of the front end and of this machine right")
def controllers_behind(world):
    for controller in world.controllers:
        controller.set_clock(SKEW)


@variant("A20-domain", "the clocks of the domain, controllers and front end, are ten minutes behind this machine's")
def domain_behind(world):
    controllers_behind(world)
    world.frontend.set_clock(SKEW)


@fault("A25", "EWS offers only Basic: none of the schemes that may be used without further ado")
def only_basic(world):
    _set_ews_schemes(world, exchange.BASIC, "basic")


@variant("A25-ntlm", "EWS offers only NTLM")
def only_ntlm(world):
    _set_ews_schemes(world, exchange.NTLM, "ntlm")


def _set_ews_schemes(world, methods, scheme):
    """In the directory as in the web server."""
    world.frontend.offer("ews", scheme)
    for node in names.NODES:
        world.directory.modify_ldif(
            f"dn: {exchange.virtual_directory_dn(node, 'EWS')}\nchangetype: modify\n"
            f"replace: msExchInternalAuthenticationMethods\nmsExchInternalAuthenticationMethods: {methods}\n-\n"
            f"replace: msExchExternalAuthenticationMethods\nmsExchExternalAuthenticationMethods: {methods}\n-\n"
        )
