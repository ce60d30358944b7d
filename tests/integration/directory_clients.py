#!/usr/bin/python3
"""ldapsearch and exchangelib read what exreach reads: directory_clients.py LAB_DIR EXREACH, inside the lab."""
import json
import os
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore")
DIR, EXREACH = sys.argv[1], sys.argv[2]
failures = []


def same(what, ours, theirs):
    print(f"{'ok    ' if ours == theirs else 'FAILED'} {what}: {ours!r}" + ("" if ours == theirs else f", they read {theirs!r}"))
    if ours != theirs:
        failures.append(what)


def exreach():
    result = subprocess.run(
        [EXREACH, "svc@contoso.test", "--dns", "127.0.0.10", "--ca", f"{DIR}/ca.pem", "--password-file",
         f"{DIR}/password", "-f", "json"], capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
    return json.loads(result.stdout)


def ldapsearch(uri, *attributes):
    result = subprocess.run(
        ["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-H", uri, "-D", "svc@contoso.test", "-y", f"{DIR}/password.line",
         "-b", "DC=contoso,DC=test", "(proxyAddresses=smtp:svc@contoso.test)", *attributes],
        capture_output=True, text=True, check=True)
    found = {}
    for line in result.stdout.splitlines():
        name, _, value = line.partition(": ")
        found.setdefault(name, []).append(value)
    return found


def mailbox_counts():
    os.environ["REQUESTS_CA_BUNDLE"] = f"{DIR}/ca.pem"
    from exchangelib import Account, Configuration, Credentials, DELEGATE, NTLM
    with open(f"{DIR}/password", encoding="utf-8") as file:
        password = file.readline().rstrip("\n")
    configuration = Configuration(server="mail.contoso.test", auth_type=NTLM,
                                  credentials=Credentials("CONTOSO\\svc", password))
    account = Account("svc@contoso.test", config=configuration, autodiscover=False, access_type=DELEGATE)
    return {name: getattr(account, name).total_count for name in ("inbox", "contacts", "calendar")}


def main():
    with open(f"{DIR}/password", encoding="utf-8") as file, open(f"{DIR}/password.line", "w", encoding="utf-8") as line:
        line.write(file.readline().rstrip("\n"))  # ldapsearch takes a line end for a part of it
    rows = exreach()["rows"]
    cells = {service: next(row for row in rows if row["service"] == service and row["cells"]["mailbox"]["outcome"] == "pass")
             ["cells"] for service in ("ldap", "gc", "ews", "autodiscover")}
    for service, uri in (("ldap", "ldaps://dc1.contoso.test"), ("gc", "ldaps://dc1.contoso.test:3269")):
        theirs = ldapsearch(uri, "sAMAccountName", "legacyExchangeDN", "homeMDB", "userPrincipalName")
        account, mailbox = cells[service]["protocol"]["facts"], cells[service]["mailbox"]["facts"]
        same(f"{service} dn", account["account.dn"], theirs["dn"][0])
        same(f"{service} sAMAccountName", account["account.sam"], theirs["sAMAccountName"][0])
        same(f"{service} legacyExchangeDN", account["account.legacy_dn"], theirs["legacyExchangeDN"][0])
        same(f"{service} homeMDB", mailbox["mailbox.home_mdb"], theirs["homeMDB"][0])
    ours = cells["ews"]["mailbox"]["facts"]
    for name, total in mailbox_counts().items():
        same(f"EWS {name}", ours[f"ews.{name}.total"], total)
    print(f"{0 if failures else 1} passed, {1 if failures else 0} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
