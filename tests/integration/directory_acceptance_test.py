#!/usr/bin/python3
"""The directory in whole runs: directory_acceptance_test.py EXREACH FRONTEND [TEST ...]

Every fault of the directory, the accounts' rules and the organisation is the first finding of a run against it; what a
healthy directory says; two domain controllers, one of them silent; the checklist. The lab's own resolv.conf says which
name servers there are. Prints a line per test; the last one is `N passed, N failed`.
"""
import glob
import json
import os
import re
import subprocess
import sys

from faultcheck import fault_is_first, others_are_right
from labtools import EXREACH, LAB, TOP, Lab, cells, clean, describe, expect, main, test

MODE = subprocess.run([LAB, "mode"], capture_output=True, text=True, check=True).stdout.strip()
SEEDS = os.path.join(TOP, "tests", "fuzz", "seeds", "regfile")
MAPI = {"mapi", "rpc"}
WEB = {"autodiscover", "ews", "owa"} | MAPI
DIRECTORY = {"ldap", "gc"}
ITEMS = ["faq-%d" % i for i in range(1, 16)] + ["faq-2013-%d" % i for i in range(1, 6)] + \
    ["faq-2010-1", "faq-2010-2"] + ["faq-test-%d" % i for i in range(1, 4)] + ["faq-use-%d" % i for i in range(1, 5)]
BY_HAND = {"faq-1", "faq-3", "faq-4", "faq-5", "faq-9", "faq-10", "faq-14", "faq-15", "faq-2013-2", "faq-2013-3",
           "faq-2013-4", "faq-2013-5", "faq-test-3", "faq-use-2"}


class ForestLab(Lab):
    """A lab whose own resolv.conf is asked, with all its name servers."""

    def description(self):
        with open(self.path("lab.json"), encoding="utf-8") as file:
            return json.load(file)

    def arguments(self, address="svc@contoso.test"):
        dns = [word for server in self.description()["resolvers"] for word in ("--dns", server)] if MODE == "plain" else []
        return [EXREACH, "check", address, *dns, "--ca", self.path("ca.pem"), *self.options]

    def exreach(self, *options, address="svc@contoso.test", password="password"):
        return self.run(*self.arguments(address), "--password-file", self.path(password), *options)

    def kinit(self, principal):
        with open(self.path("password"), encoding="utf-8") as file:
            result = self.run("kinit", principal, input=file.readline())
        expect(result.returncode == 0, f"kinit {principal}: {result.stderr}")


def rows(survey, service, port=None, host=None):
    return [row for row in survey["rows"] if row["service"] == service and port in (None, row["port"]) and
            host in (None, row["host"])]


def extras(survey, probe, outcome=None):
    return [check for row in survey["rows"] for check in row["more"] if check["probe"] == probe and
            outcome in (None, check["outcome"])]


def item(survey, name):
    return next(entry for entry in survey["checklist"] if entry["item"] == name)


def evidence(finding):
    return "\n".join(finding["evidence"])


# ---- faults -------------------------------------------------------------------------------------------------

