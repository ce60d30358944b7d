#!/usr/bin/python3
"""Does each fault of the lab break what it says, on the wire, and nothing else? faults_test.py FRONTEND [FAULT ...]

For each fault a lab is started, the fault's own evidence is looked at with curl, openssl, dig, kinit and ldapsearch,
and then every part of the lab that the fault does not concern must be healthy. The last line is `N passed, N failed`.
"""

import base64
import datetime
import email.utils
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import faults_directory  # noqa: F401  its proofs register themselves
import faults_mapi
import faults_mapi_codes
import faults_servers
from faults_lab import DC, HERE, NAMES, NODES, PARTS, PROOFS, Inside, connect, dig, part, proof, spn_owners

from clients_test import EWS, MAIL, POX, VIRTUAL_DIRECTORIES  # from the front end's place, which faults_lab adds
from clients_test import contains, get_folder, pox, same

LAB = os.path.join(HERE, "lab")
EXCHANGE_HEADERS = ("X-FEServer", "X-OWA-Version", "request-id", "X-BEServer")


# ---- the parts -----------------------------------------------------------------------------------------------


@part
def addresses(lab):
    same(dig("contoso.test"), ("NOERROR", sorted(lab.facts["controllers"].values())))
    for name in NAMES:
        same(dig(name), ("NOERROR", sorted(NODES.values())))
    same(dig("_autodiscover._tcp.contoso.test", "SRV"), ("NOERROR", ["0 0 443 mail.contoso.test."]))


@part
def ipv6_addresses(_lab):
    for name in NAMES:
        same(dig(name, "AAAA")[1], [])


@part
def locators(lab):
    for name, port in (("_ldap._tcp.dc._msdcs", 389), ("_gc._tcp", 3268), ("_kerberos._tcp", 88)):
        places = [f"0 100 {port} {host}." for host in lab.facts["controllers"]]
        same(dig(f"{name}.contoso.test", "SRV"), ("NOERROR", places))


@part
def root_domain(lab):
    same((connect(DC)[0], lab.facts["domain"]), ("Connection refused", "contoso.test"))


@part
def certificate(lab):
    for name in NAMES:
        contains(lab.handshake(name=name), "Verification: OK")


@part
def clock(lab):
    same(abs(offset(lab)) < 60, True)


@part
def kerberos(lab):
    same(lab.kinit()[0], 0)


@part
def ldap(lab):
    for port in (636, 3269):
        for user in ("svc@contoso.test", "CONTOSO\\svc"):
            same((port, user, lab.ldap("-b", "", "-s", "base", "dn", user=user, port=port)[0]), (port, user, 0))


@part
def clear_ldap(lab):
    same(lab.ldap("-b", "", "-s", "base", "dn", port=389, scheme="ldap")[0], 0)


@part
def address_in_directory(lab):
    search = ("-b", "", "(proxyAddresses=smtp:svc@contoso.test)", "sAMAccountName")
    contains(lab.ldap(*search, user="other@contoso.test", port=3269)[1], "sAMAccountName: svc")


@part
def schemes(lab):
    for url in (EWS, POX):
        answer = lab.curl(url, body="<x/>")
        offers = [value.split()[0] for value in answer.all("WWW-Authenticate")]
        same((answer.status, offers), (401, ["Negotiate", "NTLM", "Basic"]))


@part
def autodiscover(lab):
    for node in NODES:
        answer = lab.curl(POX, "--ntlm", node=node, user="CONTOSO\\svc", body=pox("svc@contoso.test"))
        same(answer.status, 200)
        contains(answer.body, "<EwsUrl>")


@part
def ews(lab):
    for node in NODES:
        same(lab.ews(node=node), (200, "NoError"))


@part
def ews_with_kerberos(lab):
    same(lab.ews_by_kerberos(), (200, "NoError"))


@part
def others_ews(lab):
    same(lab.ews(user="CONTOSO\\other"), (200, "NoError"))


