"""Every cause of net/fault.h has a case here that produces it, or a test elsewhere that does."""

import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# What needs a clock, a signal or a broken machine of ours: symbol: the test that produces it.
ELSEWHERE = {
    "NONE": "tests/unit/test_http.c",
    "INTERNAL": "tests/unit/test_http_conn.c",
    "UNSUPPORTED": "tests/unit/test_ntlm.c",
    "INTERRUPTED": "tests/unit/test_run_end.c",
    "NO_RETURN": "tests/unit/test_run_end.c",
    "CREDENTIAL_UNSAFE": "tests/unit/test_http.c",
    "LOCKOUT_NEAR": "tests/unit/test_ldap_guard.c",
}


def declared():
    """{symbol: name in JSON}"""
    with open(os.path.join(TOP, "net", "fault.h"), encoding="utf-8") as file:
        block = file.read().partition("#define CAUSES(X)")[2].partition("enum cause {")[0]
    return dict(re.findall(r'X\((\w+), "([a-z0-9-]+)"\)', block))


def offences(cases):
    """[(what is held against what, offences)]"""
    known = declared()
    produced = {cell.cause for case in cases for cell in case.cells if cell.cause}
    missing = [f"{name}: no case produces it" for symbol, name in known.items()
               if name not in produced and symbol not in ELSEWHERE]
    unknown = [f"{name}: net/fault.h has no such cause" for name in sorted(produced - set(known.values()))]
    stale = []
    for symbol, path in ELSEWHERE.items():
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            if symbol not in known or not re.search(rf"CAUSE_{symbol}\b|\b{known[symbol]}\b", file.read()):
                stale.append(f"{symbol}: {path} does not test it")
            elif known[symbol] in produced:
                stale.append(f"{symbol}: a case produces it; it need not stand in the list")
    return [("every cause has a case that produces it", missing + unknown),
            ("every cause left to other tests is tested there", stale)]
