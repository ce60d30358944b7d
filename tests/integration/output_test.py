#!/usr/bin/python3
"""What is written where, and no memory to write it: output_test.py EXREACH FRONTEND [TEST ...]

Broken outputs, widths, locales, colours, and allocations that fail. The last line is `N passed, N failed`.
EXREACH_TEST_SEED repeats the choices of a run; EXREACH_PLAIN names a build without sanitizers for the runs that are
denied memory.
"""
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from labtools import EXREACH, LAB, TOP, Lab, Terminal, command, expect, figures, is_sanitized, main, test

SEED = os.environ.get("EXREACH_TEST_SEED") or str(random.randrange(10 ** 6))
RANDOM = random.Random(SEED)


# ---- where the output goes ----------------------------------------------------------------------------------

SAVED = os.path.join(TOP, "tests", "golden", "healthy.json")
COMMANDS = (["list"], ["explain"], ["explain", "A16"], ["--help"], ["--version"], ["check", "--help"],
            ["diagnose", SAVED], ["diagnose", SAVED, "-f", "json"], ["diff", SAVED, SAVED],
            ["check", "a@contoso.test", "--anonymous", "--dns", "127.0.0.1:9", "--timeout", "1", "--deadline", "1"])


def one_line(err, what):
    expect(err.count("\n") == 1 and err.startswith("exreach: "), f"{what}: {err!r}")


@test
def an_output_that_cannot_be_written_is_an_error_and_not_a_death():
    for arguments in COMMANDS:
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([EXREACH, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        expect(result.returncode == 3, f"{arguments} to /dev/full: exit {result.returncode} {result.stderr!r}")
        one_line(result.stderr, arguments)
        read_end, write_end = os.pipe()
        os.close(read_end)
        result = subprocess.run([EXREACH, *arguments], stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
        os.close(write_end)
        expect(result.returncode == 3, f"{arguments} to a closed pipe: exit {result.returncode}")
        one_line(result.stderr, arguments)
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", EXREACH, *arguments], stderr=subprocess.PIPE,
                                text=True, check=False)
        expect(result.returncode == 3, f"{arguments} without standard output: exit {result.returncode}")
        one_line(result.stderr, arguments)


@test
def files_that_cannot_be_written_are_named():
    for path in ("/nowhere/at/all.json", "/dev/full", "/proc/version"):
        for options in (["--save", path], ["-f", f"json={path}"]):
            if options[0] == "--save":
                arguments = ["check", "a@contoso.test", "--anonymous", "--dns", "127.0.0.1:9", "--deadline", "1"]
            else:
                arguments = ["diagnose", SAVED]
            result = subprocess.run([EXREACH, *arguments, *options], capture_output=True, text=True, check=False)
            expect(result.returncode == 3, f"{options}: exit {result.returncode}")
            expect(path in result.stderr and result.stderr.count("\n") == 1, f"{options}: {result.stderr!r}")


# ---- --registry ---------------------------------------------------------------------------------------------

EXPORTS = os.path.join(TOP, "tests", "fuzz", "seeds", "regfile")
NOWHERE = ("check", "a@contoso.test", "--anonymous", "--dns", "127.0.0.1:9", "--timeout", "1", "--deadline", "1")


def with_registry(*options):
    return subprocess.run([EXREACH, *NOWHERE, *options], capture_output=True, text=True, check=False)


@test
def a_registry_export_answers_the_local_items():
    with tempfile.TemporaryDirectory(prefix="exreach-registry.") as scratch:
        saved = os.path.join(scratch, "run.json")
        result = with_registry("--registry", os.path.join(EXPORTS, "server"), "--save", saved, "-f", "json")
        survey = json.loads(result.stdout)
        facts = survey["vantage"]["registry"]
        expect(facts["registry.mapi_cdo"] == "6.5.8353.0" and facts["registry.lm_compatibility"] == 3, f"{facts}")
        items = {item["item"]: item["outcome"] for item in survey["checklist"]}
        expect(all(items[name] == "pass" for name in ("faq-3", "faq-4", "faq-5", "faq-2013-4")), f"{items}")
        # the saved survey answers them again, later and elsewhere
        result = subprocess.run([EXREACH, "diagnose", saved, "-f", "json"], capture_output=True, text=True, check=False)
        expect(json.loads(result.stdout)["checklist"] == survey["checklist"], result.stdout[:500])
    # two files: the second one's words count
    result = with_registry("--registry", os.path.join(EXPORTS, "server"), "--registry",
                           os.path.join(EXPORTS, "outlook"), "-f", "json")
    items = {item["item"]: item["outcome"] for item in json.loads(result.stdout)["checklist"]}
    expect(items["faq-4"] == "fail" and items["faq-3"] == "pass", f"{items}")


@test
def a_registry_export_that_is_none_is_named_with_its_line_and_not_quoted():
    with tempfile.TemporaryDirectory(prefix="exreach-registry.") as scratch:
        other = os.path.join(scratch, "password")
        with open(other, "w", encoding="ascii") as file:
            file.write("hunter2\n")
        for path, says in (("/nowhere.reg", "No such file"), (other, "line 1 "), (scratch, "directory"),
                           (os.path.join(EXPORTS, "cut"), "line 30 ")):
            result = with_registry("--registry", path, "-f", "json")
            expect(result.returncode == 3 and not result.stdout, f"{path}: exit {result.returncode}")
            one_line(result.stderr, path)
            expect(path in result.stderr and says in result.stderr, f"{path}: {result.stderr!r}")
            expect("hunter2" not in result.stderr, result.stderr)


@test
def a_run_without_standard_descriptors_sends_its_words_nowhere():
    """A socket must not get the number of a stream: the trace would go to a server."""
    listener = socket.create_server(("127.0.0.1", 0))
    got = []

    def listen():
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            stream.settimeout(2)
            try:
                while data := stream.recv(4096):
                    got.append(data)
            except OSError:
                pass
            stream.close()

    threading.Thread(target=listen, daemon=True).start()
    port = listener.getsockname()[1]
    subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", EXREACH, "check", "a@contoso.test", "--anonymous",
                    "--dns", "127.0.0.1:9", "--host", f"h.contoso.test:{port}", "--connect",
                    f"h.contoso.test:{port}:127.0.0.1:{port}", "-vv", "--timeout", "1", "--deadline", "2"], check=False)
    listener.close()
    expect(got, "nobody connected")
    for data in got:
        expect(data[:1] in (b"\x16", b"\x15"), f"not TLS: {data[:80]!r}")


