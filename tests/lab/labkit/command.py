"""The command line."""

import argparse
import json
import os
import subprocess
import sys

from . import audit, control, faults, isolation, snapshot
from .supervisor import Supervisor

USAGE = """usage: lab build [--large]                                    make the base snapshots, if they are not up to date
       lab up DIR [--dcs 1|2] [--frontend PATH] [FAULT ...]   start a lab in DIR, with these things broken
       lab run DIR -- CMD ...                                 run a command inside the lab
       lab down DIR                                           stop the lab in DIR, and remove DIR
       lab faults [--all]                                     what can be broken: `ID<tab>what it breaks`
       lab mode                                               how labs are kept apart here: netns, userns or plain
       lab audit DIR ACCOUNT                                  the account's logon attempts as JSON
"""


def main(arguments):
    """Run one command; the exit code."""
    name, *rest = arguments or ["help"]
    if name in ("help", "-h", "--help"):
        print(USAGE, end="")
        return 0
    if name not in COMMANDS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # samba's place
    try:
        COMMANDS[name](argparse.ArgumentParser(prog=f"lab {name}"), rest)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        control.say(error)
        return 1
    return 0


def _build(parser, arguments):
    parser.add_argument("--large", action="store_true", help="the large directory, too")
    options = parser.parse_args(arguments)
    print(snapshot.ensure(control.say))
    if options.large:
        print(snapshot.large(control.say))


def _up(parser, arguments):
    parser.add_argument("dir")
    parser.add_argument("--dcs", type=int, choices=(1, 2), default=1, help="domain controllers (default: as many as needed)")
    parser.add_argument("--frontend", metavar="PATH", help="the front end program")
    parser.add_argument("faults", nargs="*", metavar="FAULT")
    options = parser.parse_intermixed_args(arguments)
    control.up(options.dir, options.dcs, options.frontend, options.faults)


def _run(parser, arguments):
    parser.add_argument("dir")
    parser.add_argument("command", nargs="+", metavar="-- CMD")
    options = parser.parse_args(arguments)
    control.run(options.dir, options.command)


def _down(parser, arguments):
    parser.add_argument("dir")
    control.down(parser.parse_args(arguments).dir)


def _faults(parser, arguments):
    parser.add_argument("--all", action="store_true", help="also what the catalogue does not number")
    options = parser.parse_args(arguments)
    for identity, title in faults.titles(options.all):
        print(f"{identity}\t{title}")


def _mode(parser, arguments):
    parser.parse_args(arguments)
    print(isolation.mode())


def _audit(parser, arguments):
    parser.add_argument("dir")
    parser.add_argument("account")
    options = parser.parse_args(arguments)
    print(json.dumps(audit.report(os.path.abspath(options.dir), options.account), indent=2))


def _build_inside(_parser, arguments):
    work, _ordinary = arguments
    isolation.prepare(work)
    snapshot.build_inside(work)


def _build_large(_parser, arguments):
    work, ordinary = arguments
    isolation.prepare(work)
    snapshot.build_large(work, ordinary)


def _supervise(_parser, arguments):
    base, dc_count, binary, lifetime, descriptor = arguments
    Supervisor(base, int(dc_count), binary, float(lifetime)).run(int(descriptor))


COMMANDS = {
    "build": _build,
    "up": _up,
    "run": _run,
    "down": _down,
    "faults": _faults,
    "mode": _mode,
    "audit": _audit,
    # the lab calls these itself, inside the isolation
    "build-inside": _build_inside,
    "build-large": _build_large,
    "supervise": _supervise,
}
