"""What faults_test.py and its proofs share: the lab as it is seen from inside, its parts, and who proves what."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "frontend"))

from clients_test import EWS, MAIL, MESSAGES, POX, Lab  # noqa: E402
from clients_test import ews_code, get_folder, pox, same  # noqa: E402

DC = "127.0.0.10"
NODES = {"ex1": "127.0.0.20", "ex2": "127.0.0.21"}
NAMES = ("mail.contoso.test", "autodiscover.contoso.test")
PARTS = {}
PROOFS = {}


def part(function):
    """A part of the lab that is healthy unless a fault concerns it."""
    PARTS[function.__name__] = function
    return function


def proof(identity, *concerned):
    """The evidence of a fault, and the parts it concerns."""

    def register(function):
        PROOFS[identity] = (function, concerned)
        return function

    return register


class Inside(Lab):
    """The lab seen from inside it; works without its name server, too."""

    def curl(self, url, *options, node="ex1", **keywords):
        resolve = [word for name in NAMES for word in ("--resolve", f"{name}:443:{NODES[node]}")]
        return super().curl(url, *resolve, *options, **keywords)

    def ews(self, *options, node="ex1", user="CONTOSO\\svc", **keywords):
        """Open the inbox; status and response code."""
        answer = self.curl(EWS, *(options or ("--ntlm",)), node=node, user=user, body=get_folder("inbox"), **keywords)
        return answer.status, ews_code(answer)

    def ews_by_kerberos(self):
        """The same with a ticket."""
        same(self.kinit()[0], 0)
        environment = {"KRB5CCNAME": self.ccache}
        options = ("--negotiate", "-u", ":")
        answer = self.curl(EWS, *options, body=get_folder("inbox"), environment=environment)
        return answer.status, ews_code(answer)

    def owa(self, user="svc@contoso.test"):
        """Post the form, follow to the start page; the two answers."""
        jar = os.path.join(self.base, "proof.cookies")
        form = {"destination": MAIL + "/owa/", "username": user, "password": self.password}
        options = [word for item in form.items() for word in ("--data-urlencode", "=".join(item))]
        first = self.curl(MAIL + "/owa/auth.owa", "-b", "PBack=0", "-c", jar, *options)
        second = self.curl(MAIL + "/owa/", "-b", jar)
        os.remove(jar)
        return first, second

    def kinit(self, principal="svc", lines=()):
        """Exit code and words of kinit; `lines` go into [libdefaults]."""
        environment = os.environ | {"KRB5CCNAME": self.ccache, "LC_ALL": "C"}
        if lines:
            with open(environment["KRB5_CONFIG"], encoding="ascii") as file:
                text = file.read().replace("[libdefaults]\n", "[libdefaults]\n" + "\n".join(lines) + "\n")
            environment["KRB5_CONFIG"] = os.path.join(self.base, "proof-krb5.conf")
            with open(environment["KRB5_CONFIG"], "w", encoding="ascii") as file:
                file.write(text)
        command = ["kinit", f"{principal}@{self.facts['realm']}"]
        done = subprocess.run(
            command, input=self.password + "\n", env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def ldap(self, *arguments, user="svc@contoso.test", port=636, scheme="ldaps"):
        """Exit code and words of ldapsearch."""
        secret = os.path.join(self.base, "proof.secret")
        with open(secret, "w", encoding="utf-8") as file:
            os.chmod(secret, 0o600)
            file.write(self.password)
        logon = ["-D", user, "-y", secret] if user else []
        command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", f"{scheme}://{DC}:{port}"]
        command += [*logon, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        os.remove(secret)
        return done.returncode, done.stdout + done.stderr

    def read(self, expression, *attributes, base="DC=contoso,DC=test"):
        """What another user reads of the objects that a filter finds: a list of (attribute, value), `dn` among them."""
        text = self.ldap("-b", base, expression, *attributes, user="other@contoso.test")[1]
        pairs = []
        for line in text.split("\n"):
            name, colon, value = line.partition(":")
            if colon and not line.startswith("#"):
                decoded = base64.b64decode(value[1:]).decode("utf-8", "replace") if value.startswith(":") else value
                pairs.append((name, decoded.strip()))
        return pairs

    def account(self, attribute, name="svc"):
        """The values of an attribute of an account."""
        return [value for key, value in self.read(f"(sAMAccountName={name})", attribute) if key == attribute]

    def ticket(self, service="HTTP/mail.contoso.test"):
        """Exit code and words of asking for a service ticket with a ticket of the account."""
        same(self.kinit()[0], 0)
        environment = os.environ | {"KRB5CCNAME": self.ccache, "LC_ALL": "C"}
        done = subprocess.run(["kvno", service], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def resolve(self, name):
        """How many mailboxes EWS finds by a name, and its response code."""
        answer = self.curl(EWS, "--ntlm", user="CONTOSO\\other", body=resolve_names(name))
        return answer.body.count("<t:Resolution>"), ews_code(answer)

    def pox(self, address="svc@contoso.test", user="CONTOSO\\svc"):
        """What Autodiscover says of an address."""
        return self.curl(POX, "--ntlm", user=user, body=pox(address)).body

    def log(self):
        """The front end's requests so far."""
        with open(self.facts["frontend_log"], encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def refusal(self):
        """The number after `data` in the refusal of a simple bind."""
        return (re.search(r"data (\w+)", self.ldap("-b", "", "-s", "base")[1]) or ["", ""])[1]

    def handshake(self, *options, address=NODES["ex1"], name="mail.contoso.test"):
        """What openssl s_client says."""
        command = ["openssl", "s_client", "-connect", f"{address}:443", "-CAfile", self.ca, "-verify_hostname", name]
        command += [*(options or ("-servername", name)), "-showcerts"]
        done = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=20)
        return done.stdout + done.stderr


def resolve_names(name):
    """The request to find a name in the address lists."""
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="{MESSAGES}"><s:Body>'
        f'<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>{name}</m:UnresolvedEntry>'
        "</m:ResolveNames></s:Body></s:Envelope>"
    )


def dig(name, kind="A"):
    """The answer's code, and its records."""
    command = ["dig", f"@{DC}", "+time=2", "+tries=1", "+noedns", name, kind]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = [line.split() for line in text.split("\n") if line and not line.startswith(";")]
    records = sorted(" ".join(line[4:]) for line in lines if len(line) > 4 and line[3] == kind)
    return re.search(r"status: (\w+)", text)[1], records


def connect(address, port=443, seconds=3):
    """What connecting comes to, and how long it takes."""
    begun = time.monotonic()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.settimeout(seconds)
        try:
            probe.connect((address, port))
            word = "connected"
        except OSError as error:
            word = os.strerror(error.errno) if error.errno else "timed out"
    return word, time.monotonic() - begun


def spn_owners(lab, host):
    """Who has HTTP/host."""
    return sorted(value for key, value in lab.read(f"(servicePrincipalName=HTTP/{host})", "cn") if key == "cn")
