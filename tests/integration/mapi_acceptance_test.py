#!/usr/bin/python3
"""MAPI in whole runs: mapi_acceptance_test.py EXREACH FRONTEND [TEST ...]

RPC over HTTP, MAPI over HTTP and RPC over TCP up to opened mailboxes and public folders; every fault of theirs is the
first finding and shows in its own cells alone; what the directory explains hangs below it; what is seen on the wire is
told in words, and no secret with it. Labs run side by side. The last line is `N passed, N failed`.
"""
import json
import os
import re
import sys

from canary_test import canaries, password_of, search
from faultcheck import EXIT_OF_SEVERITY, blocked_cells_are_behind_a_break
from labtools import cells, clean, describe, expect
from mapi_acceptance_faults import BELOW, FAULTS, NEW_ROWS
from mapi_lab import EVERYTHING, PLAIN, MapiLab, main, named, only_these_differ, roots, rows, test, told

SVC_GUID, OTHER_GUID = "a6544e7d-c5e7-5bcc-a1d0-dcb40b19a222", "ad60f34e-6604-527c-b36a-87f85d59bdb9"
COUNTS = {"inbox.total": 2, "inbox.unread": 0, "contacts.total": 3, "contacts.unread": 0, "calendar.total": 1,
          "calendar.unread": 0, "voicemail.total": 1, "voicemail.unread": 0}
HERE = os.path.dirname(os.path.abspath(__file__))


def everything_opens(survey, services=("rpc", "mapi"), count=2):
    """Own mailbox, further one and public folders, with the lab's own figures."""
    for service in services:
        found = [row for row in rows(survey, service) if row["host"] == "mail.contoso.test"]
        expect(len(found) == count, f"{len(found)} rows of {service}\n" + describe(survey))
        for row in found:
            row_opens(row, service)


def row_opens(row, service):
    checks = named(row)
    for column, check in checks.items():
        expect(check["outcome"] == "pass", f"{row['id']} {column} is {check['outcome']}: {check['summary']}")
    for column, guid in (("mailbox", SVC_GUID), ("other", OTHER_GUID)):
        facts = checks[column]["facts"]
        read = {name: facts.get(f"{service}.{name}") for name in COUNTS}
        expect(read == COUNTS, f"{row['id']} {column}: {read}")
        expect(facts[f"{service}.mailbox_guid"] == guid and facts[f"{service}.owner"], f"{row['id']} {column}: {facts}")
    expect(checks["public"]["facts"][f"{service}.public.folders"] == 2, f"{row['id']}: {checks['public']['facts']}")
    book = checks["book"]["facts"]
    expect((book["book.containers"], book["book.resolved"], book["book.dn_resolved"], book["book.smtp_address"]) ==
           (3, "one", "one", "svc@contoso.test"), f"{row['id']}: {book}")


# ---- healthy: both transports, both schemes --------------------------------------------------------------------

WAYS = {
    "ntlm": ("NTLM", ("--auth", "ntlm"), None), "kerberos_by_password": ("Kerberos", ("--auth", "kerberos"), None),
    "kerberos_by_ticket": ("Kerberos", ("-k",), ()), "what_the_server_prefers": ("Kerberos", (), None),
}

for WAY in WAYS:
    def opens(way=WAY):
        scheme, options, credentials = WAYS[way]
        with MapiLab() as lab:
            if credentials == ():
                lab.kinit()
            survey = lab.survey(*EVERYTHING, *options, credentials=credentials)
            expect(survey["exit_code"] == 0 and not survey["findings"], told(survey))
            everything_opens(survey)
            for row in rows(survey, "rpc", "mapi"):
                facts = row["cells"]["auth"]["facts"]
                expect(facts["auth.scheme"] == scheme and facts["auth.bindings"], f"{row['id']}: {facts}")
            for row in rows(survey, "rpc"):
                ports = [named(row)[column]["facts"]["rpc.port"] for column in ("protocol", "referral", "book")]
                expect(ports == [6001, 6002, 6004], f"{row['id']}: {ports}")
            expect(survey["logons"]["refused"] == 0 and lab.audit("svc")["failed"] == 0, str(survey["logons"]))
    opens.__name__ = f"mailboxes_and_public_folders_open_over_{WAY}"
    test(opens)