# What each breaks or bends, and words that its evidence must have.
FAULTS = {
    "N02": (set(), "192.0.2.20"), "N06": ({"gc"}, "3268"), "N06-site": ({"gc"}, "Default-First-Site-Name"),
    "N07": (set(), "vip.contoso.test"), "N09": (WEB, "mail.contoso.local"), "A08": (WEB | DIRECTORY | {"kerberos"}, ""),
    "A09": ({"owa"}, "OTHERPC"), "A10": (set(), ""), "A17": ({"kerberos"}, "HTTP/mail.contoso.test"),
    "A18": ({"kerberos"}, "HTTP/mail.contoso.test"), "A19": ({"kerberos"}, "HTTP/mail.contoso.test"), "A21": (set(), ""),
    "D01": ({"ldap"}, "child"), "D02": (set(), "389"), "D03": (DIRECTORY, "636"), "D05": (WEB | DIRECTORY, "onmicrosoft"),
    "D07": (set(), ""), "D08": (DIRECTORY | {"autodiscover"} | MAPI, "CN=other"), "D09": (set(), "Domain Admins"),
    "D10": (MAPI, "MAPI"), "D10-ews": ({"ews"}, "EWS"), "D10-owa": ({"owa"}, "OWA"), "D11": (MAPI, "2024-03-11"),
    "D12": (set(), ""), "D12-ews": ({"ews"} | MAPI, ""), "D13": (DIRECTORY, "dc2.contoso.test"), "U07": ({"autodiscover"}, "OLDEX"),
    "U08": (set(), "Branch"), "V01": (set(), "15.0.620"), "V02": (set(), "2016"), "V06": (set(), "2019"),
    "N11": (set(), "UDP"), "D14": ({"ldap", "gc"}, "636"),
    "V07": (set(), "Basic"), "V07-wire": (set(), "Basic"), "C04": (set(), "onmicrosoft"),
}
INFO = {"D02", "C04", "N11", "D14"}
FAIL = {"N06", "A08", "D05", "D07", "D08", "D10", "D11", "D12-ews"}
REFUSED = {"A08": 1, "A09": 1}  # of a run

for FAULT in FAULTS:
    def one(fault=FAULT):
        survey, audit = fault_is_first(fault, ForestLab)
        touched, words = FAULTS[fault]
        others_are_right(survey, touched)
        first = survey["findings"][0]
        wanted = "info" if fault in INFO else "fail" if fault in FAIL else "warn"
        expect(first["severity"] == wanted, f"{fault} is {first['severity']}")
        expect(words.lower() in evidence(first).lower(), f"no {words} in the evidence:\n{evidence(first)}")
        expect(survey["logons"]["refused"] == REFUSED.get(fault, 0), f"logons {survey['logons']}")
        if fault != "A21":  # a refusal of NTLM that has an explanation is no failed logon, but Samba counts it
            expect(audit["failed"] <= 2 * REFUSED.get(fault, 0), f"the AD counted {audit['failed']} failed logons in two runs")
    one.__name__ = f"fault_{FAULT.replace('-', '_')}_is_the_first_finding"
    test(one)


@test
def a_failure_short_of_the_lockout_sends_no_password():
    """With somebody's ticket at hand the account's failed logons are read before the password is used."""
    with ForestLab("A31") as lab:
        before = lab.audit("svc")["failed"]
        lab.kinit("other")
        survey = lab.survey()
        expect(survey["findings"] and survey["findings"][0]["rule"] == "A31", describe(survey))
        expect(survey["logons"]["attempted"] == 0, str(survey["logons"]))
        expect(lab.audit("svc")["failed"] == before, "a failed logon was spent")
        left = [check["facts"].get("account.attempts_left") for check in extras(survey, "ldap.guard")]
        expect(1 in left, str(left))
        for _, layer, cell in cells(survey):
            expect(layer != "auth" or cell["outcome"] in ("skipped", "blocked"), describe(survey))
        risked = lab.survey("--risk-lockout")
        expect(risked["logons"]["attempted"] > 0 and risked["logons"]["refused"] == 0, str(risked["logons"]))
        expect(list(cells(risked, "pass", "ews")), describe(risked))
        expect(lab.audit("svc")["failed"] == before, "a failed logon was spent")


# ---- a healthy directory ------------------------------------------------------------------------------------

@test
def every_item_of_the_checklist_is_there():
    with ForestLab() as lab:
        survey = lab.survey()
        expect([entry["item"] for entry in survey["checklist"]] == ITEMS, str([e["item"] for e in survey["checklist"]]))
        for entry in survey["checklist"]:
            by_hand = entry["summary"].startswith("check by hand: ")
            expect(entry["title"] and entry["summary"], str(entry))
            expect(by_hand == (entry["item"] in BY_HAND), f"{entry['item']}: {entry['summary']}")
            expect(not by_hand or (entry["outcome"] == "skipped" and len(entry["summary"]) > 25), str(entry))
            expect(by_hand or entry["outcome"] == "pass" or entry["item"].startswith("faq-2010"), str(entry))
        text = lab.exreach().stdout
        expect("Checklist" in text and "not answered by this run" in text, text)
        expect(all(re.search(rf"\b{name}\b", text) for name in ITEMS), text)


