"""Logon attempts as the domain controllers counted them: the oracle for "at most one failed logon"."""

import glob
import json
import os

from . import names

# What a client's password or ticket caused; a Kerberos ticket shown to LDAP is an authorization, not an attempt.
ATTEMPT = "Authentication"


def attempts(base, account):
    """Every logon attempt for the account, in order of time, each counted once."""
    found = {}
    for path in sorted(glob.glob(os.path.join(base, "dc?", "log", "*"))):
        if os.path.isfile(path):
            for number, event in enumerate(_events(path)):
                if _is_for(event, account):
                    found.setdefault(_identity(event, path, number), _short(event, path))
    return sorted(found.values(), key=lambda event: event["time"])


def report(base, account):
    """The JSON value that `lab audit` prints."""
    events = attempts(base, account)
    succeeded = sum(event["status"] == "NT_STATUS_OK" for event in events)
    return {"failed": len(events) - succeeded, "succeeded": succeeded, "events": events}


def _events(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = line.strip()
            if line.startswith("{"):
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # a line that is being written
                if event.get("type") == ATTEMPT:
                    yield event


def _is_for(event, account):
    account = account.lower()
    wanted = {account, f"{account}@{names.DNS_DOMAIN}", f"{names.NETBIOS_DOMAIN}\\{account}".lower()}
    wanted.add(names.user_dn(account).lower())
    details = event[ATTEMPT]
    seen = {(details.get(key) or "").lower() for key in ("clientAccount", "mappedAccount", "becameAccount")}
    return bool(wanted & seen)


def _identity(event, path, number):
    """winbindd reports one attempt several times, under one logon id; others have no id and report once."""
    logon = event[ATTEMPT]["logonId"]
    return logon if logon != "0" else (path, number)


def _short(event, path):
    details = event[ATTEMPT]
    return {
        "time": event["timestamp"],
        "controller": os.path.basename(os.path.dirname(os.path.dirname(path))),
        "service": details["serviceDescription"],
        "method": details["authDescription"],
        "client": details["clientAccount"],
        "remote": details["remoteAddress"],
        "status": details["status"],
    }
