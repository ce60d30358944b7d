"""A domain controller that accepts the logon and then answers what exreach asks of the directory with anything: pages,
the organisation's objects, sites, groups, policies, addresses; and the clear ports, where nothing but a ticket may go.
"""

import functools
import struct

import directory
import dns
import peer
from case import Case, Cell
from cases_directory import DC
from directory import der, entry, paged, referral, result, text
from world import BAD, DOMAIN

EVIL = "evil.test"
MEGABYTE = 1 << 20
CONFIGURATION = f"CN=Configuration,DC={DOMAIN.replace('.', ',DC=')}"
EXCHANGE = f"CN=Contoso,CN=Microsoft Exchange,CN=Services,{CONFIGURATION}"
SERVERS = f"CN=Servers,CN=Group,CN=Administrative Groups,{EXCHANGE}"
SCP_KEYWORD = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
NASTY = "\x1b[2J\x07\u202e\x00\x9b31m\r\n\t"
ROOT = entry("", defaultNamingContext=["DC=contoso,DC=test"], configurationNamingContext=[CONFIGURATION],
             rootDomainNamingContext=["DC=contoso,DC=test"], dnsHostName=[DC], isGlobalCatalogReady=["TRUE"],
             supportedSASLMechanisms=["GSSAPI", "GSS-SPNEGO"], ldapServiceName=["contoso.test:dc1$@CONTOSO.TEST"],
             serverName=[f"CN=DC1,CN=Servers,CN=Site,CN=Sites,{CONFIGURATION}"], isSynchronized=["TRUE"])
END = result(0x65)
ACCOUNT = {**directory.ACCOUNT, "objectClass": ["top", "user"]}
# what a search has in it that no other one has
ORGANIZATION, CONTROLLERS, SCHEMA, SITE = b"msExchOrganizationContainer", b"nTDSDSA", b"rangeUpper", b"NtVer"
GROUPS, RECIPIENT, POLICY = b"tokenGroups", b"replPropertyMetaData", b"lockoutThreshold"


class Extra(Cell):
    """The same of a check that is no cell: by its probe."""

    def __init__(self, probe, outcome, cause=None, words="", service="ldap", port=636):
        super().__init__(probe, outcome, cause, words, DC, service, port=port)

    def offences(self, run):
        row = run.row(self.service, self.host, port=self.port)
        found = [check for check in row["more"] if check["probe"] == self.layer] if row else []
        if not found:
            return [f"no check {self.layer} on {self.service} {self.port}"]
        got = found[0]["fault"]["cause"] if found[0]["fault"] else None
        if found[0]["outcome"] not in self.outcome.split("|") or (self.cause and got != self.cause) or \
                self.words.lower() not in found[0]["summary"].lower():
            return [f"{self.layer} is {found[0]['outcome']} {got}: {found[0]['summary'][:300]}"]
        return []

    def verdict(self, run):
        return f"{self.layer} as it must"


NOWHERE = Cell("dns", "fail", "name-not-found", "", "autodiscover." + DOMAIN, "autodiscover")
PASSES = Cell("mailbox", "pass", host=DC, service="ldap")
PLACES = {636: "ldap", 389: "ldap", 3269: "gc", 3268: "gc"}


def controller(number, what, *cells, ports=(636,), only="ldap", before=None, credentials=1, tables=None, options=(),
               check=None, deadline=4.0, timeout=1.0, **ldap):
    """dc1.contoso.test on these ports, as directory.ldap() is told by the rest. tables: what takes the place of that;
    before(world): what else there is."""
    def setup(world):
        world.only, world.deadline, world.timeout = only, deadline, timeout
        more = (before(world) if before else None) or {}
        told = {"root": (ROOT, END), **ldap, **more}
        for port in ports:
            steps = tables(world) if tables else [directory.ldap(**told)]
            if port in (636, 3269):
                steps = [peer.tls(world.context(DC)), *steps]
            server = world.serve(DC, steps, host=False, named=port == ports[0])
            world.option("--dc", f"{DC}:{port}", "--connect", f"{DC}:{port}:{server.address}:{server.port}")
        world.option(*options)
    return Case(number, what, setup, *cells, good=None, credentials=credentials, accepted=True, check=check)


