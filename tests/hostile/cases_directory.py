"""Causes that a KDC or a domain controller gives: each from a server of a few bytes. The KDC and AD of the lab give
them in earnest; what only those can give stands in causes.py."""

import functools

import directory
import peer
from case import Case, Cell
from directory import der, krb_error, result
from world import BAD, DOMAIN

DC = "dc1." + DOMAIN


def kdc(number, what, answers, cause, words="", credentials=0):
    def setup(world):
        world.only = "kerberos"
        server = world.serve(DC, [directory.kdc(*answers)], host=False)
        world.option("--dc", f"{DC}:88", "--connect", f"{DC}:88:{server.address}:{server.port}")
    return Case(number, what, setup, Cell("auth", "fail", cause, words, DC, "kerberos"), good=None,
                credentials=credentials)


kdc("K1.1", "KDC: unknown account", [krb_error(6)], "account-unknown")
kdc("K1.2", "KDC: disabled, locked or expired", [krb_error(18)], "account-revoked")
kdc("K1.3", "KDC: account expired", [krb_error(1)], "account-expired")
kdc("K1.4", "KDC: password expired", [krb_error(23)], "password-expired")
kdc("K1.5", "KDC: no encryption type in common", [krb_error(14)], "encryption-type")
kdc("K1.6", "KDC: any other error", [krb_error(60)], "kdc-error")
kdc("K1.7", "KDC: wrong password", [directory.wants_preauth()] * 2 + [krb_error(24)], "password-wrong", credentials=1)
kdc("K1.8", "KDC: clock skew of 10 minutes", [directory.wants_preauth()] * 2 + [krb_error(37, skew=600)], "clock-skew",
    credentials=1)
kdc("K1.9", "KDC: junk", [b"\x7e\x82\xff\xff" + b"A" * 100], "malformed")


# ---- with tickets from a credential cache (-k) -----------------------------------------------------------------

def cached(world, services, answers):
    cache = world.file("tickets", directory.credential_cache(*services))
    world.environment["KRB5CCNAME"] = "FILE:" + cache
    server = world.serve(DC, [directory.kdc(*answers)], host=False)
    world.option("-k", "--dc", f"{DC}:88", "--connect", f"{DC}:88:{server.address}:{server.port}")


def tgs(number, what, code, cause):
    def setup(world):
        world.only = "kerberos"
        cached(world, [], [krb_error(code)])
    return Case(number, what, setup, Cell("protocol", "fail", cause, "", DC, "kerberos"), good=None)


tgs("K2.1", "KDC: no such service principal", 7, "spn-unknown")
tgs("K2.2", "KDC: service principal is not unique", 8, "spn-duplicate")
tgs("K2.3", "KDC: service without our encryption types", 14, "encryption-type")


def ticket_refused(world):
    world.only = "kerberos,ews"
    cached(world, [f"HTTP/{BAD}"], [krb_error(60)])
    world.front(BAD, world.exchange())


Case("K2.4", "the service refuses our ticket, no password given", ticket_refused,
     Cell("auth", "fail", "ticket-refused", f"HTTP/{BAD}"), good=None, credentials=1)


# ---- LDAP ------------------------------------------------------------------------------------------------------

def ldap(number, what, layer, cause, words="", credentials=1, accepted=True, outcome="fail", **more):
    def setup(world):
        world.only = "ldap"
        server = world.serve(DC, [peer.tls(world.context(DC)), directory.ldap(**more)], host=False)
        world.option("--dc", f"{DC}:636", "--connect", f"{DC}:636:{server.address}:{server.port}")
    return Case(number, what, setup, Cell(layer, outcome, cause, words, DC, "ldap"), good=None, credentials=credentials,
                accepted=accepted)


def refusal(data, code=49):
    words = f"80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {data}, v4f7c"
    return result(0x61, code, words)


ldap("L0", "LDAP: a healthy domain controller", "mailbox", None, outcome="pass")
for index, (code, reason) in enumerate((
        ("52e", "password-wrong"), ("530", "logon-hours"), ("531", "logon-workstation"), ("532", "password-expired"),
        ("533", "account-disabled"), ("701", "account-expired"), ("773", "password-must-change"),
        ("775", "account-locked"), ("80090346", "channel-binding")), 1):
    ldap(f"A15.{index}", f"LDAP bind refused, data {code}", "auth", reason, bind=refusal(code), accepted=False)
ldap("A15.10", "LDAP bind refused without a reason", "auth", "logon-refused", bind=result(0x61, 49), accepted=False)
ldap("L5.1", "LDAP bind: strong authentication required", "auth", "strong-auth-required", bind=result(0x61, 8, "sign!"),
     accepted=False)
ldap("L5.2", "LDAP bind: unwilling to perform", "auth", "ldap-result", bind=result(0x61, 53, "no"), accepted=False)
ldap("L3.1", "LDAP search: a referral to evil.test", "protocol", "referral",
     found=[result(0x65, 10, "elsewhere", "ldap://evil.test/DC=evil,DC=test")])
ldap("L3.2", "LDAP search: nothing found", "protocol", "no-object", found=[result(0x65)])
ldap("L3.3", "LDAP search: two objects found", "protocol", "ambiguous", found=[
    directory.entry("CN=svc", **directory.ACCOUNT), directory.entry("CN=svc2", **directory.ACCOUNT), result(0x65)])
ldap("L1.1", "LDAP: a length of 4 GiB", "http", "malformed", credentials=0, root=[b"\x84\xff\xff\xff\xff"])
ldap("L1.2", "LDAP: an indefinite length", "http", "malformed", credentials=0, root=[b"\x64\x80" + b"A" * 50])
ldap("L1.3", "LDAP: nesting of 200", "http", "malformed", credentials=0,
     root=[functools.reduce(lambda inner, _: der(0x30, inner), range(200), b"")])
