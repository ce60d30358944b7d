"""faults.md: authentication over HTTP (A1, A2, A4, A8, A16), and what Exchange itself says no with."""

import base64

import ntlm
import peer
import web
from case import Case, Cell, exchange
from world import BAD, DOMAIN

EVIL = "evil.test"


# ---- A1: the server offers something else ----------------------------------------------------------------------

exchange("A1.1", "offers Basic only, NTLM was asked for", Cell("auth", "fail", "no-scheme", "Basic"),
         schemes=("Basic realm=x",), options=("--auth", "ntlm"), credentials=0)
exchange("A1.2", "offers Basic only, Kerberos was asked for", Cell("auth", "fail", "no-scheme", "Basic"),
         schemes=("Basic realm=x",), options=("--auth", "kerberos"), credentials=0, good="http")
exchange("A1.3", "offers Basic only, no option allows it", Cell("auth", "fail", "no-scheme", "--allow-basic"),
         schemes=("Basic realm=x",), credentials=0)
exchange("A1.4", "offers Basic only, --allow-basic", Cell("mailbox", "pass"), schemes=("Basic realm=x",),
         options=("--allow-basic",), accepted=True)
exchange("A1.5", "offers NTLM, then Basic only in its place", Cell("auth", "fail", "no-scheme", "no challenge"),
         leg2=web.unauthorized("Basic realm=x"), credentials=0, type1=True)
exchange("A1.6", "the same with --allow-basic: no switch on the way", Cell("auth", "fail", "no-scheme", "no challenge"),
         leg2=web.unauthorized("Basic realm=x"), options=("--allow-basic",), credentials=0, type1=True)
exchange("A1.7", "offers NTLM and Basic, --allow-basic: NTLM it is", Cell("auth", "pass", None, "NTLM"),
         schemes=("Basic realm=x", "NTLM"), options=("--allow-basic",), accepted=True,
         check=lambda run: ["Basic was used"] if any(b"Basic" in data for server in run.world.all_servers()
                                                     for data in server.received()) else [])
exchange("A1.8", "answers 401 without any scheme", Cell("http", "fail", "no-scheme", "no authentication scheme"),
         before=web.unauthorized(), credentials=0)
exchange("A1.9", "refuses every logon", Cell("auth", "fail", "logon-refused", "refuses the logon with NTLM"),
         refuse=True)
exchange("A1.10", "the same, three services: one attempt", Cell("auth", "fail|skipped"), refuse=True,
         services="ews,owa,autodiscover")


# ---- A2: plain HTTP --------------------------------------------------------------------------------------------

def plain(world):
    """autodiscover.contoso.test answers on port 80 only, and wants a logon there."""
    world.only = "autodiscover"
    name = "autodiscover." + DOMAIN
    server = world.serve(name, [peer.http(world.exchange(schemes=("NTLM", "Negotiate", "Basic")))], host=False)
    world.option("--connect", f"{name}:80:{server.address}:{server.port}", "--allow-basic", "--insecure")


Case("A2.1", "wants NTLM or Basic on http://", plain,
     Cell("http", "skipped", None, "plain HTTP", "autodiscover." + DOMAIN, "autodiscover", port=80), good=None)
exchange("A2.2", "Autodiscover names http:// for EWS", Cell("mailbox", "pass", service="autodiscover"),
         services="autodiscover,ews", answers={"autodiscover": web.settings(f"http://{BAD}/EWS/Exchange.asmx")},
         credentials=2, accepted=True,
         check=lambda run: [] if all(row["port"] != 80 for row in run.rows()) else ["a row for http://"])


# ---- A4: broken challenges -------------------------------------------------------------------------------------

GOOD_CHALLENGE = ntlm.challenge()
BROKEN = (
    ("of 20 bytes", GOOD_CHALLENGE[:20], "short"),
    ("with a bad signature", b"NTLMSSQ\0" + GOOD_CHALLENGE[8:], "NTLMSSP"),
    ("that is a Type 3", GOOD_CHALLENGE[:8] + b"\x03" + GOOD_CHALLENGE[9:], "type"),
    ("whose target info lies outside", GOOD_CHALLENGE[:44] + b"\xff\xff\0\0" + GOOD_CHALLENGE[48:], ""),
    ("whose AV pairs do not end", GOOD_CHALLENGE[:-4] + b"\x01\0\xff\x7f", ""),
)
for index, (title, token, words) in enumerate(BROKEN, 1):
    exchange(f"A4.{index}", f"an NTLM challenge {title}", Cell("auth", "fail", "malformed", words), challenge=token,
             credentials=0, type1=True, options=("--auth", "ntlm"))