@test
def every_directory_check_says_what_it_cost():
    with ForestLab() as lab:
        survey = lab.survey("--mailbox", "other@contoso.test")
        expect(survey["exit_code"] == 0 and not survey["findings"], describe(survey))
        for probe in ("ldap.state", "ldap.groups", "ldap.recipient", "ldap.other", "ldap.organization", "ldap.controllers",
                      "gc.addresses", "gc.spn"):
            read = extras(survey, probe, "pass")
            expect(len(read) == 1, f"{probe} passes {len(read)} times\n" + describe(survey))
            cost = [read[0]["facts"].get(fact, 0) for fact in ("ldap.requests", "ldap.bytes")]
            expect(1 <= cost[0] <= 12 and 0 < cost[1] < 100000, f"{probe}: {cost}")
        for service in ("ldap", "gc"):
            for row in rows(survey, service):
                facts = row["cells"]["protocol"]["facts"]
                expect(facts.get("ldap.requests", 0) >= 1 and facts.get("ldap.bytes", 0) > 0, f"{row['id']}: {facts}")
        for probe, count in (("ldap.server", 2), ("ldap.scp", 2), ("ldap.vdir", 16), ("ldap.database", 2)):
            expect(len(extras(survey, probe, "pass")) == count, f"{len(extras(survey, probe))} × {probe}")


@test
def every_port_of_the_controller_has_its_row():
    with ForestLab() as lab:
        survey = lab.survey()
        for service, port in (("kerberos", 88), ("ldap", 389), ("ldap", 636), ("gc", 3268), ("gc", 3269)):
            found = [row for row in rows(survey, service, port, "dc1.contoso.test") if "/HTTP/" not in row["id"]]
            expect(len(found) == 1, f"{service} {port}: {len(found)} rows")
            expect(("tls" in found[0]["cells"]) == (port in (636, 3269)), f"{port}: {list(found[0]['cells'])}")
            if service != "kerberos":
                expect(found[0]["cells"]["mailbox"]["outcome"] == "pass", describe(survey))
                expect(port not in (389, 3268) or found[0]["cells"]["auth"]["facts"]["auth.scheme"] == "Kerberos", str(port))
        only = lab.survey("--dc", "dc1.contoso.test:389", "--only", "ldap", "--auth", "ntlm")
        clear = [row for row in rows(only, "ldap", 389)]
        expect(clear and clear[0]["cells"]["auth"]["outcome"] == "skipped", describe(only))


@test
def privileged_membership_is_named_with_its_way():
    way = "svc > PBX Services > Telephony Admins > Domain Admins"
    with ForestLab("D09") as lab:
        survey = lab.survey()
        first = survey["findings"][0]
        expect(first["rule"] == "D09" and way in evidence(first), evidence(first))
        expect("Domain Admins (RID 512)" in evidence(first), evidence(first))
        answer = item(survey, "faq-13")
        expect(answer["outcome"] == "fail" and way in answer["summary"], str(answer))


@test
def the_registry_answers_what_only_it_knows():
    with ForestLab() as lab:
        good = lab.survey("--registry", os.path.join(SEEDS, "server"))
        for name, outcome in (("faq-3", "pass"), ("faq-4", "pass"), ("faq-5", "pass"), ("faq-2013-2", "warn")):
            expect(item(good, name)["outcome"] == outcome, f"{item(good, name)}")
        for name in ("faq-9", "faq-2013-4"):
            expect(not item(good, name)["summary"].startswith("check by hand"), str(item(good, name)))
        bad = lab.survey("--registry", os.path.join(SEEDS, "outlook"))
        expect(item(bad, "faq-4")["outcome"] == "fail", str(item(bad, "faq-4")))
        expect(good["vantage"]["registry"]["registry.files"], str(good["vantage"]))


