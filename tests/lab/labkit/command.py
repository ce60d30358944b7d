"""The command line."""

import argparse
import sys

from . import isolation, snapshot


def main(arguments):
    parser = argparse.ArgumentParser(prog="lab", description="A real Active Directory and an emulated Exchange.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build")
    b=commands.add_parser("build-in")
    b.add_argument("dir")
    o = parser.parse_args(arguments)
    if o.command=="build": print(snapshot.ensure())
    else:
        isolation.prepare(o.dir); snapshot.build_in(o.dir)