CURL = """{scheme}
user = "{user}"
request = {method}
cacert = "{authority}"
resolve = "mail.contoso.test:443:127.0.0.20"
silent
max-time = 10
output = /dev/null
write-out = "%{{http_code}}"
header = "Content-Type: application/mapi-http"
header = "X-RequestType: PING"
header = "X-RequestId: {{2B5CF5B0-0000-4000-8000-000000000000}}:1"
header = "X-ClientInfo: {{2B5CF5B0-0000-4000-8000-000000000000}}:1"
header = "Content-Length: 0"
"""
PLACES = (("POST", "mapi/emsmdb/"), ("POST", "mapi/nspi/"), ("RPC_OUT_DATA", "rpc/rpcproxy.dll?mail.contoso.test:6001"))


def others_get_in(switch, status):
    """curl with either scheme, and impacket: neither sends bindings with its HTTP logon."""
    with MapiLab(*switch) as lab:
        lab.kinit()
        for scheme, user in (("negotiate", ":"), ("ntlm", "CONTOSO\\\\svc:" + password_of(lab))):
            for method, path in PLACES:
                config = CURL.format(scheme=scheme, user=user, method=method, authority=lab.path("ca.pem"))
                answer = lab.run("curl", "-K", "-", f"https://mail.contoso.test/{path}", input=config).stdout
                expect(answer == status, f"curl, {scheme}, {path}, {switch}: {answer}")
        if PLAIN:
            return  # impacket resolves names by itself
        client = os.path.join(HERE, "impacket_client.py")
        result = lab.run("/usr/bin/python3", client, lab.dir, "test_address_book_binds_and_unbinds")
        good = result.stdout.strip().endswith("1 passed, 0 failed")
        expect(good == (status == "200"), f"impacket, {switch}: {result.stdout}")
        expect(good or "401" in result.stdout or "Unauthorized" in result.stdout, result.stdout[-2000:])


@test
def extended_protection_is_required():
    """Who sends no bindings is refused with either scheme; where they are not asked for, the same requests get in."""
    others_get_in((), "401")
    others_get_in(("rpc-open",), "200")


@test
def a_server_without_extended_protection_is_fine_too():
    with MapiLab("rpc-open") as lab:
        survey = lab.survey(*EVERYTHING)
        everything_opens(survey)
        expect(survey["exit_code"] == 0 and not survey["findings"], told(survey))


# ---- what is seen on the wire ----------------------------------------------------------------------------------

STORE_WORDS = ["> RopLogon", "< RopLogon: success", "RopOpenFolder", "RopGetPropertiesSpecific", "(Inbox)",
               "Contacts, Calendar, Voice Mail", "RopGetHierarchyTable", "RopSetColumns", "RopQueryRows",
               "RopLogon (public folders)", "RopRelease"]
BOOK_WORDS = ["> NspiBind", "> NspiGetSpecialTable", "> NspiResolveNamesW", "> NspiDNToMId", "> NspiGetProps",
              "> NspiUnbind"]
WORDS = {
    "rpc": STORE_WORDS + BOOK_WORDS + [
        "> RPC_IN_DATA /rpc/rpcproxy.dll?", "> RPC_OUT_DATA /rpc/rpcproxy.dll?", "> RTS CONN/A1", "> RTS CONN/B1",
        "< RTS CONN/A3", "< RTS CONN/C2", "> bind call 1", "EMSMDB 0.81", "NSPI 56.0", "RFRI 1.0", "< bind_ack call 1",
        "> EcDoConnectEx as /o=Contoso", "< EcDoConnectEx: success", "> EcDoRpcExt2", "< EcDoRpcExt2: success",
        "> request call 2", "< response call 2", "operation 11", "> RfrGetNewDSA for /o=Contoso", "> RfrGetFQDNFromServerDN",
        "> EcDoDisconnect"],
    "mapi": STORE_WORDS + BOOK_WORDS + [
        "> X-RequestType: PING", "> X-RequestType: Connect", "> X-RequestType: Execute", "> X-RequestType: Disconnect",
        "> X-RequestType: Bind", "> X-RequestType: Unbind", "> Connect as /o=Contoso", "< Execute: X-ResponseCode 0",
        "< Bind: X-ResponseCode 0", "< NspiBind: status 0", "> Cookie: <hidden", "< Set-Cookie: <hidden"],
}