@test
def a_controller_with_a_port():
    with ForestLab() as lab:
        survey = lab.survey("--dc", "dc1.contoso.test:636", "--only", "ldap")
        expect([row["id"] for row in rows(survey, "ldap", 636)] == ["ldap/dc1.contoso.test/127.0.0.10:636"], describe(survey))
        expect("user" in rows(survey, "ldap", 636)[0]["sources"], str(rows(survey, "ldap", 636)[0]["sources"]))
        survey = lab.survey("--dc", "dc1.contoso.test:3268", "--only", "gc,kerberos")
        expect("user" in rows(survey, "gc", 3268)[0]["sources"], str(rows(survey, "gc", 3268)[0]))
        expect("user" not in rows(survey, "gc", 3269)[0]["sources"], str(rows(survey, "gc", 3269)[0]))


@test
def a_cache_instead_of_a_password():
    with ForestLab() as lab:
        lab.kinit("svc")
        result = lab.run(*lab.arguments(), "-k", "-f", "json")
        clean(result)
        survey = json.loads(result.stdout)
        expect(result.returncode == 0 and not survey["findings"], describe(survey))
        for service in ("ldap", "gc", "ews"):
            for row in rows(survey, service):
                expect(row["cells"]["mailbox"]["outcome"] == "pass", describe(survey))
        for probe in ("ldap.state", "ldap.groups", "ldap.organization", "ldap.signing", "ldap.bindings", "gc.spn"):
            expect(extras(survey, probe, "pass"), f"{probe}\n" + describe(survey))
        expect(lab.audit("svc")["failed"] == 0, "failed logons")


@test
def an_alternate_suffix_of_the_logon_name():
    """svc logs on as svc@pbx.example: the suffix is in the forest, the realm is another."""
    change = """dn: CN=svc,CN=Users,DC=contoso,DC=test
changetype: modify
replace: userPrincipalName
userPrincipalName: svc@pbx.example

dn: CN=Partitions,CN=Configuration,DC=contoso,DC=test
changetype: modify
replace: uPNSuffixes
uPNSuffixes: pbx.example
"""
    with ForestLab() as lab:
        found = glob.glob(lab.path("**/private/sam.ldb"), recursive=True)
        expect(len(found) == 1, str(found))
        result = lab.run("ldbmodify", "-H", found[0], input=change)
        expect(result.returncode == 0, result.stderr)
        survey = lab.survey("--user", "svc@pbx.example")
        expect(survey["exit_code"] == 0, describe(survey))
        for service in ("ldap", "gc", "ews", "owa"):
            passed = [row for row in rows(survey, service) if row["cells"]["mailbox"]["outcome"] == "pass"]
            wanted = [row for row in rows(survey, service) if "pbx.example" not in row["host"]]
            expect(passed == wanted and wanted, describe(survey))
        expect([row for row in rows(survey, "kerberos", 88) if row["cells"]["protocol"]["outcome"] == "pass"],
               describe(survey))
        expect(lab.audit("svc")["failed"] == 0, "failed logons")


# ---- two controllers ----------------------------------------------------------------------------------------

PORTS = (("kerberos", 88), ("ldap", 389), ("ldap", 636), ("gc", 3268), ("gc", 3269))


@test
def both_controllers_have_their_rows():
    with ForestLab(dcs=2) as lab:
        survey = lab.survey()
        expect(survey["exit_code"] == 0 and not survey["findings"], describe(survey))
        for host, address in lab.description()["controllers"].items():
            for service, port in PORTS:
                found = [row for row in rows(survey, service, port, host) if "/HTTP/" not in row["id"]]
                expect([row["address"] for row in found] == [address], f"{service} {port} of {host}\n" + describe(survey))
                outcomes = {cell["outcome"] for cell in found[0]["cells"].values()}
                expect(outcomes == {"pass"}, f"{found[0]['id']}: {outcomes}")
        controllers = extras(survey, "ldap.controllers", "pass")[0]["facts"]
        both = ["dc1.contoso.test", "dc2.contoso.test"]
        expect(sorted(controllers["dc.hosts"]) == both == sorted(controllers["dc.gcs"]), str(controllers))
        expect(survey["vantage"]["resolvers"] == ["127.0.0.10:53", "127.0.0.11:53"], str(survey["vantage"]))


