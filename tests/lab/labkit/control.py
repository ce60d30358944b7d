"""lab up, run and down."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

from . import faults, frontend, isolation, names, snapshot, supervisor
from .world import World

DEFAULT_LIFETIME = 3600
STOP_SECONDS = 5

KRB5_CONF = """[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  {realm} = {{
{kdcs}  }}
[domain_realm]
  .{domain} = {realm}
  {domain} = {realm}
"""


def up(base, dc_count, binary, fault_ids):
    """Restore, break, start; returns when everything answers."""
    faults.check(fault_ids)
    dc_count = max(dc_count, faults.controllers(fault_ids))
    large = faults.large(fault_ids)
    if large and dc_count > 1:
        raise RuntimeError("the large directory has one controller only")
    binary = frontend.binary(binary)
    if not os.access(binary, os.X_OK):
        raise RuntimeError(f"the front end {binary} is not there: build it, or name it with --frontend")
    base = os.path.abspath(base)
    if os.path.exists(base) and os.listdir(base):
        raise RuntimeError(f"{base} is not empty")
    source = snapshot.large(say) if large else snapshot.of_controllers(say, dc_count)
    os.makedirs(base, mode=0o700, exist_ok=True)
    world = _restore_broken(source, base, dc_count, fault_ids)
    pid = _start(base, dc_count, binary)
    _write_description(base, dc_count, fault_ids, pid, world.options)
    if world.signed_in:
        _sign_in(base, world.signed_in)


def run(base, command):
    """Become the command, inside the lab."""
    lab = description(base)
    environment = os.environ | lab["environment"]
    # Entering the mount namespace loses the working directory, which exists inside as well.
    stay = ["sh", "-c", 'cd "$0" && exec "$@"', os.getcwd()] if lab["enter"] else []
    full = lab["enter"] + stay + command
    os.execvpe(full[0], full, environment)


def down(base):
    """End the lab and remove its directory; says which servers had ended by themselves."""
    base = os.path.abspath(base)
    if not os.path.exists(os.path.join(base, "frontend.conf")):
        raise RuntimeError(f"{base} is not a lab")
    try:
        lab = description(base)
    except FileNotFoundError:
        lab = None  # its start failed
    if lab and started(lab["pid"]) == lab["pid_started"]:
        _stop(lab["pid"])
    with open(supervisor.log_path(base), encoding="utf-8", errors="replace") as log:
        for line in log:
            if " ended: " in line:
                say(line.rstrip())
    shutil.rmtree(base)


def description(base):
    """What lab.json says."""
    with open(os.path.join(base, "lab.json"), encoding="utf-8") as file:
        return json.load(file)


def started(pid):
    """When that process started, in the kernel's count; None when there is none. With the id it names a process for ever."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def say(text):
    """Tell the user."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def _restore_broken(source, base, dc_count, fault_ids):
    world = World(base, snapshot.restore(source, base, dc_count))
    faults.apply(world, fault_ids)
    world.close()
    world.frontend.write()
    kdcs = "".join(f"    kdc = {host.address}\n" for host in names.dcs(dc_count))
    with open(os.path.join(base, "krb5.conf"), "w", encoding="ascii") as file:
        file.write(KRB5_CONF.format(realm=names.REALM, domain=names.DNS_DOMAIN, kdcs=kdcs))
    return world


def _sign_in(base, account):
    """Whoever runs a command in the lab has that account's Kerberos ticket, as after a logon to a workstation."""
    lab = description(base)
    command = [*lab["enter"], "kinit", f"{account}@{names.REALM}"]
    with open(lab["password_file"], encoding="utf-8") as password:
        subprocess.run(
            command, stdin=password, env=os.environ | lab["environment"], stdout=subprocess.DEVNULL, check=True
        )


def _start(base, dc_count, binary):
    """Start the supervisor, and wait for its word; its process id."""
    reading, writing = os.pipe()
    lifetime = os.environ.get("EXREACH_LAB_LIFETIME") or str(DEFAULT_LIFETIME)
    command = isolation.command("supervise", base, str(dc_count), binary, lifetime, str(writing))
    with open(supervisor.log_path(base), "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=base,
            env=os.environ | {"KRB5_CONFIG": os.path.join(base, "krb5.conf")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writing],
            start_new_session=True,
        )
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        word, _, rest = pipe.readline().strip().partition(" ")
    if word != "ready":
        process.wait(STOP_SECONDS)
        raise RuntimeError(f"{word} {rest}".strip() or f"the start failed; see {supervisor.log_path(base)}")
    return int(rest)


def _write_description(base, dc_count, fault_ids, pid, options):
    text = json.dumps(
        {
            "dir": base,
            "isolation": isolation.mode(),
            "pid": pid,
            "pid_started": started(pid),
            "enter": isolation.enter_command(pid),
            "environment": {
                "KRB5_CONFIG": os.path.join(base, "krb5.conf"),
                "KRB5CCNAME": f"FILE:{base}/ccache",
                "LDAPTLS_CACERT": os.path.join(base, "ca.pem"),
            },
            "address": f"{names.ACCOUNT}@{names.DNS_DOMAIN}",
            "password_file": os.path.join(base, "password"),
            "ca_file": os.path.join(base, "ca.pem"),
            "dns": names.DC1.address,
            "resolvers": [host.address for host in names.dcs(dc_count)],
            "domain": names.DNS_DOMAIN,
            "netbios_domain": names.NETBIOS_DOMAIN,
            "realm": names.REALM,
            "controllers": {host.fqdn: host.address for host in names.dcs(dc_count)},
            "nodes": {host.fqdn: host.address for host in names.NODES},
            "frontend_log": os.path.join(base, "frontend.log"),
            "log": supervisor.log_path(base),
            "faults": fault_ids,
            "options": options,
        },
        indent=2,
    )
    with open(os.path.join(base, "lab.json"), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _stop(pid):
    """End the supervisor, and with it all the rest."""
    birth = started(pid)
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + STOP_SECONDS
        os.kill(pid, signal_number)
        while time.monotonic() < end:
            if started(pid) != birth:
                return
            time.sleep(0.01)