def trace_of(lab, probe, *options, **more):
    result = lab.exreach(*EVERYTHING, "-vv", *options, command=("probe", probe), **more)
    clean(result)
    expect(result.returncode == 0, f"probe {probe} {options}: exit {result.returncode}\n{result.stdout[:3000]}")
    for where in ("stdout", "stderr"):
        search(f"probe {probe} {options}: {where}", getattr(result, where).encode(), canaries(password_of(lab)))
    missing = [words for words in WORDS[probe] if words not in result.stderr]
    expect(not missing, f"probe {probe} {options} does not say {missing}")
    return result


def every_pdu_is_told(probe, path):
    with MapiLab() as lab:
        for options in ((), ("--auth", "ntlm")):
            result = trace_of(lab, probe, *options)
            ours = [line.partition(" ")[2] for line in result.stderr.split("\n") if line.startswith(f"{probe}/")]
            expect(any(re.match(r"> Authorization: \w+ <hidden \d+ bytes>", line) for line in ours), "no Authorization")
            expect(all(path in line for line in ours if re.match(r"> (POST|RPC_IN_DATA|RPC_OUT_DATA) ", line)), "paths")
            matrix = result.stdout.partition("Checklist")[0]
            services = {line.split()[0] for line in matrix.split("\n") if " 127.0.0." in line}
            expect(services - {"autodiscover", "kerberos", "dns"} == {probe}, matrix)


@test
def probe_rpc_tells_every_pdu_and_no_secret():
    every_pdu_is_told("rpc", "/rpc/rpcproxy.dll?")


@test
def probe_mapi_tells_every_request_and_no_secret():
    every_pdu_is_told("mapi", "/mapi/")


@test
def probes_alone_work_with_a_ticket():
    """Of the cache, or got for the password."""
    with MapiLab() as lab:
        lab.kinit()
        for probe in ("rpc", "mapi"):
            trace_of(lab, probe, "-k", credentials=())
            trace_of(lab, probe, "--auth", "kerberos")


SEALED_WORDS = ["EPM 3.0", "* endpoint mapper: ", "< bind_ack", "at level privacy", "* logon inside RPC: ",
                "> EcDoConnectEx", "< EcDoConnectEx: success", "< RopLogon: success", "> NspiBind",
                "> RfrGetNewDSA", "> EcDoDisconnect"]


@test
def rpc_over_tcp_tells_every_pdu_and_no_secret():
    with MapiLab("exchange-2010") as lab:
        for options in (("--auth", "kerberos"), ("--auth", "ntlm", "--allow-host", "ex1.contoso.test")):
            result = lab.exreach(*EVERYTHING, "-vv", *options)
            clean(result)
            search(f"{options}", (result.stdout + result.stderr).encode(), canaries(password_of(lab)))
            row = "rpc/ex1.contoso.test/127.0.0.20:135 "
            tcp = [line for line in result.stderr.split("\n") if line.startswith(row)]
            missing = [words for words in SEALED_WORDS if not any(words in line for line in tcp)]
            expect(not missing, f"{options}: {missing} is not told:\n" + "\n".join(tcp[:20]))


# ---- faults ----------------------------------------------------------------------------------------------------

