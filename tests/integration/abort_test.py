#!/usr/bin/python3
"""How runs end: signals, deadlines, silence: abort_test.py EXREACH FRONTEND [TEST ...]

Whatever happens to a run, it ends soon, says so, and what it prints is whole. Figures are printed. The last line is
`N passed, N failed`. EXREACH_TEST_SEED repeats the choices of a run.
"""
import fcntl
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

from labtools import (EXREACH, SANITIZED, TOP, Lab, Terminal, cells, clean, command, describe, expect, figures, main,
                      test)

SEED = os.environ.get("EXREACH_TEST_SEED") or str(random.randrange(10 ** 6))
RANDOM = random.Random(SEED)
OUTCOMES = {"pass", "warn", "fail", "blocked", "skipped", "error"}
EARLY_MS, LATE_MS = 300, 1200  # the median, and each on a busy machine


def launch(lab, *options, **more):
    return subprocess.Popen(command(lab, *options, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def is_exreach(process):
    """`lab run` becomes the command: same process, another program."""
    try:
        return os.readlink(f"/proc/{process.pid}/exe") == os.path.realpath(EXREACH)
    except OSError:
        return False


def wait_for_start(process):
    while not is_exreach(process) and process.poll() is None:
        time.sleep(0.001)


def whole(survey, partial=True):
    """Every cell is settled; in a partial report those without an answer say why."""
    for row, _, cell in cells(survey):
        expect(cell["outcome"] in OUTCOMES, f"{row['id']}: {cell}")
        expect(cell["summary"], f"{row['id']}: no summary")
    if partial:
        expect(survey["rows"], "no rows")


class Silent:
    """Listeners on loopback addresses of the lab that accept and say nothing."""

    def __init__(self, lab, *places):
        self.lab, self.places = lab, places

    def __enter__(self):
        script = os.path.join(TOP, "tests", "integration", "proof_server.py")
        specs = [f"silent={place}=-" for place in self.places]
        self.process = self.lab.start("/usr/bin/python3", script, "/dev/null", self.lab.path("frontend.pem"),
                                      self.lab.path("frontend.key"), *specs)
        expect(self.process.stdout.readline() == "ready\n", "the silent servers do not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


# ---- signals ------------------------------------------------------------------------------------------------

def interrupted(process, number):
    """Sends the signal; what came of it."""
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return (time.monotonic() - begun) * 1000, out, err


@test
def a_signal_at_any_moment_gives_the_partial_report_at_once():
    figures(f"seed {SEED}")
    delays = [0, 2, 5, 10, 20, 40, 80, 150, 300, 600, 1000, 1500] + [RANDOM.uniform(0, 300) for _ in range(18)]
    taken, before, not_run = [], 0, 0
    with Lab("T01") as lab, Silent(lab, "127.0.0.40:88", "127.0.0.40:636"):
        for index, delay in enumerate(delays):
            number = signal.SIGINT if index % 2 else signal.SIGTERM
            process = launch(lab, "--dc", "127.0.0.40:88", "--dc", "127.0.0.40:636", "--mailbox", "other@contoso.test")
            wait_for_start(process)
            time.sleep(delay / 1000)
            ms, out, err = interrupted(process, number)
            where = f"seed {SEED}, {delay:.0f} ms, {number.name}"
            if process.returncode in (-number, 128 + number) and not out:
                before += 1  # before the program could catch it, or while it read the password: nothing was sent
                expect(delay < (2000 if SANITIZED else 100), f"{where}: it died of the signal")
                continue
            taken.append(ms)
            expect(process.returncode == 128 + number, f"{where}: exit {process.returncode}: {err[-500:]}")
            expect(ms <= LATE_MS * (3 if SANITIZED else 1), f"{where}: {ms:.0f} ms")
            survey = json.loads(out)
            whole(survey, partial=delay > 100)
            not_run += sum(cell["summary"].startswith("not run") or "interrupted" in cell["summary"] or
                           (cell["fault"] or {}).get("cause") in ("interrupted", "did-not-return")
                           for _, _, cell in cells(survey))
    taken.sort()
    figures(f"{len(taken)} signals: median {taken[len(taken) // 2]:.0f} ms, worst {taken[-1]:.0f} ms; {before} before "
            f"the start; {not_run} cells not run")
    expect(taken[len(taken) // 2] <= EARLY_MS * (3 if SANITIZED else 1), f"median {taken[len(taken) // 2]:.0f} ms")
    expect(not_run > 0 and len(taken) >= 20, "no run was cut short")


@test
def the_second_signal_ends_the_program_at_once():
    with Lab("T01") as lab:
        for number in (signal.SIGINT, signal.SIGTERM):
            process = launch(lab)
            wait_for_start(process)
            time.sleep(0.6)
            process.send_signal(number)
            ms, out, _ = interrupted(process, number)
            expect(process.returncode in (-number, 128 + number), f"exit {process.returncode}")
            expect(ms <= LATE_MS, f"{ms:.0f} ms")
            if process.returncode == 128 + number:
                json.loads(out)
        # where the report itself cannot be written, the second one still ends it
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen(command(lab), stdout=write_end, stderr=subprocess.DEVNULL)
        os.close(write_end)
        wait_for_start(process)
        time.sleep(0.6)
        process.send_signal(signal.SIGINT)
        time.sleep(0.8)
        expect(process.poll() is None, "it did not wait for the reader of its report")
        process.send_signal(signal.SIGINT)
        expect(process.wait(timeout=5) == -signal.SIGINT, f"exit {process.returncode}")
        os.close(read_end)


@test
def a_signal_while_the_report_is_written_does_not_cut_it():
    with Lab() as lab:
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen(command(lab), stdout=write_end, stderr=subprocess.PIPE, text=True)
        os.close(write_end)
        expect(select.select([read_end], [], [], 30)[0], "no report")
        time.sleep(0.3)  # it is stuck in the middle now
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        out = b""
        while piece := os.read(read_end, 65536):
            out += piece
        os.close(read_end)
        _, err = process.communicate(timeout=10)
        expect(json.loads(out)["rows"] and err == "", f"{err!r}")
        expect(process.returncode in (0, 143), f"exit {process.returncode}")


@test
def a_signal_at_the_password_prompt_gives_the_echo_back():
    for number in (signal.SIGINT, signal.SIGTERM):
        terminal = Terminal([EXREACH, "check", "a@contoso.test", "--dns", "127.0.0.1:9"], TERM="xterm")
        try:
            terminal.read(until=b"Password of a@contoso.test:")
            expect(not terminal.echo(), f"the prompt echoes: {terminal.output!r}")
            terminal.process.send_signal(number)
            code = terminal.process.wait(timeout=10)
            terminal.read(timeout=0.3)
            expect(code == 128 + number, f"{number.name}: exit {code} {terminal.output!r}")
            expect(terminal.echo(), "the terminal is left without echo")
        finally:
            terminal.close()


# ---- deadlines ----------------------------------------------------------------------------------------------

@test
def a_deadline_shorter_than_the_run():
    with Lab("T01") as lab:
        for seconds in ("1", "2"):
            begun = time.monotonic()
            result = lab.run(*command(lab, "--deadline", seconds)[4:])
            took = time.monotonic() - begun
            clean(result)
            survey = json.loads(result.stdout)
            whole(survey)
            expect(survey["elapsed_ms"] <= float(seconds) * 1000 + 250, f"{survey['elapsed_ms']} ms")
            expect(took <= float(seconds) + (4 if SANITIZED else 1), f"{took:.2f} s with the start of the lab's shell")
            expect(result.returncode == survey["verdict"]["exit"] and result.returncode in (2, 3), describe(survey))
            late = [cell for _, _, cell in cells(survey, "error")]
            expect(late and all(cell["fault"]["cause"] == "did-not-return" for cell in late), describe(survey))
            figures(f"--deadline {seconds}: {survey['elapsed_ms']} ms, exit {result.returncode}, "
                    f"{len(late)} cells did not return")
        result = lab.run(*command(lab, "--deadline", "0.05")[4:])
        clean(result)
        expect(result.returncode == 3 and "--deadline" in result.stderr, f"{result.returncode} {result.stderr!r}")
        for tiny in ("0.1", "0.2"):
            result = lab.run(*command(lab, "--deadline", tiny)[4:])
            clean(result)
            survey = json.loads(result.stdout)
            whole(survey)
            expect(survey["elapsed_ms"] <= float(tiny) * 1000 + 250, f"{tiny}: {survey['elapsed_ms']} ms")


def service_ms(survey, service, address=None):
    """When its last passing row was through, in milliseconds of its own work."""
    rows = {}
    for row, _, cell in cells(survey, None, service):
        if address is None or row["address"] == address:
            rows[row["id"]] = rows.get(row["id"], 0) + cell["elapsed_ms"]
    return max(rows.values())


@test
def silence_elsewhere_costs_the_ews_row_nothing():
    """A silent KDC, a silent LDAP server and a black-holed address beside the good ones."""
    silent = ("--dc", "127.0.0.40:88", "--dc", "127.0.0.40:636", "--dc", "127.0.0.40:3269", "--connect",
              "ex9.contoso.test:443:192.0.2.1", "--host", "ex9.contoso.test", "--timeout", "3")
    with Lab() as lab:
        lab.run("ip", "route", "add", "192.0.2.0/24", "dev", "lo")  # a packet goes out, and nothing comes back
        runs = {}
        with Silent(lab, "127.0.0.40:88", "127.0.0.40:636", "127.0.0.40:3269"):
            for name, options in (("healthy", ()), ("silent", silent)):
                times = []
                for _ in range(5):
                    survey = lab.survey(*options)
                    for address in ("127.0.0.20", "127.0.0.21"):
                        row = [cell["outcome"] for row, layer, cell in cells(survey, None, "ews")
                               if row["address"] == address and layer == "mailbox"]
                        expect(row == ["pass"], f"{name} {address}\n" + describe(survey))
                    times.append(max(service_ms(survey, "ews", address) for address in ("127.0.0.20", "127.0.0.21")))
                    expect(survey["elapsed_ms"] <= 3000 * 2 + 1000, f"{survey['elapsed_ms']} ms")
                times.sort()
                runs[name] = times[len(times) // 2], survey["elapsed_ms"]
        for name, (row, run) in runs.items():
            figures(f"{name}: EWS row through after {row:.0f} ms (median of 5), the whole run {run} ms")
        expect(runs["silent"][0] <= 3 * runs["healthy"][0] + 100, str(runs))
        # the only KDC and the only LDAP server are silent: the gate's patience is all it costs
        dead = []
        for port in ("88", "636", "3269"):
            dead += ["--connect", f"dc1.contoso.test:{port}:127.0.0.40:{port}"]
        with Silent(lab, "127.0.0.40:88", "127.0.0.40:636", "127.0.0.40:3269"):
            survey = lab.survey(*dead, "--timeout", "3")
            row = service_ms(survey, "ews")
            outcomes = {cell["outcome"] for _, layer, cell in cells(survey, None, "ews") if layer == "mailbox"}
            expect(outcomes == {"pass"}, describe(survey))
            figures(f"only silent ones: EWS row through after {row:.0f} ms, the whole run {survey['elapsed_ms']} ms")
            expect(row <= 1500 * (3 if SANITIZED else 1), f"{row} ms\n" + describe(survey))


if __name__ == "__main__":
    sys.exit(main())