# ---- L7: pages ---------------------------------------------------------------------------------------------------

def organization(*entries):
    return [(ORGANIZATION, [*entries, END])]


def asked(run, word):
    return sum(word in request for server in run.world.servers[DC] for request in server.requests)


for index, (title, value) in enumerate((("without a value", False), ("with an empty value", b""), ("of junk", b"\x30\x05A"),
                                        ("with a cookie of 1 MB", der(0x30, directory.integer(0), text(b"c" * MEGABYTE)))), 1):
    controller(f"L7.{index}", f"LDAP: a paged results control {title}", PASSES,
               Extra("ldap.organization", "fail", "malformed"), answers=[(ORGANIZATION, [paged(value=value)])])
controller("L7.5", "LDAP: a paged results control with a number for a cookie", PASSES,
           Extra("ldap.organization", "fail|warn"),
           answers=[(ORGANIZATION, [paged(value=der(0x30, directory.integer(0), b"\x02\x01\x01"))])])
controller("L7.6", "LDAP: empty pages for ever", PASSES, Extra("ldap.organization", "warn"),
           answers=[(ORGANIZATION, [paged(b"again")])],
           check=lambda run: [] if 1 < asked(run, ORGANIZATION) <= 100 else [f"{asked(run, ORGANIZATION)} pages"])
controller("L7.7", "LDAP: full pages for ever", PASSES, Extra("ldap.organization", "pass", None, "more"), deadline=15.0,
           timeout=8.0, answers=[(ORGANIZATION, [*[entry(f"CN=EX{i},{SERVERS}", objectClass=["msExchExchangeServer"])
                                                  for i in range(500)], paged(b"again")])],
           check=lambda run: [] if asked(run, ORGANIZATION) <= 9 else [f"{asked(run, ORGANIZATION)} pages"])
controller("L7.8", "LDAP: more objects than were asked for, and no end", PASSES,
           Extra("ldap.organization", "warn", None, "no Exchange organisation"), deadline=15.0, timeout=8.0,
           answers=[(ORGANIZATION, [entry(f"CN=DB{i},{EXCHANGE}", objectClass=["msExchPrivateMDB"])
                                    for i in range(4500)])])
controller("L7.9", "LDAP: the answer of a bind to a search", PASSES, Extra("ldap.organization", "fail", "timeout"),
           answers=[(ORGANIZATION, [result(0x61), der(0x6B), END])])


# ---- L3: references, followed nowhere ------------------------------------------------------------------------------

def nowhere(world):
    """evil.test speaks LDAP and takes everything."""
    server = world.serve(EVIL, [directory.ldap()], host=False)
    secure = world.serve(EVIL, [peer.tls(world.context(EVIL)), directory.ldap()], host=False)
    world.option("--connect", f"{EVIL}:389:{server.address}:{server.port}",
                 "--connect", f"{EVIL}:636:{secure.address}:{secure.port}")


def untouched(run):
    touched = [server for server in run.world.servers[EVIL] if server.peers]
    return [f"{len(touched)} servers of evil.test were connected to"] if touched else []


TO_EVIL = [f"ldap://{EVIL}/DC=evil,DC=test??sub", f"ldaps://{EVIL}/DC=evil,DC=test??sub"]
controller("L3.4", "LDAP: references to evil.test beside the account", PASSES, before=nowhere, check=untouched,
           found=[referral(*TO_EVIL), entry("CN=svc", **ACCOUNT), referral(*TO_EVIL), END])
controller("L3.5", "LDAP: 1,000 references and nothing else", Cell("protocol", "fail", "no-object", "", DC, "ldap"),
           before=nowhere, check=untouched, found=[referral(*TO_EVIL)] * 1000 + [END])
controller("L3.6", "LDAP: a reference to the controller itself", Cell("protocol", "fail", "referral", "", DC, "ldap"),
           found=[result(0x65, 10, "here", f"ldap://{DC}/DC=contoso,DC=test")],
           check=lambda run: [] if len(run.world.servers[DC][0].peers) <= 2 else ["it was followed"])