for FAULT in FAULTS:
    def one(fault=FAULT):
        shape, severity, words = FAULTS[fault]
        rule = fault.partition("-")[0]
        with MapiLab(fault) as lab:
            saved = lab.path("survey.json")
            result = lab.exreach(*EVERYTHING, "--save", saved, *(("--timeout", "3") if fault == "T05" else ()))
            clean(result)
            with open(saved, encoding="utf-8") as file:
                survey = json.load(file)
            expect(survey["findings"] and survey["findings"][0]["rule"] == rule, told(survey))
            first = survey["findings"][0]
            expect(first["evidence"] and first["fix"] and first["checks"], "evidence, fix or checks are missing")
            expect(first["severity"] == severity, f"{fault} is {first['severity']}")
            expect(words in "\n".join(first["evidence"]), f"no {words} in the evidence: {first['evidence']}")
            expect(result.returncode == survey["verdict"]["exit"] == EXIT_OF_SEVERITY[severity], told(survey))
            breaks_at = survey["verdict"]["breaks_at"]
            expect((breaks_at or {}).get("rule") == (rule if severity == "fail" else None), told(survey))
            expect(roots(survey) == [rule], "a second root cause\n" + told(survey))
            expect(not list(cells(survey, "error")), describe(survey))
            expect(rule in result.stdout, "the text report does not name it:\n" + result.stdout)
            blocked_cells_are_behind_a_break(survey)
            only_these_differ(survey, shape, NEW_ROWS.get(fault, ()))
            expect(lab.audit("svc")["failed"] == 0 and survey["logons"]["refused"] == int(fault == "T07"),
                   f"{survey['logons']}, the AD counted {lab.audit('svc')['failed']} failed logons")
    one.__name__ = f"fault_{FAULT.replace('-', '_')}_is_first_and_in_its_cells_alone"
    test(one)


def no_fault(switch):
    with MapiLab(switch) as lab:
        survey = lab.survey(*EVERYTHING)
        expect(survey["exit_code"] == 0 and not survey["findings"], told(survey))
        only_these_differ(survey, {})


@test
def a_proxy_that_answers_get_with_503_is_healthy():
    no_fault("R04")


@test
def gromox_that_works_is_named_and_no_fault():
    with MapiLab("M08-works") as lab:
        survey = lab.survey(*EVERYTHING)
        named = [(finding["rule"], finding["severity"]) for finding in survey["findings"]]
        expect(survey["exit_code"] == 0 and named == [("M08", "info")], told(survey))
        only_these_differ(survey, {})


for FAULT in BELOW:
    def below(fault=FAULT):
        rule = fault.partition("-")[0]
        with MapiLab(fault) as lab:
            for options in ((), EVERYTHING):
                survey = lab.survey(*options)
                expect(survey["findings"] and survey["findings"][0]["rule"] == rule, told(survey))
                expect(roots(survey) == [rule], f"{options}: another root\n" + told(survey))
                found = {finding["rule"] for finding in survey["findings"][1:]}
                expect(found <= BELOW[fault] | {"X-MAILBOX", "X-PROTOCOL"}, told(survey))
    below.__name__ = f"what_{FAULT.replace('-', '_')}_does_to_mapi_hangs_below_it"
    test(below)


@test
def mapi_over_http_switched_off_for_the_mailbox_is_no_unknown_failure():
    """The server does not look at it: all opens, and Autodiscover offers RPC over HTTP alone."""
    with MapiLab("D10-mapihttp") as lab:
        survey = lab.survey(*EVERYTHING)
        expect(set(roots(survey)) <= {"D10"} and survey["exit_code"] <= 1, told(survey))
        everything_opens(survey)


# ---- profiles --------------------------------------------------------------------------------------------------

@test
def the_profile_decides_which_transport_counts():
    """R01: RPC over HTTP is down, MAPI over HTTP works; M01 the other way round."""
    for fault, needs_it, does_not in (("R01", "mapi-cdo", "outlook"), ("M01", "outlook", "mapi-cdo")):
        with MapiLab(fault) as lab:
            for profile, codes, severity in ((needs_it, (2,), "fail"), (does_not, (0, 1), "warn")):
                survey = lab.survey("--profile", profile)
                expect(survey["exit_code"] in codes, f"{fault}, {profile}: exit {survey['exit_code']}\n" + told(survey))
                first = survey["findings"][0]
                expect((first["rule"], first["severity"]) == (fault, severity), f"{fault}, {profile}\n" + told(survey))


