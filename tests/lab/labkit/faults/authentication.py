"""Faults of accounts, of Kerberos and of the logon schemes."""

import secrets

from .. import accounts, exchange, names
from .registry import fault, variant

# Beyond the five minutes that Kerberos allows; behind, because tickets of a clock that is ahead are not valid yet.
SKEW = -600

LEGACY_ACCOUNT = "svc-legacy"
SHARED_SPNS = [f"HTTP/{host}" for host in (names.MAIL_NAME, names.AUTODISCOVER_NAME)]


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


@fault("A08", "the account's logon hours are closed, all week long")
def logon_hours(world):
    world.account().close_hours()


@fault("A09", "the account may log on from the workstation OTHERPC only; tickets do not care")
def other_workstation(world):
    world.account().bind_to_workstation("OTHERPC")


@fault("A10", "the password expires in three days; all works until then")
def password_expires_soon(world):
    world.account().expire_password_in(days=3)


@fault("A16", "the HTTP/ service principal names of the front end are missing: no Kerberos, NTLM works")
def spn_missing(world):
    world.account(names.FRONTEND_ACCOUNT).set(servicePrincipalName=list(exchange.RPC_SPNS))


@fault("A17", "the service principal names of mail. and autodiscover. are on another account: no ticket can be read")
def spn_moved(world):
    _add_legacy(world)
    own = [f"HTTP/{node.fqdn}" for node in names.NODES]
    world.account(names.FRONTEND_ACCOUNT).set(servicePrincipalName=[*own, *exchange.RPC_SPNS])
    world.account(LEGACY_ACCOUNT).set(servicePrincipalName=SHARED_SPNS)


@fault("A18", "the service principal names of mail. and autodiscover. are on two accounts: no tickets for them")
def spn_twice(world):
    _add_legacy(world)
    for controller in world.controllers:
        controller.write_unchecked(names.user_dn(LEGACY_ACCOUNT), "servicePrincipalName", SHARED_SPNS)


@fault("A19", "the front end's account has DES keys only: the KDC has no encryption type for its tickets, NTLM works")
def only_des(world):
    world.account(names.FRONTEND_ACCOUNT).set(**{"msDS-SupportedEncryptionTypes": str(accounts.DES)})


@fault("A20", "the domain controllers' clocks are ten minutes slow, those of the front end and of this machine right")
def controllers_behind(world):
    for controller in world.controllers:
        controller.set_clock(SKEW)


@variant("A20-domain", "the clocks of the domain, controllers and front end, are ten minutes behind this machine's")
def domain_behind(world):
    controllers_behind(world)
    world.frontend.set_clock(SKEW)


@fault("A21", "the account is in Protected Users: NTLM and simple binds are refused, Kerberos works")
def protected_user(world):
    world.directory.add_remove_group_members("Protected Users", [names.ACCOUNT])


@fault("A25", "EWS offers only Basic: none of the schemes that may be used without further ado")
def only_basic(world):
    _set_ews_schemes(world, exchange.BASIC, "basic")


@variant("A25-ntlm", "EWS offers only NTLM")
def only_ntlm(world):
    _set_ews_schemes(world, exchange.NTLM, "ntlm")


@fault("A31", "the account has nine bad passwords of ten, just now: one more locks it; another user is signed in")
def almost_locked(world):
    world.account().almost_lock()
    world.signed_in = "other"


def _add_legacy(world):
    """An account that the services ran as once."""
    world.everywhere(accounts.add_service, LEGACY_ACCOUNT, f"Legacy-{secrets.token_hex(8)}-x")


def _set_ews_schemes(world, methods, scheme):
    """In the directory as in the web server."""
    world.frontend.offer("ews", scheme)
    for node in names.NODES:
        world.directory.modify_ldif(
            f"dn: {exchange.virtual_directory_dn(node, 'EWS')}\nchangetype: modify\n"
            f"replace: msExchInternalAuthenticationMethods\nmsExchInternalAuthenticationMethods: {methods}\n-\n"
            f"replace: msExchExternalAuthenticationMethods\nmsExchExternalAuthenticationMethods: {methods}\n-\n"
        )
