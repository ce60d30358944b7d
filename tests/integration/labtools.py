"""What the tests against the lab share: the lab itself, runs of exreach in it, and the counting.

The command line of each is EXREACH FRONTEND [TEST ...].
"""
import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.environ.get("EXREACH_LAB") or os.path.join(TOP, "tests", "lab", "lab")
EXREACH = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
LAYERS = ["dns", "tcp", "tls", "http", "auth", "protocol", "mailbox"]
TESTS = []


def is_sanitized(path):
    """Built with ASan or TSan."""
    if not os.path.exists(path):
        return False
    with open(path, "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


SANITIZED = is_sanitized(EXREACH)


def test(function):
    TESTS.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


class Lab:
    """A lab with these faults, for the length of a with statement."""

    def __init__(self, *faults, dcs=1):
        self.faults, self.dcs = faults, dcs

    def __enter__(self):
        self.base = tempfile.mkdtemp(prefix="exreach-test.")
        self.dir = os.path.join(self.base, "lab")
        os.environ["XDG_RUNTIME_DIR"] = self.base  # what a run that is killed leaves goes with the lab
        subprocess.run([LAB, "up", self.dir, "--dcs", str(self.dcs), *self.faults], check=True,
                       stdout=subprocess.DEVNULL)
        with open(self.path("lab.json"), encoding="utf-8") as file:
            self.options = json.load(file)["options"]  # some faults are in what exreach is given
        return self

    def __exit__(self, *_):
        subprocess.run([LAB, "down", self.dir], stdout=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *command, **options):
        return subprocess.run([LAB, "run", self.dir, "--", *command], capture_output=True, text=True,
                              timeout=120, check=False, **options)

    def start(self, *command, **options):
        """The same, but it goes on by itself; to be killed and waited for."""
        return subprocess.Popen([LAB, "run", self.dir, "--", *command], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def exreach(self, *options, address="svc@contoso.test", password="password"):
        return self.run(EXREACH, "check", address, "--dns", "127.0.0.10", "--ca", self.path("ca.pem"),
                        "--password-file", self.path(password), *self.options, *options)

    def survey(self, *options, **more):
        result = self.exreach("-f", "json", *options, **more)
        clean(result)
        try:
            survey = json.loads(result.stdout)
        except ValueError as error:
            raise AssertionError(f"no JSON ({error}): {result.stdout[:200]!r} {result.stderr[-2000:]!r}")
        survey["exit_code"] = result.returncode
        expect(survey["verdict"]["exit"] == result.returncode, "the exit code is not the verdict's")
        return survey

    def audit(self, account):
        result = subprocess.run([LAB, "audit", self.dir, account], capture_output=True, text=True, check=True)
        return json.loads(result.stdout)


def figures(text):
    print("       " + text, flush=True)


def command(lab, *options, form=("-f", "json")):
    return [LAB, "run", lab.dir, "--", EXREACH, "check", "svc@contoso.test", "--dns", "127.0.0.10", "--ca",
            lab.path("ca.pem"), "--password-file", lab.path("password"), *lab.options, *form, *options]


class Terminal:
    """A pseudo-terminal as a child's controlling one; echo is what a shell would find afterwards."""

    def __init__(self, arguments, columns=80, **environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.slave = slave
        base = {name: value for name, value in os.environ.items()
                if name not in ("NO_COLOR", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG", "EXREACH_PASSWORD_FILE")}
        self.process = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env={**base, **environment},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.output = b""

    def read(self, until=None, timeout=20):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if until is not None and until in self.output:
                return
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:
                    return
            elif self.process.poll() is not None and until is None:
                return

    def echo(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def clean(result):
    """What every run must keep to: no sanitizer report, no control bytes."""
    expect("Sanitizer" not in result.stderr, "sanitizer report: " + result.stderr[:6000])
    expect("runtime error" not in result.stderr, "UBSan: " + result.stderr[-3000:])
    for text in (result.stdout, result.stderr):
        bad = [c for c in text if ord(c) < 32 and c not in "\n"]
        expect(not bad, f"control characters in the output: {bad[:5]!r}")


def cells(survey, outcome=None, service=None):
    for row in survey["rows"]:
        if service is not None and row["service"] != service:
            continue
        for layer in LAYERS:
            cell = row["cells"].get(layer)
            if cell is not None and (outcome is None or cell["outcome"] == outcome):
                yield row, layer, cell


def describe(survey):
    lines = [f"verdict {survey['verdict']}", "findings " + ", ".join(f["rule"] for f in survey["findings"])]
    for row in survey["rows"]:
        lines.append(row["id"] + " " + " ".join(
            f"{layer}={row['cells'][layer]['outcome']}" for layer in LAYERS if layer in row["cells"]))
    return "\n".join(lines)


def main():
    """Runs what was registered with @test, or the tests that the command line names; the exit code."""
    os.environ["EXREACH_LAB_FRONTEND"] = os.path.abspath(sys.argv[2])
    chosen = set(sys.argv[3:])
    passed = failed = 0
    for function in TESTS:
        if chosen and function.__name__ not in chosen:
            continue
        begun = time.monotonic()
        try:
            function()
            passed += 1
            print(f"ok     {function.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError, IndexError, TypeError,
                ValueError) as error:
            failed += 1
            print(f"FAILED {function.__name__}: {type(error).__name__} {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