@test
def a_reset_tls_handshake_breaks_the_default_profile():
    with MapiLab("T02") as lab:
        survey = lab.survey(*EVERYTHING)
        expect(roots(survey) == ["T02"] and survey["findings"][0]["severity"] == "fail", told(survey))
        expect(survey["exit_code"] == 2, told(survey))
        for row in rows(survey, "rpc", "mapi"):
            expect(row["cells"]["tls"]["outcome"] == "fail", describe(survey))


# ---- RPC over TCP ----------------------------------------------------------------------------------------------

def tcp_row_passes(survey, host, scheme):
    row = next((row for row in rows(survey, "rpc", port=135) if row["host"] == host), None)
    expect(row is not None, f"no row of {host}:135\n" + describe(survey))
    row_opens(row, "rpc")
    logon, mapper = row["cells"]["auth"]["facts"], row["cells"]["http"]["facts"]
    expect((logon["rpc.scheme"], logon["rpc.level"]) == (scheme, "privacy"), f"{row['id']}: {logon}")
    for column, place in (("protocol", "store"), ("referral", "referral"), ("book", "book")):
        port = named(row)[column]["facts"]["rpc.port"]
        expect(port == mapper[f"rpc.mapper.{place}"] > 1023, f"{row['id']} {place}: {port}, {mapper}")
    return row


@test
def exchange_2010_opens_over_tcp_with_kerberos():
    with MapiLab("exchange-2010") as lab:
        survey = lab.survey(*EVERYTHING)
        for host in ("ex1.contoso.test", "ex2.contoso.test"):
            row = tcp_row_passes(survey, host, "Kerberos")
            facts = row["cells"]["protocol"]["facts"]
            expect(facts["rpc.store_build"].startswith("14.3.513.0"), f"{row['id']}: {facts}")
        for row in rows(survey, "rpc", port=443):
            expect(row["cells"]["mailbox"]["outcome"] == "pass", describe(survey))
            facts = row["cells"]["protocol"]["facts"]
            expect(facts["rpc.level"] == "privacy", f"{row['id']}: {facts}")
        expect(not {"M01", "V03", "R07"} & {finding["rule"] for finding in survey["findings"]}, told(survey))
        expect(survey["exit_code"] <= 1 and lab.audit("svc")["failed"] == 0, told(survey))


@test
def ntlm_over_tcp_wants_a_host_that_is_allowed():
    """Nothing proves who answers on a clear port."""
    with MapiLab("exchange-2010") as lab:
        survey = lab.survey(*EVERYTHING, "--auth", "ntlm")
        tcp = rows(survey, "rpc", port=135)
        expect(len(tcp) == 2, describe(survey))
        for row in tcp:
            logon = row["cells"]["auth"]
            expect(logon["outcome"] == "skipped" and f"--allow-host {row['host']}" in logon["summary"], str(logon))
        survey = lab.survey(*EVERYTHING, "--auth", "ntlm", "--allow-host", "ex1.contoso.test")
        tcp_row_passes(survey, "ex1.contoso.test", "NTLM")
        outcomes = {row["host"]: row["cells"]["auth"]["outcome"] for row in rows(survey, "rpc", port=135)}
        expect(outcomes == {"ex1.contoso.test": "pass", "ex2.contoso.test": "skipped"}, str(outcomes))
        expect(lab.audit("svc")["failed"] == 0, "failed logons")


@test
def tcp_of_a_newer_server_passes_too():
    """Named by the user, or by Autodiscover as of old."""
    for switches, options in ((("rpc-tcp",), ("--host", "ex1.contoso.test:135")), (("R09", "rpc-tcp"), ())):
        with MapiLab(*switches) as lab:
            survey = lab.survey(*EVERYTHING, *options)
            tcp_row_passes(survey, "ex1.contoso.test", "Kerberos")
            everything_opens(survey)
            expect(survey["exit_code"] == 0 and not survey["findings"], told(survey))