controller("L3.7", "LDAP: every search of the organisation ends with a referral to evil.test", PASSES,
           Extra("ldap.organization", "fail", "referral"), Extra("ldap.controllers", "fail", "referral"), before=nowhere,
           check=untouched, answers=[(word, [result(0x65, 10, "elsewhere", TO_EVIL[0])])
                                     for word in (ORGANIZATION, CONTROLLERS, SCHEMA)])


# ---- L8: objects of the organisation -----------------------------------------------------------------------------

def server(name="EX1", **more):
    return entry(f"CN={name},{SERVERS}", **{"objectClass": ["top", "msExchExchangeServer"], "serialNumber": [
        "Version 15.2 (Build 32562.17)"], "networkAddress": [f"ncacn_ip_tcp:{name.lower()}.{DOMAIN}"], **more})


def scp(*urls, name="EX1", **more):
    dn = f"CN={name},CN=Autodiscover,CN=Protocols,CN={name},{SERVERS}"
    return entry(dn, **{"objectClass": ["serviceConnectionPoint"], "keywords": [SCP_KEYWORD],
                        "serviceBindingInformation": list(urls), **more})


def vdir(internal, external=None, kind="msExchWebServicesVirtualDirectory", name="EWS (Default Web Site)", **more):
    dn = f"CN={name},CN=HTTP,CN=Protocols,CN=EX1,{SERVERS}"
    return entry(dn, **{"objectClass": ["msExchVirtualDirectory", kind], "msExchInternalHostName": [internal],
                        "msExchExternalHostName": [external or internal], **more})


def at_evil(number, what, make, *cells):
    """make(port): the organisation's objects, which name a front end at evil.test:port."""
    def before(world):
        web = world.front(EVIL, world.exchange(schemes=("Negotiate", "NTLM", "Basic")), host=False)
        world.front(BAD, world.exchange(), host=False)
        world.option("--allow-basic", "--connect", f"{EVIL}:443:{web.address}:{web.port}")
        return {"answers": organization(server(), *make(web.port))}

    def kept(run):
        got = [data for server in run.world.servers[EVIL] for data in server.received() if b"uthorization" in data or
               b"password=" in data]
        return ["credentials reached evil.test"] if got else []
    return controller(number, what, PASSES, *cells, only="ldap,autodiscover,ews,owa", before=before, check=kept)


def withheld(service):
    return Cell("auth", "skipped", None, f"--allow-host {EVIL}", EVIL, service)


at_evil("L8.1", "AD: a service connection point names evil.test",
        lambda port: [scp(f"https://{EVIL}:{port}/Autodiscover/Autodiscover.xml")], withheld("autodiscover"))
at_evil("L8.2", "AD: virtual directories name evil.test", lambda port: [
    vdir(f"https://{EVIL}:{port}/EWS/Exchange.asmx"),
    vdir(f"https://{EVIL}:{port}/owa/", kind="msExchOWAVirtualDirectory", name="owa (Default Web Site)")],
    withheld("ews"), withheld("owa"))
at_evil("L8.3", "AD: URLs that begin with a good name and lead to evil.test", lambda port: [
    scp(*[f"https://{trick}/Autodiscover/Autodiscover.xml" for trick in (
        f"bad.contoso.test@{EVIL}:{port}", f"bad.contoso.test:443@{EVIL}:{port}", f"{EVIL}:{port}\\@bad.contoso.test",
        f"{EVIL}:{port}#@bad.contoso.test")]),
    *[vdir(f"https://{trick}/EWS/Exchange.asmx", f"http://{trick}/EWS/Exchange.asmx", name=f"EWS{i}")
      for i, trick in enumerate((f"bad.contoso.test@{EVIL}:{port}", f"{EVIL}:{port}?bad.contoso.test",
                                 f"bad.contoso.test.{EVIL}:{port}", f"{EVIL}%00.contoso.test:{port}",
                                 f"{EVIL}\x00.contoso.test:{port}", f"{EVIL} .contoso.test:{port}"))]], NOWHERE)
