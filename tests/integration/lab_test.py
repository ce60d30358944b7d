#!/usr/bin/python3
"""Whole runs against the lab: lab_test.py EXREACH FRONTEND [TEST ...]

Every fault of the lab must be the first finding of a run against it, every cell beyond the break blocked, and
nothing else failed; a wrong password must cost exactly one failed logon. Prints a line per test; the last one
is `N passed, N failed`.
"""
import json
import subprocess
import sys
import tempfile
import time

from faultcheck import fault_is_first, others_are_right
from labtools import EXREACH, LAB, Lab, cells, clean, describe, expect, main, test

# ---- healthy ------------------------------------------------------------------------------------------------

@test
def healthy_lab_is_green():
    with Lab() as lab:
        survey = lab.survey()
        expect(survey["exit_code"] == 0, describe(survey))
        expect(survey["schema"] == "exreach/1", "schema")
        expect(not list(cells(survey, "fail")) and not list(cells(survey, "error")), describe(survey))
        for service in ("dns", "kerberos", "ldap", "gc", "autodiscover", "ews", "owa", "mapi", "rpc"):
            expect(list(cells(survey, "pass", service)), f"no {service} row\n" + describe(survey))
        for service in ("ldap", "gc", "autodiscover", "ews", "owa", "mapi", "rpc"):
            expect([1 for _, layer, cell in cells(survey, "pass", service) if layer == "mailbox"],
                   f"{service} does not pass to MAILBOX\n" + describe(survey))
        for service in ("ews", "owa", "autodiscover", "mapi", "rpc"):
            nodes = {row["address"] for row, layer, _ in cells(survey, "pass", service) if layer == "mailbox"}
            expect(nodes == {"127.0.0.20", "127.0.0.21"}, f"{service}: {nodes}")
        expect(survey["findings"] == [], describe(survey))
        expect(survey["logons"]["refused"] == 0, "refused logons")
        expect(lab.audit("svc")["failed"] == 0, "the AD counted failed logons")


@test
def text_report_of_a_healthy_lab():
    with Lab() as lab:
        result = lab.exreach()
        clean(result)
        expect(result.returncode == 0, result.stdout)
        for word in ("EWS", "OWA", "Autodiscover", "LDAP", "ok"):
            expect(word.lower() in result.stdout.lower(), f"{word} is missing:\n{result.stdout}")


@test
def a_saved_survey_tells_the_same():
    with Lab("A16") as lab:
        saved = lab.path("s.json")
        first = lab.exreach("--save", saved, "--color", "never")
        again = subprocess.run([EXREACH, "diagnose", saved, "--color", "never"], capture_output=True,
                               text=True, check=False)
        expect(first.returncode == again.returncode == 1, f"{first.returncode} {again.returncode}")
        expect(first.stdout == again.stdout, f"{first.stdout}\n--- again ---\n{again.stdout}")


@test
def further_mailboxes_and_public_folders():
    with Lab() as lab:
        survey = lab.survey("--mailbox", "other@contoso.test", "--public-folders")
        rows = [row for row in survey["rows"] if row["service"] == "ews"]
        subjects = {extra.get("subject") for row in rows for extra in row.get("more", [])}
        expect("other@contoso.test" in subjects and "public folders" in subjects, str(subjects))
        for row in rows:
            for extra in row["more"]:
                expect(extra["outcome"] == "pass", f"{extra.get('subject')}: {extra['summary']}")


