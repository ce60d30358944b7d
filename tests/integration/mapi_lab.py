"""Labs of MAPI, several at a time, and what the matrix of a run is beside that of a healthy lab."""
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from canary_test import password_of
from labtools import EXREACH, LAB, Lab, describe, expect
from mapi_acceptance_faults import columns

PLAIN = subprocess.run([LAB, "mode"], capture_output=True, text=True, check=True).stdout.strip() == "plain"
SIDE_BY_SIDE = 1 if PLAIN else 3
OTHER = "other@contoso.test"
EVERYTHING = ("--mailbox", OTHER, "--public-folders")
SUBJECTS = {OTHER: "other", "public folders": "public"}
BEST_FIRST = ["pass", "warn", "fail", "error", "blocked", "skipped"]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class MapiLab(Lab):
    """A lab that does not mind others beside it; exreach is told what the switches say it must be."""

    def __enter__(self):
        self.base = tempfile.mkdtemp(prefix="exreach-test.")
        self.dir = os.path.join(self.base, "lab")
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": self.base}
        subprocess.run([LAB, "up", self.dir, *self.faults], check=True, stdout=subprocess.DEVNULL,
                       env=self.environment)
        with open(self.path("lab.json"), encoding="utf-8") as file:
            self.options = json.load(file)["options"]
        return self

    def run(self, *command, **options):
        return super().run(*command, env=self.environment, **options)

    def exreach(self, *options, command=("check",), credentials=None, address="svc@contoso.test"):
        told = [] if set(self.options) <= set(options) else self.options
        credentials = ("--password-file", self.path("password")) if credentials is None else credentials
        return self.run(EXREACH, *command, address, "--dns", "127.0.0.10", "--ca", self.path("ca.pem"), *credentials,
                        *told, *options)

    def kinit(self):
        result = self.run("kinit", "svc", input=password_of(self) + "\n")
        expect(result.returncode == 0, f"kinit: {result.stderr}")


def rows(survey, *services, port=None):
    return [row for row in survey["rows"] if row["service"] in services and port in (None, row["port"])]


def named(row):
    """Every check of a row by its column: the layer, the further mailbox, or the end of the probe's id."""
    found = dict(row["cells"])
    for check in row["more"]:
        subject = check["check"][len(row["id"]) + len(check["probe"]) + 2:]
        found[SUBJECTS.get(subject, subject) or check["probe"].partition(".")[2]] = check
    return found


def state(survey):
    """{(row, column): outcome}. What a directory is asked, it is asked on one of its rows, whichever is first."""
    found = {}
    for row in survey["rows"]:
        for column, check in named(row).items():
            where = row["service"] if row["service"] in ("ldap", "gc") and column not in row["cells"] else row["id"]
            found[where, column] = min(check["outcome"], found.get((where, column), "skipped"), key=BEST_FIRST.index)
    return found


BASELINE = threading.Lock()


@functools.lru_cache(maxsize=None)
def healthy_state():
    with MapiLab() as lab:
        return state(lab.survey(*EVERYTHING))


def only_these_differ(survey, shape, new=()):
    """Against a healthy lab, in the rows of both nodes."""
    with BASELINE:
        healthy = healthy_state()
    wanted = {service: columns(words) for service, words in shape.items()}
    now = state(survey)
    expect(set(healthy) <= set(now), f"not there: {sorted(set(healthy) - set(now))}\n" + describe(survey))
    wrong = []
    for (where, column), outcome in now.items():
        if (where, column) not in healthy:
            wrong += [] if where in new else [f"{where} {column} is new"]
            continue
        may_be = wanted.get(where.partition("/")[0], {}).get(column, [healthy[where, column]])
        wrong += [] if outcome in may_be else [f"{where} {column} is {outcome}, not {'/'.join(may_be)}"]
    expect(not wrong, "\n".join(wrong))


def roots(survey):
    return [finding["rule"] for finding in survey["findings"] if finding["caused_by"] is None]


def told(survey):
    return describe(survey) + "\n" + "\n".join(
        f"{finding['rule']} {finding['severity']} below {finding['caused_by']}: {finding['evidence'][:2]}"
        for finding in survey["findings"])


def run_one(function):
    begun = time.monotonic()
    try:
        function()
        return True, f"ok     {function.__name__} ({time.monotonic() - begun:.1f} s)"
    except (AssertionError, subprocess.SubprocessError, OSError, LookupError, TypeError, ValueError,
            StopIteration) as error:
        return False, f"FAILED {function.__name__}: {type(error).__name__} {error}"


def main():
    os.environ["EXREACH_LAB_FRONTEND"] = os.path.abspath(sys.argv[2])
    chosen = [function for function in TESTS if not sys.argv[3:] or function.__name__ in sys.argv[3:]]
    failed = 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for good, line in pool.map(run_one, chosen):
            failed += not good
            print(line, flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0
