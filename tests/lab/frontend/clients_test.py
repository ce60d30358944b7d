#!/usr/bin/python3
"""Independent clients against the emulated front end: curl, requests_ntlm, exchangelib, GSSAPI.

Run inside a lab: `lab run DIR -- clients_test.py DIR`. The last line is `N passed, N failed`.
"""

import json
import os
import subprocess
import sys
import warnings

import requests
import requests_ntlm
from cryptography.hazmat.backends import openssl  # noqa: F401  brings back the MD4 that NTLM needs

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "lab")
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
REQUEST_2006 = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
RESPONSE_2006A = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

MAIL = "https://mail.contoso.test"
EWS = MAIL + "/EWS/Exchange.asmx"
POX = "https://autodiscover.contoso.test/Autodiscover/Autodiscover.xml"
MAPI = MAIL + "/mapi/emsmdb/"
VIRTUAL_DIRECTORIES = "owa ecp ews mapi rpc oab autodiscover Microsoft-Server-ActiveSync".split()

CHECKS = []


def check(function):
    """Register a check; it fails by raising."""
    CHECKS.append(function)
    return function


class Lab:
    """What the checks need to know of the lab."""

    def __init__(self, base):
        self.base = os.path.abspath(base)
        with open(os.path.join(base, "lab.json"), encoding="utf-8") as file:
            self.facts = json.load(file)
        with open(self.facts["password_file"], encoding="utf-8") as file:
            self.password = file.read().strip()
        self.ca = self.facts["ca_file"]
        self.ccache = f"FILE:{self.base}/clients.ccache"

    def curl(self, url, *options, user=None, password=None, body=None, environment=None):
        """Run curl; headers and body of the last answer, with the status first."""
        command = ["curl", "-sS", "-i", "--max-time", "30", "--cacert", self.ca, "--suppress-connect-headers"]
        if user:  # by configuration on standard input, so that no password shows in a process list
            command += ["--config", "-"]
        if body is not None:
            command += ["-H", "Content-Type: text/xml; charset=utf-8", "--data-binary", body]
        done = subprocess.run(
            [*command, *options, url],
            input=f'user = "{escape(user)}:{escape(password or self.password)}"\n' if user else "",
            env=os.environ | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"curl: {done.stderr.strip()}")
        return Answer(done.stdout)

    def audit(self, account):
        """How many logons of the account have failed, says the directory."""
        command = [LAB, "audit", self.base, account]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def failures_of(self, account, action):
        """How many failed logons the action has caused."""
        before = self.audit(account)["failed"]
        action()
        return self.audit(account)["failed"] - before


class Answer:
    """One HTTP answer, the last that curl printed."""

    def __init__(self, text):
        text = text.replace("\r\n", "\n")
        while True:
            head, _, rest = text.partition("\n\n")
            if not rest.startswith("HTTP/1."):
                break
            text = rest
        self.body = rest
        self.status = int(head.split()[1])
        self.reason = head.split("\n")[0].partition(" ")[2].partition(" ")[2]
        self.headers = [line.partition(": ")[::2] for line in head.split("\n")[1:]]

    def all(self, name):
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        """The first value of a header, or None."""
        return (self.all(name) or [None])[0]