@test
def every_scheme_alone():
    with Lab() as lab:
        for scheme in ("kerberos", "ntlm", "negotiate"):
            survey = lab.survey("--auth", scheme)
            rows = [row for row in survey["rows"] if row["service"] == "ews"]
            for row in rows:
                facts = row["cells"]["auth"]["facts"]
                wanted = "NTLM" if scheme == "ntlm" else "Kerberos"
                expect(facts.get("auth.scheme") == wanted, f"--auth {scheme}: {row['cells']['auth']}")
                expect(row["cells"]["mailbox"]["outcome"] == "pass", f"--auth {scheme}\n" + describe(survey))
        survey = lab.survey("--auth", "basic")
        for row in [row for row in survey["rows"] if row["service"] == "ews"]:
            expect(row["cells"]["auth"]["facts"].get("auth.scheme") == "Basic", describe(survey))
        survey = lab.survey("--anonymous")
        for row in [row for row in survey["rows"] if row["service"] == "ews"]:
            expect(row["cells"]["http"]["outcome"] == "pass", describe(survey))
            expect(row["cells"]["auth"]["outcome"] == "skipped", describe(survey))
        expect(survey["logons"]["attempted"] == 0, "--anonymous logged on")


@test
def kerberos_without_a_password():
    with Lab() as lab:
        command = f"kinit svc < {lab.path('password')} >/dev/null && {EXREACH} svc@contoso.test -k -f json " \
                  f"--dns 127.0.0.10 --ca {lab.path('ca.pem')}"
        result = lab.run("sh", "-c", command)
        clean(result)
        survey = json.loads(result.stdout)
        rows = [row for row in survey["rows"] if row["service"] == "ews"]
        expect(rows, describe(survey) + result.stderr)
        for row in rows:
            expect(row["cells"]["mailbox"]["outcome"] == "pass", describe(survey))
        for row, layer, cell in cells(survey, service="owa"):
            expect(layer != "auth" or cell["outcome"] == "skipped", f"{row['id']}: {cell}")
        # Nobody asked for Kerberos: the KDC's row comes for the tickets alone, and fails nothing.
        survey = json.loads(lab.run("sh", "-c", command + " --only ews").stdout)
        for row in survey["rows"]:
            if row["service"] == "ews":
                expect(row["cells"]["auth"]["facts"].get("auth.scheme") == "Kerberos", describe(survey))
                expect(row["cells"]["mailbox"]["outcome"] == "pass", describe(survey))
        expect({row["service"] for row in survey["rows"]} == {"ews", "kerberos"}, describe(survey))


# ---- faults -------------------------------------------------------------------------------------------------

# The rows that depend on what the fault breaks: all others must pass as in a healthy lab.
WEB = {"autodiscover", "ews", "owa", "mapi", "rpc"}
DIRECTORY = {"kerberos", "ldap", "gc"}
TOUCHED = {
    "N01": {"autodiscover"}, "N04": WEB, "N05": DIRECTORY, "N08": WEB, "T01": WEB, "T02": WEB, "T04": WEB, "S01": WEB,
    "S02": WEB, "S03": WEB, "S04": WEB, "A01": WEB | DIRECTORY, "A02": WEB | DIRECTORY, "A03": WEB | DIRECTORY,
    "A04": WEB | DIRECTORY, "A05": WEB | DIRECTORY, "A06": WEB | DIRECTORY, "A07": WEB | DIRECTORY,
    "A16": {"kerberos"}, "A20": DIRECTORY, "A25": {"ews"}, "D04": WEB | DIRECTORY, "D06": {"ldap", "gc"},
    "U03": {"autodiscover"}, "U06": {"autodiscover"}, "E07": {"ews"}, "O01": {"owa"}, "O03": {"owa"}, "V03": {"ews"},
}


for FAULT in sorted(TOUCHED):
    def one(fault=FAULT):
        survey, audit = fault_is_first(fault)
        others_are_right(survey, TOUCHED[fault])
        if fault in ("A02", "A03", "A04", "A05", "A06", "A07"):
            # one attempt a run, none where the directory knows no such account
            attempts = 0 if fault == "A02" else 1
            expect(survey["logons"]["attempted"] == attempts, f"logons {survey['logons']}")
            expect(audit["failed"] == 2 * attempts, f"the AD counted {audit['failed']} failed logons in two runs")
        if fault == "A01":
            expect(survey["logons"]["refused"] == 1, f"logons {survey['logons']}")
            # two runs (JSON, then text), one failed logon each
            expect(audit["failed"] == 2, f"the AD counted {audit['failed']} failed logons in two runs")
    one.__name__ = f"fault_{FAULT}_is_the_first_finding"
    test(one)