exchange("A4.6", "a challenge that is no base64", Cell("auth", "fail", "no-scheme"), leg2=web.unauthorized("NTLM !!!"),
         credentials=0, type1=True, options=("--auth", "ntlm"))
exchange("A4.7", "challenges again and again", Cell("auth", "fail", "logon-refused"),
         leg2=None, refuse=True, schemes=("NTLM " + base64.b64encode(GOOD_CHALLENGE).decode(), "NTLM"))


# ---- A8: names of others ---------------------------------------------------------------------------------------

def evil(number, what, *cells, answers=None, before=None, srv=False, credentials=1, options=()):
    """bad.contoso.test, an Exchange one may trust, names a server of evil.test, which logs what it gets. In answers
    and before "@" is that server's port."""
    def setup(world):
        world.only = "autodiscover,ews,owa"
        server = world.front(EVIL, world.exchange(schemes=("NTLM", "Negotiate", "Basic")), host=False)
        filled = {service: make(server.port) for service, make in (answers or {}).items()}
        world.front(BAD, world.exchange(answers=filled, before=before(server.port) if before else None))
        world.option("--allow-basic", "--skip", "owa", *options)
        if srv:
            world.names.add(f"autodiscover.{DOMAIN}", server.address)

    def untouched(run):
        got = [data for server in run.world.servers[EVIL] for data in server.received() if b"Authorization" in data]
        return ["evil.test got an Authorization header"] if got else []
    return Case(number, what, setup, *cells, good=None, credentials=credentials, accepted=True, check=untouched)


evil("A8.1", "Autodiscover's EwsUrl names evil.test", Cell("auth", "skipped", None, "--allow-host evil.test", EVIL),
     answers={"autodiscover": lambda port: web.settings(f"https://{EVIL}:{port}/EWS/Exchange.asmx")}, credentials=2)
evil("A8.2", "RedirectUrl to evil.test", Cell("protocol", "warn", None, EVIL, service="autodiscover"),
     answers={"autodiscover": lambda port: web.redirect_url(f"https://{EVIL}:{port}/autodiscover/autodiscover.xml")},
     credentials=2)
evil("A8.3", "RedirectAddr to evil.test", Cell("protocol", "warn", None, EVIL, service="autodiscover"),
     answers={"autodiscover": lambda port: web.redirect_address("svc@" + EVIL)}, credentials=2)
evil("A8.4", "302 to evil.test before the logon", Cell("http", "fail", "redirected", EVIL),
     before=lambda port: web.page(302, "", ("Location", f"https://{EVIL}:{port}/EWS/Exchange.asmx"), web.NODE),
     credentials=0)
evil("A8.5", "302 to evil.test after the logon", Cell("protocol", "fail", "redirected", EVIL),
     answers={"ews": lambda port: web.page(302, "", ("Location", f"https://{EVIL}:{port}/EWS/"), web.NODE)},
     credentials=2)


def plain_redirect(world):
    """What anybody on the way could answer: http://autodiscover.contoso.test leads to evil.test."""
    world.only = "autodiscover"
    name = "autodiscover." + DOMAIN
    evil_server = world.front(EVIL, world.exchange(schemes=("NTLM", "Basic")), host=False)
    to = f"https://{EVIL}:{evil_server.port}/autodiscover/autodiscover.xml"
    server = world.serve(name, [peer.http(lambda *_: web.page(302, "", ("Location", to)))], host=False)
    world.option("--connect", f"{name}:80:{server.address}:{server.port}", "--allow-basic")


Case("A8.6", "plain HTTP redirects Autodiscover to evil.test", plain_redirect,
     Cell("auth", "skipped", None, "--allow-host evil.test", EVIL, "autodiscover"), good=None)


def name_in_the_middle(world):
    """evil.test's certificate for a name of ours: the address is an attacker's."""
    world.serve(BAD, [peer.tls(world.context(EVIL)), peer.http(world.exchange(schemes=("NTLM", "Basic")))])
    world.option("--allow-basic")
    world.good()


Case("A8.7", "our name, evil.test's certificate", name_in_the_middle, Cell("tls", "fail", "certificate-name", EVIL))


# ---- A16: the bytes of a password ------------------------------------------------------------------------------