def escape(text):
    """For a quoted value in curl's configuration."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def same(got, wanted):
    """Fail unless equal."""
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def contains(text, part):
    """Fail unless the part is in the text."""
    if part not in text:
        raise AssertionError(f"{part!r} is not in {text[:300]!r}")


def get_folder(folder, mailbox=None, version="Exchange2013"):
    """The request for a distinguished folder."""
    address = f"<t:Mailbox><t:EmailAddress>{mailbox}</t:EmailAddress></t:Mailbox>" if mailbox else ""
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{TYPES}" xmlns:m="{MESSAGES}">'
        f'<s:Header><t:RequestServerVersion Version="{version}"/></s:Header><s:Body><m:GetFolder><m:FolderShape>'
        "<t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>"
        f'<t:DistinguishedFolderId Id="{folder}">{address}</t:DistinguishedFolderId>'
        "</m:FolderIds></m:GetFolder></s:Body></s:Envelope>"
    )


def pox(address, schema=RESPONSE_2006A):
    """The request for an address."""
    return (
        f'<Autodiscover xmlns="{REQUEST_2006}"><Request><EMailAddress>{address}</EMailAddress>'
        f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    )


def ews_code(answer):
    """The response code of an EWS answer."""
    return answer.body.partition("ResponseCode")[2].partition(">")[2].partition("<")[0]


class WrongBinding(requests_ntlm.HttpNtlmAuth):
    """As if TLS ended somewhere else with another certificate."""

    def _get_server_cert(self, response):
        return "00" * 32


def ntlm_status(lab, url, method, authenticator, user="CONTOSO\\svc"):
    """The status that a requests_ntlm client ends with."""
    with requests.Session() as session:
        session.verify = lab.ca
        session.auth = authenticator(user, lab.password)
        return session.request(method, url, timeout=30).status_code


def without_binding(user, password):
    """A client that sends no channel binding."""
    return requests_ntlm.HttpNtlmAuth(user, password, send_cbt=False)


def kerberos(lab):
    """Get a ticket; the environment that holds it."""
    environment = {"KRB5CCNAME": lab.ccache}
    command = ["kinit", f"svc@{lab.facts['realm']}"]
    subprocess.run(
        command, input=lab.password + "\n", env=os.environ | environment, check=True, text=True, capture_output=True
    )
    return environment


@check
def health_pages_name_the_node(lab):
    for node, address in lab.facts["nodes"].items():
        for directory in VIRTUAL_DIRECTORIES:
            answer = lab.curl(
                f"{MAIL}/{directory}/healthcheck.htm", "--resolve", f"mail.contoso.test:443:{address}"
            )
            same((answer.status, answer.body), (200, f"200 OK<br/>{node}"))


@check
def anonymous_ews_offers_its_schemes(lab):
    answer = lab.curl(EWS, body=get_folder("inbox"))
    same(answer.status, 401)
    same(
        answer.all("WWW-Authenticate"), ["Negotiate", "NTLM", 'Basic realm="mail.contoso.test"']
    )
    same(answer.header("X-FEServer") in ("EX1", "EX2"), True)


@check
def unknown_path_is_404_of_iis(lab):
    answer = lab.curl(MAIL + "/no/such/page")
    same((answer.status, answer.header("X-FEServer")), (404, None))


@check
def clear_http_is_forbidden(lab):
    same(lab.curl("http://autodiscover.contoso.test/autodiscover/autodiscover.xml").status, 403)


@check
def curl_ntlm(lab):
    for user in ("CONTOSO\\svc", "svc@contoso.test", "contoso.test\\svc"):
        answer = lab.curl(EWS, "--ntlm", user=user, body=get_folder("inbox"))
        same((answer.status, ews_code(answer)), (200, "NoError"))
    contains(answer.body, "<t:DisplayName>Inbox</t:DisplayName>")
    same(answer.header("X-BEServer"), "EX1")


@check
def curl_ntlm_authenticates_the_connection(lab):
    answer = lab.curl(EWS + "?first", "--ntlm", EWS + "?second", user="CONTOSO\\svc")
    same(answer.status, 200)
    with open(lab.facts["frontend_log"], encoding="utf-8") as file:
        last = [json.loads(line) for line in file][-1]
    same((last["credentials"], last["status"], last["user"]), (False, 200, "CONTOSO\\svc"))


@check
def curl_basic(lab):
    for user in ("CONTOSO\\svc", "svc@contoso.test", "svc"):
        answer = lab.curl(EWS, "--basic", user=user, body=get_folder("contacts"))
        same((answer.status, ews_code(answer)), (200, "NoError"))


@check
def curl_negotiate_with_kerberos(lab):
    answer = lab.curl(EWS, "--negotiate", "-u", ":", body=get_folder("calendar"), environment=kerberos(lab))
    same((answer.status, ews_code(answer)), (200, "NoError"))
    contains(answer.header("WWW-Authenticate") or "", "Negotiate ")


@check
def curl_negotiate_with_ntlm_inside(lab):
    secret = os.path.join(lab.base, "clients.ntlm")
    with open(secret, "w", encoding="utf-8") as file:
        os.chmod(secret, 0o600)
        file.write(f"CONTOSO:svc:{lab.password}\n")
    environment = {"NTLM_USER_FILE": secret, "KRB5CCNAME": "FILE:/nonexistent"}
    try:
        answer = lab.curl(EWS, "--negotiate", "-u", ":", body=get_folder("inbox"), environment=environment)
    finally:
        os.remove(secret)
    same((answer.status, ews_code(answer)), (200, "NoError"))


@check
def extended_protection_with_ntlm(lab):
    wanted = {  # none, right, wrong
        POX: (200, 200, 200),
        EWS: (200, 200, 401),
        MAPI: (401, 200, 401),
    }
    clients = (without_binding, requests_ntlm.HttpNtlmAuth, WrongBinding)
    for url, row in wanted.items():
        same((url, tuple(ntlm_status(lab, url, "GET", client) for client in clients)), (url, row))


@check
def extended_protection_refuses_kerberos_without_binding(lab):
    same(lab.curl(MAPI, "--negotiate", "-u", ":", environment=kerberos(lab)).status, 401)


@check
def bad_account_states_are_refused(lab):
    for account in ("disabled", "acctexpired", "pwexpired", "mustchange", "locked", "hours"):
        for option in ("--ntlm", "--basic"):
            answer = lab.curl(EWS, option, user=f"CONTOSO\\{account}", body=get_folder("inbox"))
            same((account, option, answer.status), (account, option, 401))


@check
def wrong_password_is_one_failed_logon(lab):
    def attempt(option):
        answer = lab.curl(EWS, option, user="CONTOSO\\svc", password="Wrong-1-password", body=get_folder("inbox"))
        same(answer.status, 401)

    for option in ("--ntlm", "--basic"):
        same((option, lab.failures_of("svc", lambda: attempt(option))), (option, 1))


@check
def wrong_channel_binding_is_no_failed_logon(lab):
    same(lab.failures_of("svc", lambda: ntlm_status(lab, MAPI, "GET", WrongBinding)), 0)


@check
def pox_settings(lab):
    options = ("--ntlm", "-H", "X-MapiHttpCapability: 1")
    answer = lab.curl(POX, *options, user="CONTOSO\\svc", body=pox("svc@contoso.test"))
    same(answer.status, 200)
    for kind in ("EXCH", "EXPR", "WEB"):
        contains(answer.body, f"<Type>{kind}</Type>")
    contains(answer.body, 'Type="mapiHttp"')
    contains(answer.body, "@contoso.test</Server>")
    plain = lab.curl(POX, "--ntlm", user="CONTOSO\\svc", body=pox("svc@contoso.test"))
    same("mapiHttp" in plain.body, False)


@check
def pox_errors(lab):
    for body, code in (
        (None, 600),  # a GET
        ("<x/>", 600),
        (pox("svc@contoso.test", "urn:x"), 601),
        (pox("nobody@contoso.test"), 500),
        (pox("nomailbox@contoso.test"), 500),
        (pox("*@contoso.test"), 500),
    ):
        answer = lab.curl(POX, "--ntlm", user="CONTOSO\\svc", body=body)
        contains(answer.body, f"<ErrorCode>{code}</ErrorCode>")


@check
def autodiscover_v2(lab):
    url = MAIL + "/autodiscover/autodiscover.json?Email=svc@contoso.test&Protocol="
    same(json.loads(lab.curl(url + "EWS").body)["Url"].lower(), EWS.lower())
    same(lab.curl(url + "Nonsense").status, 400)
    unknown = url.replace("svc@", "nobody@") + "EWS"
    same(json.loads(lab.curl(unknown).body)["ErrorCode"], "UserNotFound")


@check
def ews_refusals(lab):
    def code(user, *arguments, **keywords):
        return ews_code(lab.curl(EWS, "--ntlm", user=user, body=get_folder(*arguments, **keywords)))

    same(code("CONTOSO\\svc", "inbox", "nobody@contoso.test"), "ErrorNonExistentMailbox")
    same(code("CONTOSO\\svc", "inbox", "nomailbox@contoso.test"), "ErrorNonExistentMailbox")
    same(code("CONTOSO\\nomailbox", "inbox"), "ErrorMissingEmailAddress")
    same(code("CONTOSO\\nomailbox", "inbox", "nomailbox@contoso.test"), "ErrorNonExistentMailbox")
    same(code("CONTOSO\\hidden", "inbox", "svc@contoso.test"), "ErrorItemNotFound")
    same(code("CONTOSO\\svc", "nosuchfolder"), "ErrorFolderNotFound")


@check
def ews_faults(lab):
    for body, wanted in (
        ("not xml", "ErrorSchemaValidation"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "ErrorSchemaValidation"),
        (get_folder("inbox", version="Exchange1999"), "ErrorInvalidServerVersion"),
    ):
        answer = lab.curl(EWS, "--ntlm", user="CONTOSO\\svc", body=body)
        same((answer.status, ews_code(answer)), (500, wanted))


@check
def activesync_options(lab):
    answer = lab.curl(MAIL + "/Microsoft-Server-ActiveSync", "--basic", "-X", "OPTIONS", user="CONTOSO\\svc")
    same((answer.status, answer.header("MS-Server-ActiveSync")), (200, "15.2"))


def owa_login(lab, user, password=None):
    """Post the form; the answer, and curl's cookie jar."""
    jar = os.path.join(lab.base, "clients.cookies")
    form = {"destination": MAIL + "/owa/", "flags": "4", "forcedownlevel": "0", "username": user}
    form |= {"password": password or lab.password, "passwordText": "", "isUtf8": "1"}
    options = [word for item in form.items() for word in ("--data-urlencode", "=".join(item))]
    return lab.curl(MAIL + "/owa/auth.owa", "-b", "PBack=0", "-c", jar, *options), jar