# ---- politeness ------------------------------------------------------------------------------------------------

@test
def a_wrong_password_costs_one_failed_logon():
    """Of every row and either transport together, whichever comes first."""
    runs = [(), ("--auth", "ntlm"), ("--auth", "kerberos"), ("--only", "rpc"), ("--only", "mapi", "--auth", "ntlm"),
            ("--only", "rpc", "--auth", "ntlm", "--allow-host", "ex1.contoso.test", "--host", "ex1.contoso.test:135")]
    for switches in ((), ("exchange-2010",)):
        with MapiLab(*switches) as lab:
            wrong = lab.path("wrong")
            with open(wrong, "w", encoding="utf-8") as file:
                file.write("Not-the-password-1\n")
            for options in runs if not switches else (runs[0], runs[-1]):
                before = lab.audit("svc")["failed"]
                survey = lab.survey(*EVERYTHING, "--profile", "all", *options, credentials=("--password-file", wrong))
                spent = lab.audit("svc")["failed"] - before
                expect(spent == 1, f"{switches} {options}: {spent} failed logons\n" + told(survey))
                expect(survey["logons"]["refused"] == 1, f"{switches} {options}: {survey['logons']}")
                # only a KDC says why it refuses
                rules = ("A01", "X-AUTH") if {"ntlm", "--only"} & set(options) else ("A01",)
                expect(survey["findings"] and survey["findings"][0]["rule"] in rules, told(survey))
                opened = [row["id"] for row in survey["rows"] for cell in [row["cells"].get("mailbox")]
                          if cell and cell["outcome"] == "pass"]
                expect(not opened, f"opened with a wrong password: {opened}")


@test
def a_changed_password_costs_one_failed_logon():
    with MapiLab("A01") as lab:
        survey = lab.survey(*EVERYTHING, "--profile", "all")
        expect(survey["findings"][0]["rule"] == "A01" and survey["logons"]["refused"] == 1, told(survey))
        expect(lab.audit("svc")["failed"] == 1, f"{lab.audit('svc')['failed']} failed logons")


def redirected(survey, count, where):
    """Each row followed it once, or did not, because others had asked often enough."""
    found = rows(survey, "rpc", "mapi", port=443)
    expect(len(found) == count, describe(survey))
    followed = 0
    for row in found:
        own, service = row["cells"]["mailbox"], row["service"]
        if own["outcome"] == "skipped":
            continue
        expect(own["outcome"] == "pass", f"{row['id']}: {own['summary']}\n" + told(survey))
        if own["facts"].get(f"{service}.redirect_followed"):
            followed += 1
            expect(where in own["facts"][f"{service}.redirect"], str(own["facts"]))
        expect(own["facts"][f"{service}.inbox.total"] == 2, str(own["facts"]))
    expect(survey["exit_code"] == 0 and not {"M12", "M13"} & set(roots(survey)), told(survey))
    return followed


for FAMILY in ("rpc", "mapi"):
    def follows(family=FAMILY):
        with MapiLab("redirect") as lab:
            survey = lab.survey("--only", f"{family},autodiscover")
            expect(redirected(survey, 2, "EX2") == 2, told(survey))
            expect(lab.audit("svc")["failed"] == 0, "failed logons")
    follows.__name__ = f"a_redirection_is_followed_once_over_{FAMILY}"
    test(follows)


@test
def redirections_of_all_rows_do_not_pause_the_account():
    with MapiLab("redirect") as lab:
        expect(redirected(lab.survey(*EVERYTHING), 4, "EX2") >= 2, "not followed")


@test
def a_redirection_to_a_mailbox_name_is_followed_once():
    with MapiLab("redirect-guid") as lab:
        survey = lab.survey(*EVERYTHING)
        expect(redirected(survey, 4, SVC_GUID) >= 2, told(survey))
        for row in rows(survey, "rpc", port=443):
            expect(row["cells"]["mailbox"]["facts"].get("rpc.redirect_followed"), str(row["cells"]["mailbox"]["facts"]))


if __name__ == "__main__":
    sys.exit(main())