controller("L8.4", "AD: names, sites and URLs of 1 MB with control characters", PASSES, NOWHERE,
           Extra("ldap.organization", "pass"), deadline=15.0, timeout=8.0, only="ldap,autodiscover,ews,owa",
           answers=organization(
               server("EX" + NASTY.replace("\x00", ""), serialNumber=[NASTY * 60000], networkAddress=[
                   "ncacn_ip_tcp:" + "x." * (MEGABYTE // 2)], msExchServerSite=["CN=" + "s" * MEGABYTE]),
               scp("https://" + "a" * MEGABYTE + ".test/", "https://bad.contoso.test/" + NASTY * 60000,
                   keywords=[SCP_KEYWORD, "Site=" + NASTY * 60000]),
               vdir("https://bad.contoso.test/" + "e" * MEGABYTE, "https://" + NASTY * 60000)))
controller("L8.5", "AD: bytes that are no UTF-8 in names, URLs and DNs", PASSES, NOWHERE, Extra("ldap.organization", "pass"),
           only="ldap,autodiscover,ews",
           answers=organization(
               server(serialNumber=[b"\xff\xfe\xc0\x80\xed\xa0\x80"]),
               scp(b"https://bad.contoso.test/\xff\xfe\xc0\x80", name="EX\udc80".encode("utf-8", "surrogatepass")
                   .decode("latin-1"), keywords=[SCP_KEYWORD, b"Site=\xff\xc0"]),
               vdir(b"\xff\xff://\xc0\x80"), entry("no DN at all, \xff,=,", objectClass=["msExchExchangeServer"]),
               entry("", objectClass=["msExchPrivateMDB"]), entry("CN=\\", objectClass=["msExchPrivateMDB"])))
controller("L8.6", "AD: numbers beyond all bounds", PASSES, Extra("ldap.organization", "pass"), answers=[
    (SCHEMA, [entry("CN=x", rangeUpper=["9" * 400]), END]),
    (ORGANIZATION, [
        entry(EXCHANGE, objectClass=["msExchOrganizationContainer"], objectVersion=["-"],
              msExchOrganizationFlags2=["9223372036854775808"]),
        server(serialNumber=["Version 99999999999.99999999999 (Build 99999999999.9)"],
               msExchCurrentServerRoles=["-9223372036854775808"]),
        vdir("", msExchInternalAuthenticationMethods=["-1"], msExchExternalAuthenticationMethods=["0x7f"]), END])])
controller("L8.7", "AD: 1,000 virtual directories and 500 databases of one name", PASSES,
           Extra("ldap.organization", "pass"), deadline=8.0, timeout=4.0, answers=organization(
               server(), *[vdir(f"https://bad.contoso.test/{i}") for i in range(1000)],
               *[entry(f"CN=DB1,{EXCHANGE}", objectClass=["msExchPrivateMDB"]) for _ in range(500)]))
controller("L8.8", "AD: service connection points for 200 hosts that do not exist", PASSES, NOWHERE,
           Extra("ldap.organization", "pass"), only="ldap,autodiscover", answers=organization(server(), *[
               scp(*[f"https://h{i}-{j}.contoso.test/a" for j in range(4)], name=f"H{i}") for i in range(60)]))
controller("L8.9", "AD: an object with 300 attributes, one with 3,000 values", PASSES,
           Extra("ldap.organization", "pass"), answers=organization(
               server(**{f"attribute{i}": ["v"] for i in range(300)}),
               scp(*["https://bad.contoso.test/"] * 3000, keywords=[SCP_KEYWORD] * 3000)))


# ---- L8: controllers, sites --------------------------------------------------------------------------------------

def dc_objects(*hosts):
    """Controllers of our site, all of them Global Catalogs."""
    for index, host in enumerate(hosts):
        dn = f"CN=H{index},CN=Servers,CN=Site,CN=Sites,{CONFIGURATION}"
        yield entry(dn, objectClass=["server"], dNSHostName=[host])
        yield entry(f"CN=NTDS Settings,{dn}", objectClass=["nTDSDSA"], options=["1"])


def rogue_controllers(world):
    """evil.test as LDAP server, Global Catalog and KDC that wants a proof."""
    nowhere(world)
    for port, steps in ((3269, [peer.tls(world.context(EVIL)), directory.ldap()]), (3268, [directory.ldap()]),
                        (88, [directory.kdc(directory.wants_preauth())])):
        one = world.serve(EVIL, steps, host=False)
        world.option("--connect", f"{EVIL}:{port}:{one.address}:{one.port}")


def no_proof(run):
    proofs = [proof for one in run.world.servers[EVIL] for proof in one.proofs]
    spoken = [data for one in run.world.servers[EVIL] for data in one.received() if b"NTLMSSP" in data]
    return [f"evil.test got {proofs or 'an NTLM token'}"] if proofs or spoken else []


controller("L8.10", "AD: a domain controller at evil.test", PASSES, Extra("ldap.controllers", "pass"),
           Cell("auth", "skipped", None, "", EVIL, "ldap", port=636), only="ldap,gc,kerberos", before=rogue_controllers,
           answers=[(CONTROLLERS, [*dc_objects(DC, EVIL), END])], check=no_proof)
controller("L8.11", "AD: 1,000 controllers, names of 1 MB, control characters", PASSES, Extra("ldap.controllers", "pass"),
           deadline=15.0, timeout=8.0, answers=[(CONTROLLERS, [*dc_objects(
               "x" * MEGABYTE, NASTY * 1000, *[f"h{i}.contoso.test" for i in range(998)]), END])])
controller("L8.12", "AD: controllers without names, settings without a server", PASSES,
           Extra("ldap.controllers", "warn"), answers=[(CONTROLLERS, [
               entry("CN=NTDS Settings", objectClass=["nTDSDSA"]), entry("", objectClass=["nTDSDSA"], options=["x"]),
               entry("CN=A,CN=Servers", objectClass=["server"], dNSHostName=[""]), END])])


def netlogon(*names, opcode=23):
    """NETLOGON_SAM_LOGON_RESPONSE_EX ([MS-ADTS] 6.3.1.9) with these eight names, as they go on the wire."""
    return struct.pack("<HHI", opcode, 0, 0x3FD) + b"G" * 16 + b"".join(names) + struct.pack("<IHH", 5, 0xFFFF, 0xFFFF)


def label(name):
    return bytes([len(name)]) + name + b"\0"


NAMES = [label(b"contoso"), label(b"contoso"), label(b"dc1"), label(b"CONTOSO"), label(b"DC1"), label(b""),
         label(b"Site"), label(b"Site")]
for index, (title, answer) in enumerate((
        ("empty", b""), ("of 23 bytes", netlogon(*NAMES)[:23]), ("cut within a name", netlogon(*NAMES)[:40]),
        ("with a pointer to itself", netlogon(b"\xc0\x18", *NAMES[1:])),
        ("with a pointer beyond its end", netlogon(b"\xff\xff", *NAMES[1:])),
        ("with a name of 10,000 labels", netlogon(b"\x01a" * 10000, *NAMES[1:])),
        ("of 1 MB of pointers", netlogon(b"\xc0\x00" * (MEGABYTE // 2))),
        ("with control characters for a site", netlogon(*NAMES[:6], label(b"\x1b[2J\x07"), label(b"\x1b[31m"))),
        ("with a site of junk names", netlogon(*NAMES[:6], label(b"*)(x=y"), label(b"a b\xff\xfe.%00"))),
        ("of another kind", netlogon(*NAMES, opcode=0xFFFF))), 1):
    controller(f"L9.{index}", f"LDAP ping: an answer {title}", PASSES,
               answers=[(SITE, [entry("", netlogon=[answer]), END])])
controller("L9.11", "LDAP ping: 2,000 answers, no end of the search", PASSES,
           answers=[(SITE, [entry("", netlogon=[netlogon(*NAMES)])] * 2000)])
controller("L9.12", "LDAP ping: no answer at all", PASSES, answers=[(SITE, [])])


def rogue_forest(world):
    """The ping says that the forest is evil.test, whose name server has controllers for that."""
    rogue_controllers(world)
    for prefix, port in (("_ldap._tcp.Site._sites.dc._msdcs", 636), ("_gc._tcp.Site._sites", 3269),
                         ("_kerberos._tcp.Site._sites", 88)):
        world.names.add_srv(f"{prefix}.{EVIL}".lower(), dns.srv(EVIL, port))


IN_EVIL = b"\x04evil\x04test\0"
controller("L9.13", "LDAP ping: the domain and the forest are evil.test", PASSES, only="ldap,gc,kerberos",
           before=rogue_forest, check=no_proof,
           answers=[(SITE, [entry("", netlogon=[netlogon(IN_EVIL, IN_EVIL, *NAMES[2:])]), END])])


def kdc_elsewhere(world):
    """The SRV record of contoso.test names a KDC of evil.test."""
    world.only = "kerberos,ews"
    rogue_controllers(world)
    world.names.add_srv(f"_kerberos._tcp.{DOMAIN}", dns.srv(EVIL, 88))
    world.good()


Case("K3.1", "SRV: a KDC at evil.test", kdc_elsewhere, Cell("auth", "skipped", None, "", EVIL, "kerberos"), check=no_proof)


# ---- L10: the account ----------------------------------------------------------------------------------------------

def account(number, what, *cells, **attributes):
    return controller(number, what, PASSES, *cells, deadline=10.0, timeout=5.0,
                      found=[entry("CN=svc,CN=Users,DC=contoso,DC=test", **{**ACCOUNT, **attributes}), END])


DOMAIN_SID = struct.pack("<BB6s4I", 1, 4, b"\0\0\0\0\0\5", 21, 1, 2, 3)
ADMINS = struct.pack("<BB6s5I", 1, 5, b"\0\0\0\0\0\5", 21, 1, 2, 3, 512)
account("L10.1", "AD: tokenGroups that are no SIDs", Extra("ldap.groups", "pass", None, "none of them privileged"),
        tokenGroups=[b"", b"\x01", b"\x01\xff" + b"A" * 6, b"\x01\x05\0\0\0\0\0\5" + b"\x15\0\0\0", b"\x01\0" + b"\0" * 6,
                     b"\xff" * 28, ADMINS + b"x", ADMINS[:-1], b"S-1-5-21-1-2-3-512"])
account("L10.2", "AD: tokenGroups of 3,000 values, Domain Admins again and again",
        Extra("ldap.groups", "warn", None, "Domain Admins (RID 512)"), tokenGroups=[ADMINS] * 3000)
account("L10.3", "AD: no groups, no SID, a primary group of -1", Extra("ldap.groups", "skipped|pass"),
        primaryGroupID=["-1"], objectSid=[b"\x01\x05short"])


def circle(_):
    """Every search for groups finds two that are in one another, and in 500 more."""
    def one(name, other):
        return entry(f"CN={name},DC=contoso,DC=test", cn=[NASTY], objectSid=[DOMAIN_SID], memberOf=[
            f"CN={other},DC=contoso,DC=test", *[f"CN=G{i},DC=contoso,DC=test" for i in range(500)]])
    return [one("A", "B"), one("B", "A"), one("A", "A"), END]


IN_CIRCLE = {**ACCOUNT, "tokenGroups": [ADMINS], "objectSid": [ADMINS], "primaryGroupID": ["513"],
             "memberOf": ["CN=A,DC=contoso,DC=test", "", "no DN", "CN=" + "n" * 100000]}
controller("L10.4", "AD: groups in a circle, with 500 more each", PASSES, Extra("ldap.groups", "warn"), deadline=10.0,
           timeout=5.0, found=[entry("CN=svc,DC=contoso,DC=test", **IN_CIRCLE), END],
           answers=[(b"distinguishedName", circle)])
account("L10.5", "AD: policies and dates beyond all bounds", Extra("ldap.state", "pass|warn|fail|skipped"),
        pwdLastSet=["9223372036854775807"], accountExpires=["-1"], lockoutTime=["99999999999999999999"],
        badPwdCount=["-5"], badPasswordTime=["9223372036854775807"], maxPwdAge=["-9223372036854775808"],
        lockoutThreshold=["-1"], lockOutObservationWindow=["x"], lockoutDuration=["1"], logonHours=[b"\xff" * 3],
        userWorkstations=["w," * 8000], userAccountControl=["-1"], whenChanged=["99999999999999.9Z"],
        uSNChanged=["x"], objectSid=[b"\xff" * 8], **{
            "msDS-UserPasswordExpiryTimeComputed": ["-9223372036854775808"], "msDS-SupportedEncryptionTypes": ["-1"],
            "msDS-ResultantPSO": [NASTY * 1000], "msDS-User-Account-Control-Computed": ["9" * 30]})
META = struct.pack("<IIII", 1, 0, 1, 0) + struct.pack("<IIQ16sQQ", 0x2010000, 1, 1 << 63, b"G" * 16, 1, 1)
for index, (title, meta) in enumerate((("empty", b""), ("of version 9", b"\x09" + META[1:]), ("cut", META[:-9]),
                                       ("with 4,294,967,295 entries", META[:8] + b"\xff" * 4 + META[12:]),
                                       ("of 1 MB of junk", b"\x01\0\0\0" + b"\xff" * MEGABYTE)), 6):
    account(f"L10.{index}", f"AD: replPropertyMetaData {title}", Extra("ldap.recipient", "pass|warn"),
            replPropertyMetaData=[meta], protocolSettings=["MAPI§0§§§§§§§§§"], msExchWhenMailboxCreated=["x"])
account("L10.11", "AD: protocolSettings of separators, of 1 MB, of junk", Extra("ldap.recipient", "pass|warn|fail"),
        protocolSettings=["§" * 300000, "MAPI§" + "1" * MEGABYTE, b"MAPI\xa7" + b"\xff" * 99, "", "§§§", "MAPI",
                          "MAPI§0§1§8888888888888888888888§" + NASTY * 10])
account("L10.12", "AD: a mailbox with control characters and 1 MB in every name", Extra("ldap.recipient", "pass|warn"),
        homeMDB=["CN=" + NASTY * 1000], msExchHomeServerName=["/cn=" * 100000], legacyExchangeDN=[NASTY * 1000],
        targetAddress=["SMTP:" + "t" * MEGABYTE], publicDelegates=["CN=" + NASTY] * 1500, displayName=[NASTY * 9],
        msExchRecipientTypeDetails=["9223372036854775807"], proxyAddresses=[NASTY * 100, "smtp:", ":", "X500:" + NASTY])
account("L10.14", "AD: lists of 1,500 values of 600 bytes", Extra("ldap.recipient", "pass|warn|fail"),
        protocolSettings=[f"MAPI§0§{i}§MAPIBlockOutlookVersions§" + "v" * 500 for i in range(1500)],
        publicDelegates=[f"CN={i},CN=" + "d" * 600 for i in range(1500)], showInAddressBook=["CN=" + "a" * 600] * 1500,
        proxyAddresses=[f"X500:/o={i}" + "x" * 600 for i in range(1500)])
controller("L10.13", "AD: 3 MB in answer to every search", PASSES, deadline=20.0, timeout=15.0,
           found=[entry("CN=svc,DC=contoso,DC=test", **{**ACCOUNT, "description": ["d" * 3 * MEGABYTE],
                                                          "tokenGroups": [ADMINS], "memberOf": ["CN=A"]}), END],
           root=(ROOT, END), answers=[(ORGANIZATION, [entry("CN=x", description=["d" * 3 * MEGABYTE])] * 3 + [END])])


# ---- L6: the Global Catalog --------------------------------------------------------------------------------------

def not_ready(port):
    root = ROOT.replace(b"TRUE", b"NOPE", 1)
    return controller(f"L6.{1 if port == 3269 else 2}", f"GC: port {port} answers, but the catalog is not ready",
                      Cell("http", "fail", "no-object", "isGlobalCatalogReady", DC, "gc"), ports=(port,), only="gc",
                      root=(root, END), credentials=0)


not_ready(3269)
not_ready(3268)
GC_PASSES = Cell("mailbox", "pass", host=DC, service="gc")


def catalog(number, what, *cells, **more):
    return controller(number, what, GC_PASSES, *cells, ports=(3269,), only="gc", deadline=20.0, timeout=15.0, **more)


catalog("L6.3", "GC: 100 addresses of 10 KB each", Extra("gc.addresses", "pass|warn|fail", service="gc", port=3269),
        found=[entry("CN=svc,DC=contoso,DC=test", **{**ACCOUNT, "proxyAddresses": [
            f"smtp:{i}" + "*" * 10000 for i in range(100)]}), END])
TWINS = [entry(f"CN={'t' * 10000}{i}", mail=["svc@contoso.test"], proxyAddresses=[NASTY] * 50) for i in range(200)]


def twins(peer_):
    """The first search finds the account, the next one 200 objects with its address."""
    again, peer_.state["again"] = peer_.state.get("again"), True
    return [*(TWINS if again else [entry("CN=svc", **ACCOUNT)]), END]


catalog("L6.4", "GC: 200 objects with the same address, names of 10 KB",
        Extra("gc.addresses", "fail", "ambiguous", service="gc", port=3269), answers=[(b"legacyExchangeDN", twins)])


def owners(_):
    return [entry(f"CN={'o' * 6000}{i}", servicePrincipalName=[f"HTTP/good.{DOMAIN}"] * 3 + [NASTY, "HTTP/", ""],
                  **{"msDS-SupportedEncryptionTypes": ["9" * 400]}) for i in range(300)] + [END]


controller("L6.5", "GC: 300 owners of one service principal name, names of 6 KB", GC_PASSES,
           Extra("gc.spn", "pass|warn|fail", service="gc", port=3269), ports=(3269,), only="gc,ews", deadline=20.0,
           timeout=15.0, before=lambda world: world.good(), credentials=1,
           answers=[(b"msDS-SupportedEncryptionTypes", owners)])


# ---- L1 and L5: the clear ports, where nothing but a ticket may go ----------------------------------------------------

def no_bind(run):
    bound = [data for one in run.world.servers[DC] for data in one.received() if b"GSS-SPNEGO" in data or
             b"NTLMSSP" in data or run.world.password.encode() in data]
    return ["a bind in the clear"] if bound else []


for index, (port, service) in enumerate(((389, "ldap"), (3268, "gc")), 3):
    controller(f"L5.{index}", f"LDAP on {port} with a password and no ticket: no bind",
               Cell("auth", "skipped", None, "without a Kerberos ticket", DC, service), ports=(port,), only=service,
               credentials=0, check=no_bind)
for index, port in enumerate((389, 3268, 3269), 1):
    for number, (title, root) in enumerate((("a length of 4 GiB", b"\x84\xff\xff\xff\xff"),
                                            ("an indefinite length", b"\x64\x80" + b"A" * 50), ("nesting of 200",
                                             functools.reduce(lambda inner, _: der(0x30, inner), range(200), b""))), 1):
        controller(f"L1.{3 * index + number}", f"LDAP on {port}: {title}",
                   Cell("http", "fail", "malformed", "", DC, PLACES[port]), ports=(port,), only=PLACES[port],
                   root=[root], credentials=0, check=no_bind)


def starttls(number, what, words, *after, code=0):
    """Port 389: the rootDSE on the first connection; StartTLS on the second, and what comes behind its answer."""
    def tables(_):
        def step(peer_):
            data = peer_.recv()
            if b"1.3.6.1.4.1.1466.20037" not in data:
                peer_.pending = data
                peer_.received = peer_.received[:-len(data)]
                return directory.ldap(root=(ROOT, END))(peer_)
            answer = der(0x30, b"\x02\x01\x01", result(0x78, code, "no"))
            peer_.send(answer + b"".join(after))
            return peer_.silent()
        return [step]
    return controller(number, what, Cell("auth", "skipped", None, "", DC, "ldap"),
                      Extra("ldap.starttls", "warn", None, words, port=389), ports=(389,), credentials=0, tables=tables,
                      check=no_bind)


starttls("L12.1", "StartTLS: refused", "result 52", code=52)
starttls("L12.2", "StartTLS: accepted, and more in the clear", "in the clear",
         der(0x30, b"\x02\x01\x02", entry("CN=evil")), der(0x30, b"\x02\x01\x02", END))
starttls("L12.3", "StartTLS: accepted, then junk", "", b"A" * 5000)
starttls("L12.4", "StartTLS: accepted, then silence", "")
