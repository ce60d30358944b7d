"""Runs exreach in a world and holds the run against what every case must show (the common oracle)."""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.parse

import ntlm
import web

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS = ["dns", "tcp", "tls", "http", "auth", "protocol", "mailbox"]
MEMORY_KB = 64 * 1024
LATE_MS = 250
STATUS = {"ok": 0, "degraded": 1, "broken": 2, "unknown": 3}
# C0 but newline, DEL, C1, and the marks that turn the direction of text
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Run:
    """One run of exreach: what it printed, and what it cost."""

    def __init__(self, exreach, world):
        self.world = world
        paths = {name: f"{world.directory}/{name}" for name in ("out", "err", "cost", "stdin")}
        world.file("stdin", world.stdin or b"")
        launch = [sys.executable, "-I", "-S", os.path.join(HERE, "launch.py"), paths["cost"],
                  str(world.deadline + 10), exreach]
        self.arguments = world.arguments()
        with open(paths["out"], "wb") as out, open(paths["err"], "wb") as err, open(paths["stdin"], "rb") as stdin:
            subprocess.run(launch + self.arguments, stdin=stdin, stdout=out, stderr=err, check=True,
                           env={**os.environ, **world.environment})
        with open(paths["cost"], encoding="ascii") as file:
            code, wall, rss, cpu = file.read().split()
        self.code, self.wall, self.rss, self.cpu = int(code), float(wall), int(rss), float(cpu)
        self.out, self.err = self._read("out"), self._read("err")
        self.json = self._read("survey.json")
        self.survey = None

    def _read(self, name):
        try:
            with open(f"{self.world.directory}/{name}", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def row(self, service, host, address=None, port=None):
        for row in self.survey["rows"]:
            if (row["service"], row["host"]) == (service, host) and address in (None, row["address"]) and \
                    port in (None, row["port"]):
                return row
        return None

    def rows(self, host=None, service=None):
        return [row for row in self.survey["rows"] if host in (None, row["host"]) and service in (None, row["service"])]


def secrets(world):
    """The password in every form it could leak in."""
    password = world.password
    found = {"the password": password.encode(), "the password, form-encoded": urllib.parse.quote(password).encode()}
    for user in (world.user, "CONTOSO\\svc"):
        found[f"base64 of {user}:password"] = base64.b64encode(f"{user}:{password}".encode())
    for shift in range(3):  # inside any base64
        whole = base64.b64encode(b"x" * shift + password.encode())
        found[f"base64 of the password, shifted by {shift}"] = whole[4 if shift else 0:-4]
    nt_hash = ntlm.nt_hash(password)
    found["the NT hash in hex"] = nt_hash.hex().encode()
    found["the NT hash in base64"] = base64.b64encode(nt_hash)
    for server in world.all_servers() + world.healthy:
        for data in server.received():
            for value in web.authorization_values(data):
                if len(value) >= 8:
                    found["an Authorization value"] = value
    return found


def proofs(servers):
    """How often a proof of the password reached these servers; and what else did (Type 1)."""
    kinds = [kind for server in servers for data in server.received() for kind in web.credentials(data)]
    kinds += [kind for server in servers for kind in server.proofs]
    return [kind for kind in kinds if kind != "type1"], [kind for kind in kinds if kind == "type1"]


def late_ms(run, sanitized):
    """How long after its deadline the run ended; a sanitizer's own start and leak check are not exreach's."""
    return (run.wall - run.world.deadline) * 1000 - (1500 if sanitized else 0)


def common(run, sanitized, refused=None):
    """Every offence against the common oracle. refused: the one line with which exreach does not even begin."""
    bad = []
    if b"Sanitizer" in run.err or b"runtime error" in run.err:
        bad.append("sanitizer report: " + run.err[-1500:].decode("utf-8", "replace"))
    if run.code not in (0, 1, 2, 3):
        bad.append(f"exit code {run.code}")
    if late_ms(run, sanitized) > LATE_MS:
        bad.append(f"ended {late_ms(run, sanitized):.0f} ms after its deadline")
    if run.rss > MEMORY_KB and not sanitized:
        bad.append(f"peak memory {run.rss} KiB")
    if refused is not None:
        if run.code != 3 or run.err.count(b"\n") != 1 or refused not in run.err.decode() or run.out or run.json:
            bad.append(f"exit {run.code}, not one line about \"{refused}\": {run.err[-300:]!r}")
        return bad + leaks(run)
    try:
        run.survey = json.loads(run.json.decode("utf-8"))
    except ValueError as error:
        bad.append(f"no valid JSON: {error}; {run.err[-300:]!r}")
    if run.survey and (run.survey["verdict"]["exit"] != run.code or
                       STATUS[run.survey["verdict"]["status"]] != run.code):
        bad.append(f"exit {run.code} is not the verdict's {run.survey['verdict']}")
    for name, data in (("text", run.out), ("trace", run.err), ("JSON", run.json)):
        try:
            controls = CONTROLS.findall(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            bad.append(f"the {name} is not UTF-8: {error}")
            continue
        if controls:
            bad.append(f"control characters in the {name}: {controls[:4]!r}")
    return bad + leaks(run)


def leaks(run):
    everything = run.out + run.err + run.json + " ".join(run.arguments).encode()
    return [f"{what} leaks" for what, value in secrets(run.world).items() if value in everything]


def walk(run):
    """What holds for every matrix: nothing is judged behind a break, and a block names what blocks."""
    bad = []
    for row in run.survey["rows"]:
        broken = None
        for layer in LAYERS:
            cell = row["cells"].get(layer)
            if cell is None:
                continue
            if broken and cell["outcome"] not in ("blocked", "skipped"):
                bad.append(f"{row['id']} {layer} is {cell['outcome']} behind {broken}")
            if cell["outcome"] == "blocked" and not cell["blocked_by"]:
                bad.append(f"{row['id']} {layer} is blocked by nothing")
            if cell["outcome"] == "fail" and not (cell["fault"] and cell["fault"]["text"]):
                bad.append(f"{row['id']} {layer} fails without a reason")
            if cell["outcome"] in ("fail", "error"):
                broken = layer
    return bad


def matrix(run):
    return "\n".join(
        "      " + row["id"] + " " + " ".join(
            layer + "=" + row["cells"][layer]["outcome"] +
            (f"({row['cells'][layer]['fault']['cause']}: {row['cells'][layer]['fault']['text']})"
             if row["cells"][layer]["fault"] else
             f"({row['cells'][layer]['summary']})" if row["cells"][layer]["outcome"] == "skipped" else "")
            for layer in LAYERS if layer in row["cells"])
        for row in run.survey["rows"])