PASSWORDS = (
    ("% and +", "100%25+per%cent&a=b;"),
    ("colons", ":first:and:last:"),
    ("UTF-8", "p\u00e4ssw\u00f6rd-\u20ac-\u03a9-\U0001d11e-\u4e2d"),
    ("quotes and blanks", " \"two\" 'words' \\ and\ttab "),
    ("1,000 bytes", "x\u00fc9%:" * 166 + "end!"),
)
SCHEMES = (("NTLM", "ews", ("NTLM",), ()), ("Basic", "ews", ("Basic realm=x",), ("--allow-basic",)),
           ("OWA's form", "owa", ("NTLM",), ()))


def password(number, what, text, services, schemes, options, stdin=False, end=b"\n", begin=b""):
    """The front end takes no other password."""
    def setup(world):
        world.password = text
        world.only = services
        world.file("password", begin + text.encode() + end)
        if stdin:
            world.stdin, world.password_file = begin + text.encode() + end + b"a second line\n", "-"
        world.front(BAD, world.exchange(schemes=schemes))
        world.option(*options)
    return Case(number, what, setup, Cell("mailbox", "pass", service=services), good=None, credentials=1, accepted=True)


for row, (kind, text_of) in enumerate(PASSWORDS, 1):
    for column, (scheme, service, offered, allowed) in enumerate(SCHEMES):
        source = "stdin" if row % 2 else "a file"
        password(f"A16.{row}{'abc'[column]}", f"password with {kind}, by {scheme}, from {source}", text_of, service,
                 offered, allowed, stdin=row % 2 == 1)
password("A16.6", "password file with CR LF", "plain text%1", "ews", ("NTLM",), (), end=b"\r\n")
password("A16.7", "password file without a line end", "plain text%1", "ews", ("NTLM",), (), end=b"")
password("A16.8", "password file with a byte order mark", "plain text%1", "ews", ("NTLM",), (), begin=b"\xef\xbb\xbf")


def with_nul(stdin):
    def setup(world):
        data = "canary\0and more".encode("utf-16-le" if stdin else "utf-8") + b"\n"
        world.file("password", data)
        if stdin:
            world.stdin, world.password_file = data, "-"
        world.front(BAD, world.exchange())
    return setup


Case("A16.9", "a NUL in the password file: nothing is sent", with_nul(False), good=None, refused="NUL")
Case("A16.10", "UTF-16 on standard input: nothing is sent", with_nul(True), good=None, refused="UTF-16")


# ---- what Exchange says itself ---------------------------------------------------------------------------------

FAULTS = (("ErrorServerBusy", "server-busy"), ("ErrorInternalServerError", "soap-fault"),
          ("ErrorAccountDisabled", "account-disabled"), ("ErrorPasswordExpired", "password-expired"),
          ("ErrorPasswordChangeRequired", "password-must-change"))
for index, (code, reason) in enumerate(FAULTS, 1):
    exchange(f"E1.{index}", f"EWS' SOAP fault {code}", Cell("protocol", "fail", reason, code),
             answers={"ews": web.soap_fault(code)}, accepted=True)
exchange("E2.1", "EWS opens no folder: access denied", Cell("mailbox", "fail", "access-denied"),
         answers={"ews": web.folders("ErrorAccessDenied")}, accepted=True)
exchange("E2.2", "EWS knows no mailbox", Cell("mailbox", "fail", "no-mailbox"),
         answers={"ews": web.folders("ErrorNonExistentMailbox")}, accepted=True)
exchange("E3.1", "Autodiscover error 600", Cell("protocol", "fail", "autodiscover-error", service="autodiscover"),
         services="autodiscover", answers={"autodiscover": web.autodiscover_error(600)}, accepted=True)
exchange("E3.2", "Autodiscover error 500", Cell("protocol", "fail", "no-mailbox", service="autodiscover"),
         services="autodiscover", answers={"autodiscover": web.autodiscover_error(500)}, accepted=True)
exchange("E4.1", "OWA's form leads to the page of expired passwords",
         Cell("auth", "fail", "password-expired", service="owa"), services="owa",
         form="/owa/auth/expiredpassword.aspx", accepted=True)
exchange("E4.2", "OWA's form leads to evil.test", Cell("auth", "fail", "redirected", service="owa"), services="owa",
         form="https://evil.test/owa/", accepted=True)
exchange("E4.3", "OWA's form comes back: wrong password",
         Cell("auth", "fail", "logon-refused", "reason 2", service="owa"), services="owa", refuse=True)