@check
def owa_leads_to_the_form(lab):
    answer = lab.curl(MAIL + "/owa/")
    same(answer.status, 302)
    contains(answer.header("Location"), "/owa/auth/logon.aspx?url=https%3a%2f%2fmail.contoso.test%2fowa%2f&reason=0")
    page = lab.curl(answer.header("Location"))
    contains(page.body, "/owa/auth/15.2.2562/")
    same(page.header("X-OWA-Version"), "15.2.2562.37")


@check
def owa_login_works(lab):
    for user in ("CONTOSO\\svc", "svc@contoso.test"):
        answer, jar = owa_login(lab, user)
        same((answer.status, answer.header("Location")), (302, MAIL + "/owa/"))
        names = sorted(cookie.partition("=")[0] for cookie in answer.all("Set-Cookie"))
        same(names, ["cadata", "cadataIV", "cadataKey", "cadataSig", "cadataTTL"])
        page = lab.curl(MAIL + "/owa/", "-b", jar)
        same((page.status, page.header("X-BEServer")), (200, "EX1"))
        os.remove(jar)


@check
def owa_refusals(lab):
    for user, part in (
        ("CONTOSO\\disabled", "reason=2"),
        ("CONTOSO\\locked", "reason=2"),
        ("svc", "reason=2"),
        ("CONTOSO\\pwexpired", "expiredpassword.aspx"),
        ("CONTOSO\\mustchange", "expiredpassword.aspx"),
    ):
        answer, _ = owa_login(lab, user)
        same((answer.status, answer.all("Set-Cookie")), (302, []))
        contains(answer.header("Location"), part)


