"""Clocks that are wrong, by libfaketime."""

import glob
import os

LIBRARY = "/usr/{}/faketime/libfaketimeMT.so.1"


def set_wrong(directory, seconds):
    """Whoever is started with prefix(directory) will have a clock that is so many seconds ahead."""
    if not glob.glob(LIBRARY.format("lib/*")):
        raise RuntimeError("a wrong clock needs the package faketime")
    with open(_file(directory), "w", encoding="ascii") as file:
        file.write(f"{seconds}\n")


def prefix(directory):
    """What to put before a command; nothing where the clock is right."""
    if not os.path.exists(_file(directory)):
        return []
    with open(_file(directory), encoding="ascii") as file:
        seconds = int(file.read())
    return [
        *("env", f"LD_PRELOAD={LIBRARY.format('$LIB')}", f"FAKETIME={seconds:+d}"),
        *("FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"),
        "LDB_MODULES_DISABLE_DEEPBIND=1",  # else the modules of Samba's directory would see the right time
    ]


def _file(directory):
    return os.path.join(directory, "clock")
