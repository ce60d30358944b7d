"""The proofs of what is wrong with the domain controllers and resolvers as servers, and with what lies between them."""

import os
import re
import socket
import subprocess

from faults_lab import DC, NAMES, NODES, connect, dig, proof

from clients_test import contains, same

DC2 = "127.0.0.11"
LDAP_PORTS = (389, 636, 3268, 3269)
ACCOUNT = "(|(userPrincipalName=svc@contoso.test)(proxyAddresses=smtp:svc@contoso.test))"
HOME = "DC=contoso,DC=test"
SITE_GC = "_gc._tcp.Default-First-Site-Name._sites.contoso.test"


def ask(server, name, kind="A"):
    """The records of a name that one server has."""
    command = ["dig", f"@{server}", "+short", "+time=2", "+tries=1", "+noedns", name, kind]
    return sorted(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())


def search(lab, address, port, *arguments, seconds=5):
    """ldapsearch by password at any controller and port: exit code and words."""
    scheme = "ldaps" if port in (636, 3269) else "ldap"
    secret = os.path.join(lab.base, "proof.secret")
    with open(secret, "w", encoding="utf-8") as file:
        os.chmod(secret, 0o600)
        file.write(lab.password)
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-o", f"nettimeout={seconds}"]
    command += ["-H", f"{scheme}://{address}:{port}", "-D", "CONTOSO\\svc", "-y", secret, *arguments]
    done = subprocess.run(["timeout", str(seconds), *command], capture_output=True, text=True, check=False)
    os.remove(secret)
    return done.returncode, done.stdout + done.stderr