def slowest(survey, service):
    """How long the slowest row of a service took, in milliseconds."""
    return max(sum(cell["elapsed_ms"] for cell in row["cells"].values()) for row in rows(survey, service)
               if row["host"] != "contoso.test")


@test
def a_silent_controller_costs_the_others_nothing():
    with ForestLab(dcs=2) as lab:
        healthy = lab.survey("--timeout", "4")
    with ForestLab("N10") as lab:
        survey = lab.survey("--timeout", "4")
        expect(survey["exit_code"] == 1 and survey["findings"][0]["rule"] == "N10", describe(survey))
        expect("dc2.contoso.test" in evidence(survey["findings"][0]), evidence(survey["findings"][0]))
        expect(not [one for one in survey["findings"] if one["severity"] == "fail"], describe(survey))
        for service, port in PORTS:
            for host in ("dc1.contoso.test", "dc2.contoso.test"):
                found = [row for row in rows(survey, service, port, host) if "/HTTP/" not in row["id"]]
                expect(len(found) == 1, f"{service} {port} of {host}: {len(found)} rows\n" + describe(survey))
                outcomes = {cell["outcome"] for cell in found[0]["cells"].values()}
                expect(("fail" in outcomes) == (host == "dc2.contoso.test"), f"{found[0]['id']}: {outcomes}")
                causes = {cell["fault"]["cause"] for cell in found[0]["cells"].values() if cell["fault"]}
                expect(causes <= {"timeout"}, f"{found[0]['id']}: {causes}")
        for service in WEB:
            before, after = slowest(healthy, service), slowest(survey, service)
            expect(after < 3 * before + 1500, f"{service}: {before} ms became {after} ms")
            for row in rows(survey, service):
                if row["host"] != "contoso.test" and row["port"] != 80:
                    expect(row["cells"]["mailbox"]["outcome"] == "pass", describe(survey))
        expect(survey["elapsed_ms"] < healthy["elapsed_ms"] + 4 * 4000, f"{survey['elapsed_ms']} ms")


# What may appear in no redacted output: names, accounts, hosts, sites, SIDs, DNs, addresses.
# The advice names containers that every organisation has.
SECRETIVE = re.compile(r"contoso|\bsvc\b|\bdc[12]\b|\bex[12]\b|\bDB[12]\b|127\.0\.0\.\d|192\.0\.2\.|S-1-5-21-\d|"
                       r"CN=(?!Protocols,|Autodiscover with)|OU=|DC=|Default-First-Site|OTHERPC|OLDEX|PBX Services|"
                       r"Telephony Admins|Service Account|pbx\.example", re.IGNORECASE)


@test
def redacted_runs_tell_nobody():
    for faults, dcs in (((), 2), (("D09", "D13", "U07", "D08", "A09"), 2), (("N02", "N07", "A17"), 2)):
        with ForestLab(*faults, dcs=dcs) as lab:
            saved = lab.path("redacted.json")
            result = lab.exreach("--redact", "--save", saved, "--mailbox", "other@contoso.test")
            clean(result)
            with open(saved, encoding="utf-8") as file:
                outputs = {"text": result.stdout, "JSON": file.read(), "messages": result.stderr}
            for name, text in outputs.items():
                leaks = sorted({text[max(0, m.start() - 60):m.end() + 30].replace("\n", " ") for m in
                                SECRETIVE.finditer(text)})
                expect(not leaks, f"{' '.join(faults)}: the {name} has " + "\n".join(leaks[:12]))
            expect(json.loads(outputs["JSON"])["rows"], "no rows")


if __name__ == "__main__":
    sys.exit(main())