@test
def a_wrong_password_costs_one_logon():
    with Lab("A01") as lab:
        survey = lab.survey("--public-folders", "--mailbox", "other@contoso.test")
        expect(survey["logons"]["refused"] == 1, str(survey["logons"]))
        expect(lab.audit("svc")["failed"] == 1, str(lab.audit("svc")["failed"]))
        for _, layer, cell in cells(survey):
            expect(layer != "auth" or cell["outcome"] in ("fail", "skipped", "blocked"), describe(survey))
        failed = [row["id"] for row, layer, _ in cells(survey, "fail") if layer == "auth"]
        expect(len(failed) == 1, f"{failed}")


@test
def two_faults_at_once():
    with Lab("N04", "D06") as lab:
        rules = {finding["rule"] for finding in lab.survey()["findings"]}
        expect({"N04", "D06"} <= rules, str(rules))


# ---- bad input ----------------------------------------------------------------------------------------------

@test
def bad_input_is_one_line_and_exit_3():
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as empty:
        empty.write("no certificate here\n")
        empty.flush()
        cases = [
            (["check", "no-domain", "--anonymous"], "no-domain"),
            (["check", "a@", "--anonymous"], "a@"),
            (["check", "a\x1b[31m@contoso.test", "--anonymous"], "control"),
            (["check", "a@contoso.test", "--password-file", "/nowhere/at/all"], "/nowhere/at/all"),
            (["check", "a@contoso.test", "--frobnicate"], "frobnicate"),
            (["check", "a@contoso.test", "--only", "telepathy", "--anonymous"], "telepathy"),
            (["probe", "telepathy", "a@contoso.test"], "telepathy"),
            (["check", "a@contoso.test", "--anonymous", "--ca", empty.name], empty.name),
            (["check", "a@contoso.test", "--anonymous", "--ca", "/nowhere.pem"], "/nowhere.pem"),
            (["check", "a@contoso.test", "--anonymous", "-f", "papyrus"], "papyrus"),
            (["diagnose", "/nowhere.json"], "/nowhere.json"),
            (["explain", "Z99"], "Z99"),
        ]
        for command, word in cases:
            result = subprocess.run([EXREACH, *command], capture_output=True, text=True, check=False,
                                    stdin=subprocess.DEVNULL)
            clean(result)
            expect(result.returncode == 3, f"{command}: exit {result.returncode}")
            expect(result.stderr.count("\n") == 1 and word in result.stderr, f"{command}: {result.stderr!r}")
            expect(result.stdout == "", f"{command}: {result.stdout!r}")


@test
def commands_without_a_network():
    for command in (["--help"], ["--version"], ["list"], ["explain"], ["explain", "A16"], ["check", "--help"],
                    ["diagnose", "--help"], ["probe", "--help"], ["diff", "--help"]):
        result = subprocess.run([EXREACH, *command], capture_output=True, text=True, check=False)
        clean(result)
        expect(result.returncode == 0 and result.stdout, f"{command}: {result.returncode} {result.stderr}")


@test
def an_interrupted_run_prints_what_it_has():
    with Lab("T01") as lab:
        command = [LAB, "run", lab.dir, "--", EXREACH, "check", "svc@contoso.test", "--dns", "127.0.0.10", "--ca",
                   lab.path("ca.pem"), "--password-file", lab.path("password"), "-f", "json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(2)
        begun = time.monotonic()
        process.terminate()
        out, _ = process.communicate(timeout=30)
        expect(process.returncode == 143, f"exit {process.returncode}")
        expect(time.monotonic() - begun < 2, "it took too long to end")
        expect(json.loads(out)["rows"], "no rows")


if __name__ == "__main__":
    sys.exit(main())