@part
def owa(lab):
    for user in ("svc@contoso.test", "CONTOSO\\svc"):
        first, second = lab.owa(user)
        same((user, first.status, first.header("Location")), (user, 302, MAIL + "/owa/"))
        same((user, second.status, second.header("X-BEServer")), (user, 200, "EX1"))


@part
def health(lab):
    for node in NODES:
        for directory in VIRTUAL_DIRECTORIES:
            answer = lab.curl(f"{MAIL}/{directory}/healthcheck.htm", node=node)
            same((directory, answer.status, answer.body), (directory, 200, f"200 OK<br/>{node}.contoso.test"))


LOGON = ("kerberos", "ldap", "clear_ldap", "ews", "ews_with_kerberos", "owa", "autodiscover")
HTTP = ("schemes", "ews", "ews_with_kerberos", "others_ews", "owa", "autodiscover", "health")


def offset(lab):
    """How far the directory's clock is ahead of ours, in seconds."""
    text = re.search(r"currentTime: (\d{14})", lab.ldap("-b", "", "-s", "base", "currentTime", user=None)[1])[1]
    theirs = datetime.datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=datetime.timezone.utc)
    return (theirs - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


# ---- the faults ----------------------------------------------------------------------------------------------


@proof("N05", "locators")
def no_locators(_lab):
    site = "Default-First-Site-Name._sites"
    for name in (
        *("_ldap._tcp", "_gc._tcp", "_kerberos._tcp", "_kerberos._udp", "_kpasswd._tcp"),
        *("_ldap._tcp.dc._msdcs", "_ldap._tcp.gc._msdcs", "_ldap._tcp.pdc._msdcs", "_kerberos._tcp.dc._msdcs"),
        *(f"_ldap._tcp.{site}", f"_gc._tcp.{site}", f"_ldap._tcp.{site}.dc._msdcs"),
    ):
        same((name, dig(f"{name}.contoso.test", "SRV")), (name, ("NXDOMAIN", [])))


@proof("N08", "ipv6_addresses")
def ipv6_times_out(_lab):
    for name in NAMES:
        same(dig(name, "AAAA"), ("NOERROR", ["::1"]))
    word, seconds = connect("::1")
    same((word, seconds > 2.9), ("timed out", True))


@proof("N08-unreachable", "ipv6_addresses")
def ipv6_has_no_route(lab):
    for name in NAMES:
        same(dig(name, "AAAA"), ("NOERROR", ["2001:db8::20"]))
    word, seconds = connect("2001:db8::20")
    if lab.facts["isolation"] == "plain":  # the machine's own network decides how
        same(word in ("Network is unreachable", "No route to host", "timed out"), True)
    else:
        same((word, seconds < 0.1), ("Network is unreachable", True))


@proof("T02", "certificate", "ews", "ews_with_kerberos", "others_ews", "owa", "health", "schemes")
def resets_by_name(lab):
    for node, address in NODES.items():
        text = lab.handshake(address=address)
        contains(text, "errno=104")
        contains(text, "no peer certificate available")
        same("alert" in text.lower(), False)
        for name in ("autodiscover", node):
            contains(lab.handshake("-servername", f"{name}.contoso.test", address=address), "Verification: OK")
        contains(lab.handshake("-noservername", address=address), "Verification: OK")
        same(connect(address)[0], "connected")


@proof("T04", *HTTP)
def portal_answers(lab):
    for node in NODES:
        requests = [(EWS, get_folder("inbox")), (POX, pox("svc@contoso.test"))]
        requests += [(MAIL + path, None) for path in ("/owa/", "/ews/healthcheck.htm", "/nothing")]
        for url, body in requests:
            answer = lab.curl(url, node=node, body=body)
            same((answer.status, answer.header("Content-Type")), (200, "text/html; charset=utf-8"))
            contains(answer.body, "<title>Contoso Guest Network - Sign in</title>")
            contains(answer.header("Via"), "squid")
            same([answer.header(name) for name in EXCHANGE_HEADERS], [None] * 4)
            same("IIS" in answer.header("Server"), False)
    same(lab.curl(f"http://{NODES['ex1']}/").status, 200)


@proof("S03", "certificate", *HTTP)
def untrusted_root(lab):
    text = lab.handshake()
    contains(text, "verify error:num=19:self-signed certificate in certificate chain")
    contains(text, "issuer=CN = Contoso Private Root CA")
    same(text.count("BEGIN CERTIFICATE"), 2)


@proof("S04", "certificate", *HTTP)
def intermediate_is_missing(lab):
    text = lab.handshake()
    contains(text, "verify error:num=20:unable to get local issuer certificate")
    same(text.count("BEGIN CERTIFICATE"), 1)
    leaf = re.search(r"-----BEGIN.*?-----END CERTIFICATE-----", text, re.S)[0]
    command = ["openssl", "x509", "-noout", "-text"]
    shown = subprocess.run(command, input=leaf, capture_output=True, text=True, check=True).stdout
    contains(shown, "CA Issuers - URI:http://pki.contoso.example/issuing1.crt")
    contains(shown, "Issuer: CN = Contoso Issuing CA 1")


def account_state(lab, words, data, owa_place, ntlm):
    """How a logon of this account is refused everywhere; the words of kinit come from the code of the KDC."""
    code, text = lab.kinit()
    same(code, 1)
    contains(text, words)
    same(lab.refusal(), data)
    for node in NODES:
        same(lab.ews("--ntlm", node=node)[0], 401)
    same(lab.ews("--basic")[0], 401)
    first, _ = lab.owa()
    same((first.status, first.all("Set-Cookie")), (302, []))
    contains(first.header("Location"), owa_place)
    notes = [line["note"] for line in lab.log() if line["scheme"] == "ntlm" and line["status"] == 401]
    contains(" ".join(notes), ntlm)


@proof("A02", *LOGON)
def unknown_user(lab):
    account_state(lab, "not found in Kerberos database", "52e", "reason=2", "NT_STATUS_NO_SUCH_USER")
    same(lab.kinit("svc.pbx")[0], 0)


@proof("A03", *LOGON)
def locked_out(lab):
    account_state(lab, "credentials have been revoked", "775", "reason=2", "NT_STATUS_ACCOUNT_LOCKED_OUT")


@proof("A05", *LOGON)
def account_expired(lab):
    account_state(lab, "credentials have been revoked", "701", "reason=2", "NT_STATUS_ACCOUNT_EXPIRED")


@proof("A06", *LOGON)
def password_expired(lab):
    account_state(lab, "Password expired.", "532", "expiredpassword.aspx", "NT_STATUS_PASSWORD_EXPIRED")


@proof("A07", *LOGON)
def must_change(lab):
    account_state(lab, "Password expired.", "773", "expiredpassword.aspx", "NT_STATUS_PASSWORD_MUST_CHANGE")


@proof("A08", *LOGON)
def logon_hours(lab):
    account_state(lab, "credentials have been revoked", "530", "reason=2", "NT_STATUS_INVALID_LOGON_HOURS")


@proof("A09", "ldap", "clear_ldap", "ews", "owa", "autodiscover")
def other_workstation(lab):
    same(lab.account("userWorkstations"), ["OTHERPC"])
    same((lab.kinit()[0], lab.refusal()), (0, "531"))
    for node in NODES:
        same(lab.ews("--ntlm", node=node)[0], 401)
    same(lab.ews("--basic")[0], 401)
    notes = [line["note"] for line in lab.log() if line["scheme"] == "ntlm" and line["status"] == 401]
    contains(" ".join(notes), "NT_STATUS_INVALID_WORKSTATION")


@proof("A10")
def expires_soon(lab):
    expiry = int(lab.account("msDS-UserPasswordExpiryTimeComputed")[0]) / 10**7 - 11644473600
    same(3 < (expiry - time.time()) / 86400 < 3.2, True)
    for user, days in (("svc", "3"), ("other", None)):
        answer = lab.curl(EWS, "--ntlm", user=f"CONTOSO\\{user}", body=get_folder("inbox"))
        same((user, answer.status, answer.header("X-MS-Credentials-Expire")), (user, 200, days))


def kerberos_error(lab):
    """The token by which EWS answers a ticket that it cannot accept, as hexadecimal digits."""
    answer = lab.curl(EWS, "--negotiate", "-u", ":", body="<x/>", environment={"KRB5CCNAME": lab.ccache})
    same(answer.status, 401)
    return base64.b64decode(answer.header("WWW-Authenticate").partition("Negotiate ")[2]).hex()


@proof("A17", "ews_with_kerberos")
def spn_moved(lab):
    for name in NAMES:
        same(spn_owners(lab, name), ["svc-legacy"])
        same(lab.ticket(f"HTTP/{name}")[0], 0)
    token = kerberos_error(lab)
    contains(token, "a003020105a10302011e")  # KRB-ERROR: version 5, type 30
    contains(token, "a603020129")  # error code 41
    same(lab.ticket("HTTP/ex1.contoso.test")[0], 0)


@proof("A18", "ews_with_kerberos")
def spn_twice(lab):
    for name in NAMES:
        same(spn_owners(lab, name), ["svc-exch", "svc-legacy"])
        code, text = lab.ticket(f"HTTP/{name}")
        same(code, 1)
        contains(text, "not found in Kerberos database")


@proof("A19", "ews_with_kerberos")
def only_des(lab):
    same(lab.account("msDS-SupportedEncryptionTypes", "svc-exch"), ["3"])
    code, text = lab.ticket()
    same(code, 1)
    contains(text, "KDC has no support for encryption type")


@proof("A21", "ldap", "clear_ldap", "ews", "autodiscover")
def protected_user(lab):
    same(lab.account("memberOf"), ["CN=Protected Users,CN=Users,DC=contoso,DC=test"])

    for node in NODES:
        same(lab.ews("--ntlm", node=node)[0], 401)
    notes = [line["note"] for line in lab.log() if line["scheme"] == "ntlm" and line["status"] == 401]
    contains(" ".join(notes), "NT_STATUS_ACCOUNT_RESTRICTION")
    same((lab.refusal(), lab.account("badPwdCount")), ("52f", ["0"]))
    same(lab.ews("--basic"), (200, "NoError"))


@proof("A31")
def almost_locked(lab):
    before = int(lab.account("badPasswordTime")[0]) / 10**7 - 11644473600
    same((lab.account("badPwdCount"), 0 <= time.time() - before < 60), (["9"], True))
    lab.ldap("-b", "", "-s", "base", user="svc@contoso.test")
    same(lab.account("lockoutTime") in ([], ["0"]), True)


def frontend_offset(lab):
    """How far the front end's clock is ahead of ours, in seconds."""
    theirs = email.utils.parsedate_to_datetime(lab.curl(MAIL + "/ews/healthcheck.htm").header("Date"))
    return (theirs - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def slow_directory(lab):
    """rootDSE and the KDC. MIT's kinit takes the KDC's time for its own unless it is told not to."""
    same(-605 < offset(lab) < -595, True)
    code, text = lab.kinit(lines=["  kdc_timesync = 0"])
    same(code, 1)
    contains(text, "Clock skew too great")
    same(lab.kinit()[0], 0)


@proof("A20", "clock", "ews_with_kerberos")
def slow_controllers(lab):
    slow_directory(lab)
    same(abs(frontend_offset(lab)) < 5, True)
    token = kerberos_error(lab)
    contains(token, "a003020105a10302011e")  # KRB-ERROR: version 5, type 30
    contains(token, "a603020125")  # error code 37
    same([line["note"] for line in lab.log() if "Clock skew too great" in line["note"]] != [], True)


@proof("A20-domain", "clock")
def slow_domain(lab):
    slow_directory(lab)
    same(-605 < frontend_offset(lab) < -595, True)


@proof("A25", "schemes", "ews", "ews_with_kerberos", "others_ews")
def only_basic(lab):
    answer = lab.curl(EWS, body=get_folder("inbox"))
    same((answer.status, answer.all("WWW-Authenticate")), (401, ['Basic realm="mail.contoso.test"']))
    same(lab.ews("--basic"), (200, "NoError"))
    same(lab.ews("--ntlm")[0], 401)
    search = ("(objectClass=msExchWebServicesVirtualDirectory)", "msExchInternalAuthenticationMethods")
    found = lab.ldap("-b", "CN=Configuration,DC=contoso,DC=test", *search)[1]
    same(found.count("msExchInternalAuthenticationMethods: 1\n"), 2)


@proof("A25-ntlm", "schemes", "ews_with_kerberos")
def only_ntlm(lab):
    answer = lab.curl(EWS, body=get_folder("inbox"))
    same((answer.status, answer.all("WWW-Authenticate")), (401, ["NTLM"]))
    same(lab.ews("--basic")[0], 401)


@proof("U03", "autodiscover", "address_in_directory")
def address_unknown(lab):
    for node in NODES:
        answer = lab.curl(POX, "--ntlm", node=node, user="svc@contoso.test", body=pox("svc@contoso.test"))
        same(answer.status, 200)
        contains(answer.body, "<ErrorCode>500</ErrorCode>")
    answer = lab.curl(POX, "--ntlm", user="CONTOSO\\svc", body=pox("service@contoso.test"))
    contains(answer.body, "<EwsUrl>")


@proof("U06", "root_domain")
def website_answers(lab):
    here = ("--resolve", f"contoso.test:443:{DC}")
    for path, body in (("autodiscover/autodiscover.xml", pox("svc@contoso.test")), ("", None), ("any/thing?x=y", None)):
        answer = lab.curl(f"https://contoso.test/{path}", *here, body=body)
        same((answer.status, answer.header("Content-Type")), (200, "text/html; charset=utf-8"))
        same([answer.header(name) for name in EXCHANGE_HEADERS], [None] * 4)
        same(answer.header("Server"), "nginx/1.22.1")
    answer = lab.curl("http://contoso.test/a", "--resolve", f"contoso.test:80:{DC}")
    same((answer.status, answer.header("Location")), (301, "https://contoso.test/a"))
    contains(lab.handshake(address=DC, name="contoso.test"), "Verification: OK")


@proof("E07", "ews", "ews_with_kerberos", "others_ews")
def ews_blocked(lab):
    for node in NODES:
        answer = lab.curl(EWS, "--ntlm", node=node, user="CONTOSO\\svc", body=get_folder("inbox"))
        same((answer.status, answer.header("X-FEServer"), answer.body), (403, node.upper(), ""))
        same(lab.ews("--ntlm", "-A", "Microsoft Office/16.0", node=node), (200, "NoError"))
    same(lab.ews("--ntlm", password="Wrong-1-password")[0], 401)


@proof("O01", "owa")
def logon_format(lab):
    def attempts():
        for user in ("svc@contoso.test", "CONTOSO\\svc"):
            first, second = lab.owa(user)
            same((first.status, first.all("Set-Cookie"), second.status), (302, [], 302))
            contains(first.header("Location"), "reason=2")

    same(lab.failures_of("svc", attempts), 0)
    first, second = lab.owa("svc")
    same((first.header("Location"), second.status), (MAIL + "/owa/", 200))


@proof("O03", "owa")
def language_selection(lab):
    first, second = lab.owa()
    same((first.status, first.header("Location"), len(first.all("Set-Cookie"))), (302, MAIL + "/owa/", 5))
    same((second.status, second.header("Location")), (302, MAIL + "/owa/languageselection.aspx?url=%2fowa%2f"))


def only_ews_of_ex2(lab):
    """Every health page but this one."""
    for node in NODES:
        for directory in VIRTUAL_DIRECTORIES:
            if (node, directory) != ("ex2", "ews"):
                same(lab.curl(f"{MAIL}/{directory}/healthcheck.htm", node=node).status, 200)


@proof("V03", "health")
def health_page_down(lab):
    answer = lab.curl(f"{MAIL}/ews/healthcheck.htm", node="ex2")
    same((answer.status, "200 OK" in answer.body), (503, False))
    only_ews_of_ex2(lab)


@proof("V03-closed", "health")
def health_page_closed(lab):
    try:
        lab.curl(f"{MAIL}/ews/healthcheck.htm", node="ex2")
    except AssertionError as error:
        contains(str(error), "Empty reply")
    else:
        raise AssertionError("there was an answer")
    only_ews_of_ex2(lab)


NTLM_PARTS = ("ews", "others_ews", "autodiscover")


@proof("ntlm-closed", *NTLM_PARTS)
def ntlm_closed(lab):
    negotiate = "Authorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGNFAAAADw=="
    answer = lab.curl(EWS, "-H", negotiate, body="")
    same((answer.status, answer.header("Connection")), (401, None))
    contains(answer.header("WWW-Authenticate"), "NTLM TlRMTVNTUAAC")
    # the second request of the same client needs a second connection
    command = ["curl", "-sS", "-v", "--cacert", lab.ca, "--resolve", f"mail.contoso.test:443:{NODES['ex1']}"]
    done = subprocess.run([*command, "-H", negotiate, EWS, EWS], capture_output=True, text=True, check=False)
    same((done.stderr.count("< HTTP/1.1 401"), done.stderr.count("TLS handshake, Client hello")), (2, 2))


@proof("ntlm-moved", *NTLM_PARTS)
def ntlm_moved(lab):
    def attempt():
        answer = lab.curl(EWS, "--ntlm", user="CONTOSO\\svc", body=get_folder("inbox"))
        offers = [value.split()[0] for value in answer.all("WWW-Authenticate")]
        same((answer.status, answer.header("X-FEServer"), offers), (401, "EX2", ["Negotiate", "NTLM", "Basic"]))

    same(lab.failures_of("svc", attempt), 0)


# ---- running -------------------------------------------------------------------------------------------------


def inside(base, identity):
    """Run in the lab: the proof, then all that the fault does not concern. Prints what is wrong; the exit code."""
    lab = Inside(base)
    function, concerned = (PROOFS | faults_servers.SLOW | faults_mapi_codes.BY_NAME).get(identity, (None, ()))
    checks = [(identity, function)] if function else []
    if identity in faults_mapi.ALSO:
        checks.append((f"{identity} over MAPI", faults_mapi.ALSO[identity]))
    checks += [item for item in PARTS.items() if item[0] not in concerned]
    wrong = 0
    for name, check in checks:
        try:
            check(lab)
        except Exception as error:  # a check may fail in any way; the others still count
            wrong += 1
            print(f"       {name}: {type(error).__name__}: {error}")
    return wrong


def one(frontend, identity):
    """A lab with this fault; is it right, and how long did the start take?"""
    base = tempfile.mkdtemp(prefix="exreach-faults.")
    directory = os.path.join(base, "lab")
    faults = identity.split() if identity != "healthy" else []  # some need a switch of the lab to be seen
    begun = time.monotonic()
    try:
        subprocess.run([LAB, "up", directory, "--frontend", frontend, *faults], check=True)
        took = time.monotonic() - begun
        command = [sys.executable, os.path.abspath(__file__), "--inside", directory, identity]
        wrong = subprocess.run([LAB, "run", directory, "--", *command], check=False).returncode
        down = subprocess.run([LAB, "down", directory], check=True, capture_output=True, text=True)
        wrong += "ended:" in down.stderr
        return wrong == 0, took, down.stderr
    except subprocess.CalledProcessError as error:
        return False, time.monotonic() - begun, str(error)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main(arguments):
    """Every fault that is named, or all."""
    if arguments[:1] == ["--inside"]:
        return inside(*arguments[1:])
    passed = failed = 0
    for identity in arguments[1:] or ["healthy", *PROOFS]:
        good, took, words = one(arguments[0], identity)
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok    ' if good else 'FAILED'} {identity} (up in {took:.1f} s) {words.strip()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
