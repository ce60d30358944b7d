"""What a case is: who misbehaves how, and which cell must say so.

A new case is one call in a cases_*.py: raw() for what happens on the bare connection, https() behind TLS and a request,
says() for one answer to everything, exchange() for a front end that differs in one place (web.Exchange), Case() with a
setup of its own for all else. The steps of a script are in peer.py."""

import peer
from oracle import LAYERS
from world import BAD, GOOD

CASES = []


class Cell:
    """What a cell must say: outcome, cause, and words in its summary or fault."""

    def __init__(self, layer, outcome="fail", cause=None, words="", host=BAD, service="ews", address=None, port=None):
        self.layer, self.outcome, self.cause, self.words = layer, outcome, cause, words
        self.host, self.service, self.address, self.port = host, service, address, port

    def offences(self, run):
        row = run.row(self.service, self.host, self.address, self.port)
        where = f"{self.service} {self.host} {self.address or ''} {self.layer}"
        if row is None:
            return [f"no row {where}"]
        cell = row["cells"].get(self.layer)
        if cell is None:
            return [f"no cell {where}"]
        got = cell["fault"]["cause"] if cell["fault"] else None
        said = cell["summary"] + (" " + cell["fault"]["text"] if cell["fault"] else "")
        bad = []
        if cell["outcome"] not in self.outcome.split("|") or (self.cause and got != self.cause):
            bad.append(f"{where} is {cell['outcome']} {got}: {said}")
        if self.words.lower() not in said.lower():
            bad.append(f"{where} does not say \"{self.words}\": {said}")
        return bad

    def verdict(self, run):
        row = run.row(self.service, self.host, self.address, self.port)
        cell = row["cells"].get(self.layer) if row else None
        if cell is None:
            return "?"
        cause = cell["fault"]["cause"] if cell["fault"] else ""
        return f"{self.layer} {cell['outcome']} {cause}".strip()


class Case:
    """setup(world) starts the servers. cells must say what they must. good: how far the healthy row must pass
    (None: there is none). credentials: proofs that reach the servers under test, refused ones counting for the
    account; type1: whether an NTLM Type 1, which carries no proof, may reach them. check(run) gives further offences.
    refused: the line with which exreach ends before it begins."""

    def __init__(self, name, what, setup, *cells, good="mailbox", credentials=0, accepted=False, type1=False,
                 check=None, exit=None, faster=None,
                 refused=None):  # pylint: disable=redefined-builtin
        self.name, self.what, self.setup, self.cells, self.good = name, what, setup, list(cells), good
        self.credentials, self.accepted, self.type1 = credentials, accepted, type1
        self.check, self.exit, self.faster, self.refused = check, exit, faster, refused
        CASES.append(self)

    def offences(self, run, proofs, type1):
        bad = [offence for cell in self.cells for offence in cell.offences(run)]
        if self.good:
            for layer in LAYERS[:LAYERS.index(self.good) + 1]:
                bad += Cell(layer, "pass", host=GOOD).offences(run)
        if len(proofs) != self.credentials:
            bad.append(f"{len(proofs)} proofs of the password reached the servers: {proofs}")
        if len(proofs) > 1 and not self.accepted:
            bad.append(f"more than one failed logon: {proofs}")
        if type1 and not self.type1 and not self.credentials:
            bad.append("an NTLM Type 1 reached the servers")
        worst = {outcome for cell in self.cells for outcome in cell.outcome.split("|")}
        if ("fail" in worst and run.code == 0) or (worst == {"pass"} and run.code > 1 and not self.refused):
            bad.append(f"exit code {run.code} with cells that are {worst}")
        if self.exit is not None and run.code != self.exit:
            bad.append(f"exit code {run.code}")
        if self.faster and run.wall > self.faster:
            bad.append(f"took {run.wall:.2f} s")
        if self.check:
            bad += self.check(run) or []
        return bad


# ---- how most cases are made ------------------------------------------------------------------------------

def raw(name, what, steps, *cells, options=(), **more):
    """bad.contoso.test does this on its port. steps may be a function of the world."""
    def setup(world):
        world.serve(BAD, steps(world) if callable(steps) else list(steps))
        world.option(*options)
        world.good()
    return Case(name, what, setup, *cells, **more)


def https(name, what, steps, *cells, **more):
    """… behind TLS with a good certificate, once a request has come."""
    return raw(name, what, lambda world: [peer.tls(world.context(BAD)), peer.request, *steps], *cells, **more)


def says(name, what, answer, *cells, **more):
    """… answers every request so."""
    return raw(name, what, lambda world: [peer.tls(world.context(BAD)), peer.http(lambda *_: answer)], *cells, **more)


def exchange(name, what, *cells, services="ews", credentials=1, options=(), user=None, good="", **more):
    """bad.contoso.test is an Exchange that differs in this. A healthy row stands beside it unless the password is
    refused: who proves it first is chance."""
    if good == "":
        good = "mailbox" if services == "ews" and (more.get("accepted") or not credentials) else None
    case_keys = ("accepted", "type1", "check", "exit", "faster", "refused")
    front = {key: value for key, value in more.items() if key not in case_keys}

    def setup(world):
        world.only = services
        world.front(BAD, world.exchange(**front))
        world.option(*options)
        world.user = user or world.user
        if good:
            world.good()
    rest = {key: value for key, value in more.items() if key in case_keys}
    return Case(name, what, setup, *cells, credentials=credentials, good=good, **rest)