# ---- terminals ----------------------------------------------------------------------------------------------

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


CELL = re.compile(r"(?<= )(ok|warn|FAIL|skip|ERR|\.|-)(?= |$)")


def matrix_is_aligned(text, where):
    """Every cell of the matrix stands under the head of a column."""
    lines = text.replace("\r", "").split("\n")
    heads = [index for index, line in enumerate(lines)
             if re.search(r"^ +dns +tcp +tls +http +auth +proto +mailbox$", line)]
    expect(len(heads) == 1, f"{where}: {len(heads)} matrix heads\n{text}")
    columns = {match.start() for match in re.finditer(r"\S+", lines[heads[0]])}
    rows = 0
    for line in lines[heads[0] + 1:]:
        if line.strip().startswith("ok works") or not line:
            break
        found = [match.start() for match in CELL.finditer(line)]
        expect(set(found) <= columns, f"{where}: not aligned: {line!r}\n{text}")
        rows += bool(found)
    expect(rows > 5, f"{where}: {rows} rows\n{text}")
    return lines


@test
def widths_locales_and_colours():
    mixed = os.path.join(TOP, "tests", "golden", "S02.json")
    base = {name: value for name, value in os.environ.items()
            if name not in ("NO_COLOR", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG")}
    for path in (SAVED, mixed):
        for columns in ("1", "40", "60", "80", "120", "500", "0", "-5", "99999999999999999999", "wide", ""):
            for locale in ("C", "en_US.UTF-8"):
                for more in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
                    environment = {**base, "TERM": "xterm", "COLUMNS": columns, "LC_ALL": locale, **more}
                    result = subprocess.run([EXREACH, "diagnose", path], capture_output=True, env=environment,
                                            check=False)
                    text = result.stdout.decode("utf-8")
                    where = f"COLUMNS={columns} LC_ALL={locale} {more}"
                    expect(result.returncode in (0, 1, 2) and not result.stderr, f"{where}: {result.stderr!r}")
                    expect(text and "\x1b" not in text, f"{where}: escape codes in a pipe")
                    expect(all(ord(c) >= 32 or c == "\n" for c in text), f"{where}: control characters")
                    expect(locale != "C" or text.isascii(), f"{where}: not ASCII")
                    width = int(columns) if columns.isdigit() and columns != "0" else 80
                    lines = matrix_is_aligned(text, where)
                    longest = max(lines, key=len)
                    expect(len(longest) <= min(max(width, 40), 160), f"{where}: {longest!r}")
                    expect(all(line == line.rstrip() for line in lines), f"{where}: trailing blanks")


@test
def colours_only_on_a_terminal_that_has_them():
    cases = [({"TERM": "xterm"}, [], True), ({"TERM": "dumb"}, [], False), ({}, [], False),
             ({"TERM": "xterm", "NO_COLOR": "1"}, [], False), ({"TERM": "xterm", "NO_COLOR": ""}, [], True),
             ({"TERM": "dumb"}, ["--color", "always"], True), ({"TERM": "xterm"}, ["--color", "never"], False)]
    for environment, options, wanted in cases:
        for columns in (40, 80, 200):
            if "TERM" not in environment:
                environment = {**environment, "TERM": ""}
            terminal = Terminal([EXREACH, "diagnose", os.path.join(TOP, "tests", "golden", "S02.json"), *options],
                                columns=columns, **environment)
            try:
                terminal.read()
                text = terminal.output.decode("utf-8")
            finally:
                terminal.close()
            expect(("\x1b[" in text) == wanted, f"{environment} {options} {columns}: {text[:300]!r}")
            plain = ESCAPE.sub("", text)
            expect("\x1b" not in plain, f"{environment}: other escape codes")
            matrix_is_aligned(plain, f"{environment} {columns}")


@test
def progress_is_shown_on_a_terminal_only_and_wiped():
    with Lab("T01") as lab:
        terminal = Terminal(command(lab, "--deadline", "2", form=()), TERM="xterm")
        try:
            terminal.read()
            text = terminal.output.decode("utf-8")
        finally:
            terminal.close()
        expect(re.search(r"\r\d+ of \d+ done", text), f"no progress: {text[:200]!r}")
        last = text.rindex(" done,")
        expect(re.match(r"[^\r]*\r+ {20,}\r", text[last:]), f"not wiped: {text[last:last + 120]!r}")
        result = lab.run(*command(lab, "--deadline", "1", form=())[4:])
        expect("done," not in result.stderr + result.stdout, result.stderr)


# ---- no memory ----------------------------------------------------------------------------------------------

DENY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
void *__libc_malloc(size_t); void *__libc_calloc(size_t, size_t); void *__libc_realloc(void *, size_t);
static atomic_long count;
static long from = -1, to = -1;
__attribute__((constructor)) static void start(void)
{
    const char *text = getenv("DENY_FROM"), *end = getenv("DENY_TO");
    from = text != NULL ? atol(text) : -1;
    to = end != NULL ? atol(end) : from;
    void *here[1];
    backtrace(here, 1); /* loads what it needs */
    atomic_store(&count, 0);
}
/* Which library was denied first: the first frame that is neither ours nor the C library's. */
static void tell(const char *file)
{
    void *frames[20];
    Dl_info us, at;
    int depth = backtrace(frames, 20);
    if (!dladdr(frames[0], &us)) return;
    for (int i = 1; i < depth; i++) {
        if (!dladdr(frames[i], &at) || at.dli_fbase == us.dli_fbase || strstr(at.dli_fname, "/libc.so")) continue;
        int out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (out >= 0 && write(out, at.dli_fname, strlen(at.dli_fname)) >= 0) close(out);
        return;
    }
}
__attribute__((destructor)) static void stop(void)
{
    const char *file = getenv("DENY_COUNT");
    if (file == NULL) return;
    char digits[24]; int at = 24; long left = atomic_load(&count);
    do { digits[--at] = (char)('0' + left % 10); left /= 10; } while (left > 0);
    if (write(atoi(file), digits + at, (size_t)(24 - at)) < 0) _exit(7);
}
static int denied(void)
{
    long now = atomic_fetch_add(&count, 1) + 1;
    if (from <= 0 || now < from || now > to) return 0;
    if (now == from && getenv("DENY_WHO") != NULL) tell(getenv("DENY_WHO"));
    return 1;
}
void *malloc(size_t size) { return denied() ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return denied() ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return denied() ? NULL : __libc_realloc(old, size); }
"""


def plain_build():
    """A sanitizer's own malloc cannot be denied."""
    for path in (os.environ.get("EXREACH_PLAIN"), EXREACH, os.path.join(TOP, "build", "demo", "exreach")):
        if path and os.path.exists(path) and not is_sanitized(path):
            return os.path.abspath(path)
    return None


def deny(lab, program, library, first, last, *options, **environment):
    arguments = ["env", f"LD_PRELOAD={library}", f"DENY_FROM={first}", f"DENY_TO={last}",
                 *[f"{name}={value}" for name, value in environment.items()], program, "check", "svc@contoso.test",
                 "--dns", "127.0.0.10", "--ca", lab.path("ca.pem"), "--password-file", lab.path("password"), "-f",
                 "json", "--timeout", "2", "--deadline", "8", *options]
    return subprocess.run([LAB, "run", lab.dir, "--", *arguments], capture_output=True, text=True, timeout=40,
                          check=False)


@test
def a_failed_allocation_is_one_line_or_a_run_that_ends():
    program = plain_build()
    expect(program is not None, "no build without sanitizers: set EXREACH_PLAIN")
    with Lab() as lab, tempfile.TemporaryDirectory(prefix="exreach-deny.") as scratch:
        library = os.path.join(scratch, "deny.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-"], input=DENY, text=True,
                       check=True)
        total = count_allocations(lab, program, library)
        spread = sorted({1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144} | {int(total * RANDOM.random()) + 1
                                                                     for _ in range(60)})
        kinds = {}
        for index, first in enumerate(spread):
            last = first if index % 3 else first + 10 ** 9  # one failure, or no memory from there on
            who = os.path.join(scratch, f"who{first}")
            result = deny(lab, program, library, first, last, DENY_WHO=who)
            where = f"allocation {first} of {total}" + (" and all after" if last > first else "")
            if result.returncode in (-signal.SIGSEGV, -signal.SIGABRT) and denied_in(who) in CRASH_WITHOUT_MEMORY:
                kind = f"a crash of {denied_in(who)}"
            else:
                kind = judge_denied(result, f"{where}, denied to {denied_in(who)}")
            kinds[kind] = kinds.get(kind, 0) + 1
        figures(f"seed {SEED}: {total} allocations in a run, {len(spread)} runs: " +
                ", ".join(f"{name} {count}" for name, count in sorted(kinds.items())))


def count_allocations(lab, program, library):
    result = subprocess.run([LAB, "run", lab.dir, "--", "sh", "-c", 'exec 9>"$1"; shift; exec "$@"', "sh",
                             lab.path("count"), "env", f"LD_PRELOAD={library}", "DENY_COUNT=9", program, "check",
                             "svc@contoso.test", "--dns", "127.0.0.10", "--ca", lab.path("ca.pem"), "--password-file",
                             lab.path("password"), "-q"], capture_output=True, text=True, timeout=40, check=False)
    with open(lab.path("count"), encoding="ascii") as file:
        text = file.read()
    expect(result.returncode in (0, 1) and text.isdigit(), f"{result.returncode} {result.stderr} {text!r}")
    return int(text)


# MIT's mechanisms use what they could not allocate (1.20: SPNEGO's gss_acquire_cred_from); nothing of ours is at fault.
CRASH_WITHOUT_MEMORY = ("libgssapi_krb5.so.2", "libkrb5.so.3")


def denied_in(path):
    try:
        with open(path, encoding="ascii") as file:
            return os.path.basename(file.read())
    except OSError:
        return "nobody"


def judge_denied(result, where):
    code = result.returncode
    lines = [line for line in result.stderr.split("\n") if line]
    expect(0 <= code <= 3 or code == 127, f"{where}: exit {code}: {result.stderr[-500:]!r}")
    if code == 127 or (code == 1 and "env:" in result.stderr):
        return "the program did not start"
    if not result.stdout:
        expect(code == 3 and len(lines) == 1 and lines[0].startswith("exreach: "), f"{where}: {code} {lines}")
        return "one line, exit 3"
    survey = json.loads(result.stdout)
    expect(survey["verdict"]["exit"] == code and not lines, f"{where}: exit {code} {lines}")
    return f"a report, exit {code}"


if __name__ == "__main__":
    sys.exit(main())
