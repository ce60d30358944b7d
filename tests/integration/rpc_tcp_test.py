#!/usr/bin/python3
"""Runs rpc_tcp_test inside the lab, beside an RPC server of Samba that uses dc1's database.

usage: tests/lab/lab run DIR -- rpc_tcp_test.py DIR PROGRAM

The lab's controller itself runs without one: nothing else needs it.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

ADDRESS = ("127.0.0.10", 135)


def is_up():
    with socket.socket() as probe:
        return probe.connect_ex(ADDRESS) == 0


def main():
    lab, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("samba", "-s", os.path.join(lab, "dc1", "etc", "smb.conf"), "-F", "--no-process-group", "-M", "single"),
            "--option=server services=rpc",
            "--option=dcerpc endpoint servers=epmapper,lsarpc,samr,drsuapi,dssetup,netlogon,wkssvc,unixinfo,backupkey,dnsserver,remote",
            f"--option=pid directory={folder}",
        ]
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            end = time.monotonic() + 15
            while not is_up():
                if server.poll() is not None or time.monotonic() > end:
                    print("Samba's RPC server does not start")
                    with open(os.path.join(folder, "log"), encoding="utf-8") as log:
                        print(log.read())
                    return 1
                time.sleep(0.05)
            return subprocess.run([program, lab], check=False).returncode
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