@check
def owa_wrong_password_is_one_failed_logon(lab):
    def attempt():
        contains(owa_login(lab, "CONTOSO\\svc", "Wrong-1-password")[0].header("Location"), "reason=2")

    same(lab.failures_of("svc", attempt), 1)


@check
def owa_without_a_mailbox(lab):
    _, jar = owa_login(lab, "CONTOSO\\nomailbox")
    answer = lab.curl(MAIL + "/owa/", "-b", jar)
    os.remove(jar)
    same(answer.status, 302)
    contains(answer.header("Location"), "errorFE.aspx")
    contains(answer.header("X-OWA-Error"), "UserHasNoMailbox")


def read_folders(account):
    """Counts and names of the folders that matter."""
    folders = (account.inbox, account.contacts, account.calendar)
    return [(folder.name, folder.total_count, folder.all().count()) for folder in folders]


@check
def exchangelib_by_server_name(lab):
    from exchangelib import Account, Configuration, Credentials

    configuration = Configuration(server="mail.contoso.test", credentials=Credentials("CONTOSO\\svc", lab.password))
    account = Account("svc@contoso.test", config=configuration, autodiscover=False)
    same(read_folders(account), [("Inbox", 2, 2), ("Contacts", 3, 3), ("Calendar", 1, 1)])
    same([contact.display_name for contact in account.contacts.all()][0], "Erika Mustermann")
    contains(account.root.tree(), "Voice Mail")
    same([box.email_address for box in account.protocol.resolve_names(["svc"])], ["svc@contoso.test"])
    contains(repr(account.protocol.resolve_names(["hidden"])), "ErrorNameResolutionNoResults")


def ask_the_labs_name_server(lab):
    """exchangelib asks DNS itself; without namespaces the system's resolver does not know the lab."""
    from exchangelib.autodiscover.discovery.base import BaseAutodiscovery

    BaseAutodiscovery.DNS_RESOLVER_ATTRS = {"nameservers": [lab.facts["dns"]]}


@check
def exchangelib_by_autodiscover(lab):
    from exchangelib import Account, Credentials

    ask_the_labs_name_server(lab)
    account = Account("svc@contoso.test", credentials=Credentials("CONTOSO\\svc", lab.password), autodiscover=True)
    same(account.protocol.service_endpoint, EWS)
    same(read_folders(account)[0], ("Inbox", 2, 2))


@check
def exchangelib_by_soap_autodiscover(lab):
    from exchangelib import Credentials
    from exchangelib.autodiscover.discovery.soap import SoapAutodiscovery

    ask_the_labs_name_server(lab)
    credentials = Credentials("CONTOSO\\svc", lab.password)
    _, protocol = SoapAutodiscovery(email="svc@contoso.test", credentials=credentials).discover()
    same(protocol.service_endpoint, EWS)


def main(arguments):
    """Run the checks, or those whose names are given after the directory."""
    if not arguments:
        print("usage: clients_test.py LABDIR [CHECK ...]", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    lab = Lab(arguments[0])
    os.environ["REQUESTS_CA_BUNDLE"] = lab.ca
    failed = 0
    chosen = [function for function in CHECKS if not arguments[1:] or function.__name__ in arguments[1:]]
    for function in chosen:
        try:
            function(lab)
        except Exception as error:  # a check may fail in any way; the others still count
            failed += 1
            print(f"FAILED {function.__name__}: {type(error).__name__}: {error}")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