def sasl(lab, mechanism, url, *options):
    """ldapsearch by SASL: GSSAPI with a ticket, or NTLM inside GSS-SPNEGO."""
    environment = os.environ | {"KRB5CCNAME": lab.ccache}
    command = ["ldapsearch", "-Y", mechanism, "-N", "-Q", "-LLL", *options, "-H", url, "-b", "", "-s", "base", "dnsHostName"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout + done.stderr


def found(text):
    """Names of the entries."""
    return re.findall(r"^dn: (.*)$", text, re.M)


def root(lab, address, attribute, port=389):
    """What an attribute of rootDSE says to anybody."""
    command = ["ldapsearch", "-x", "-LLL", "-H", f"ldap://{address}:{port}", "-b", "", "-s", "base", attribute]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.findall(rf"^{attribute}: (.*)$", text, re.M)


def kdc_answers(lab, address=DC):
    """How often one KDC answers a kinit that prefers UDP, over UDP and TCP; the ticket does not fit a datagram: 2 and 1."""
    with open(os.environ["KRB5_CONFIG"], encoding="ascii") as file:
        text = re.sub(r"    kdc = .*\n", "", file.read())
    text = text.replace("[libdefaults]\n", "[libdefaults]\n  udp_preference_limit = 32700\n")
    config = os.path.join(lab.base, "proof-udp.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(text.replace("CONTOSO.TEST = {\n", f"CONTOSO.TEST = {{\n    kdc = {address}\n"))
    environment = os.environ | {"KRB5_CONFIG": config, "KRB5CCNAME": lab.ccache, "KRB5_TRACE": "/dev/stdout"}
    command = ["timeout", "4", "kinit", "svc@CONTOSO.TEST"]
    said = subprocess.run(
        command, input=lab.password + "\n", env=environment, capture_output=True, text=True, check=False
    ).stdout
    return [len(re.findall(rf"Received answer .* {kind} {address}:88", said)) for kind in ("dgram", "stream")]


@proof("N02")
def resolvers_differ(lab):
    same(lab.facts["resolvers"], [DC, DC2])
    if lab.facts["enter"]:
        with open("/etc/resolv.conf", encoding="ascii") as file:
            same(re.findall(r"nameserver (\S+)", file.read()), [DC, DC2])
    for name in NAMES:
        same((ask(DC, name), ask(DC2, name)), (sorted(NODES.values()), ["192.0.2.20"]))
    for name, kind in (("contoso.test", "A"), ("ex1.contoso.test", "A"), ("_ldap._tcp.contoso.test", "SRV")):
        same(ask(DC, name, kind), ask(DC2, name, kind))


@proof("N06", "ldap", "address_in_directory")
def no_global_catalog(lab):
    same(root(lab, DC, "isGlobalCatalogReady"), ["FALSE"])
    for port in (3268, 3269):
        same(connect(DC, port)[0], "Connection refused")
    for port in (389, 636):
        same((port, len(found(search(lab, DC, port, "-b", HOME, ACCOUNT, "dn")[1]))), (port, 1))
    same(dig(SITE_GC, "SRV")[0], "NOERROR")


@proof("N06-site")
def no_global_catalog_in_site(lab):
    same(dig(SITE_GC, "SRV"), ("NXDOMAIN", []))
    same(dig("_gc._tcp.contoso.test", "SRV"), ("NOERROR", ["0 100 3268 dc1.contoso.test."]))
    same(root(lab, DC, "isGlobalCatalogReady"), ["TRUE"])
    same(len(found(search(lab, DC, 3268, "-b", "", ACCOUNT, "dn")[1])), 1)


@proof("D13")
def replicas_differ(lab):
    wanted = ("msExchHideFromAddressLists", "showInAddressBook", "homeMDB")
    for address, counts in ((DC, [0, 2, 1]), (DC2, [1, 0, 1])):
        for port in LDAP_PORTS:
            code, text = search(lab, address, port, "-b", HOME, ACCOUNT, *wanted)
            same((address, port, code, [text.count(f"{name}:") for name in wanted]), (address, port, 0, counts))


@proof("D03")
def channel_binding(lab):
    same(lab.kinit()[0], 0)
    for port in (636, 3269):
        text = subprocess.run(
            ["openssl", "s_client", "-connect", f"{DC}:{port}", "-CAfile", lab.ca, "-verify_hostname", "dc1.contoso.test"],
            input="", capture_output=True, text=True, check=False, timeout=20,
        ).stdout  # fmt: skip
        contains(text, "Verification: OK")
        for mechanism in ("GSSAPI", "GSS-SPNEGO"):
            code, text = sasl(lab, mechanism, f"ldaps://dc1.contoso.test:{port}", "-O", "maxssf=0")
            same((port, mechanism, code), (port, mechanism, 49))
            contains(text, "80090346: LdapErr: DSID-0C090569")
        same((port, search(lab, DC, port, "-b", "", "-s", "base", "dn")[0]), (port, 0))
    for mechanism in ("GSSAPI", "GSS-SPNEGO"):
        for port in (389, 3268):
            code, text = sasl(lab, mechanism, f"ldap://dc1.contoso.test:{port}")
            same((port, mechanism, code), (port, mechanism, 0))
            contains(text, "dc1.contoso.test")
    same(lab.audit("svc")["failed"], 0)
    code, text = search(lab, DC, 389, "-ZZ", "-b", "", "-s", "base", "dn")
    same((code, "80090346" in text), (0, False))


@proof("D01", "address_in_directory")
def in_another_domain(lab):
    place = "CN=svc,CN=Users,DC=child,DC=contoso,DC=test"
    for port in (389, 636):
        code, text = search(lab, DC, port, "-b", HOME, ACCOUNT, "dn")
        same((port, code, found(text)), (port, 0, []))
    for port in (3268, 3269):
        for base in ("", HOME):
            code, text = search(lab, DC, port, "-b", base, ACCOUNT, "homeMDB", "objectSid")
            same((port, code, found(text)), (port, 0, [place]))
            contains(text, "homeMDB: CN=DB1")
    code, text = search(lab, DC, 636, "-b", f"CN=Partitions,CN=Configuration,{HOME}", "(nETBIOSName=CHILD)", "dnsRoot")
    contains(text, "dnsRoot: child.contoso.test")


@proof("N10")
def second_is_silent(lab):
    for port in (88, 389, 636, 3268, 3269):
        with socket.create_connection((DC2, port), 2) as connection:
            connection.settimeout(0.5)
            connection.send(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00")
            try:
                same((port, connection.recv(1)), (port, None))
            except socket.timeout:
                pass
    same((kdc_answers(lab, DC2), kdc_answers(lab)), ([0, 0], [2, 1]))
    places = ["0 100 389 dc1.contoso.test.", "0 100 389 dc2.contoso.test."]
    same(dig("_ldap._tcp.contoso.test", "SRV"), ("NOERROR", places))
    same(ask(DC2, "mail.contoso.test"), sorted(NODES.values()))


@proof("N11")
def kerberos_over_tcp_only(lab):
    same(kdc_answers(lab), [0, 2])


@proof("kpasswd-closed")
def no_password_changes(lab):
    same(connect(DC, 464)[0], "Connection refused")
    same(kdc_answers(lab), [2, 1])


@proof("D14")
def no_certificate(lab):
    for port in LDAP_PORTS:
        word = "Connection refused" if port in (636, 3269) else "connected"
        same((port, connect(DC2, port)[0], connect(DC, port)[0]), (port, word, "connected"))
        if word == "connected":
            same((port, search(lab, DC2, port, "-b", "", "-s", "base", "dn")[0]), (port, 0))


def large(lab):
    """Numbers, links in both directions, and that searches use the indexes."""
    for filter_, wanted in (("(&(mail=user*)(homeMDB=*))", 20000), ("(sAMAccountName=team*)", 500)):
        text = search(lab, DC, 636, "-E", "pr=1000/noprompt", "-b", HOME, filter_, "dn", seconds=60)[1]
        same((filter_, len(found(text))), (filter_, wanted))
    text = search(lab, DC, 636, "-b", HOME, "(proxyAddresses=smtp:user12345@contoso.test)", "memberOf")[1]
    contains(text, "memberOf: CN=team345,OU=Teams")
    text = search(lab, DC, 636, "-b", HOME, "(member=CN=user12345,OU=Staff,DC=contoso,DC=test)", "dn")[1]
    same(found(text), ["CN=team345,OU=Teams,DC=contoso,DC=test"])
    text = search(lab, DC, 636, "-b", "CN=svc,CN=Users,DC=contoso,DC=test", "-s", "base", "(objectClass=*)", "tokenGroups")[1]
    same(text.count("tokenGroups:"), 6 + 2)  # the row, Domain Users, and Users


# Not with all the others: its snapshot takes half a minute and 300 MB. `faults_test.py FRONTEND large` proves it.
SLOW = {"large": (large, ())}
