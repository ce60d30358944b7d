"""The base snapshots: built once per set of inputs, kept in a cache, copied into each lab.

    1, 2    a lab with so many controllers
    large   one controller with a large directory; only built when it is asked for
"""

import fcntl
import glob
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile

import samba

from . import accounts, crowd, exchange, isolation, names, records
from .certificates import Authority, write
from .controller import Controller

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA_DIR = os.path.join(os.path.dirname(HERE), "schema")
SCHEMA_ORDER = ["exch-attrs"] + [f"exch-classes{i}" for i in range(1, 12)] + ["exch-modify"]

LARGE = "large"
KEEP = 3  # snapshots of other inputs, for who goes back and forth between them

# The modules that decide what is in a snapshot. Faults and the start-up are not among them.
INPUTS = ("names", "controller", "certificates", "records", "exchange", "accounts", "crowd", "snapshot")


def cache_dir():
    """Where the snapshots are kept."""
    chosen = os.environ.get("EXREACH_LAB_CACHE")
    default = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.abspath(chosen or os.path.join(default, "exreach-lab"))


def input_hash():
    """A name for everything that goes into a snapshot."""
    digest = hashlib.sha256(samba.version.encode())
    modules = [os.path.join(HERE, f"{name}.py") for name in INPUTS]
    for path in modules + sorted(glob.glob(os.path.join(SCHEMA_DIR, "*.ldif"))):
        with open(path, "rb") as file:
            digest.update(os.path.basename(path).encode() + b"\0" + file.read())
    return digest.hexdigest()[:16]


def ensure(log):
    """The directory with up-to-date snapshots; builds them when there are none."""
    cache = cache_dir()
    target = os.path.join(cache, input_hash())
    if not os.path.isdir(target):
        os.makedirs(cache, mode=0o700, exist_ok=True)
        with open(os.path.join(cache, "lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(target):
                _remove_leftovers(cache)
                log("building the lab's directory, once ...")
                _build(cache, target, "build-inside")
    os.utime(target)
    return target


def of_controllers(log, count):
    """The snapshot with so many controllers."""
    return os.path.join(ensure(log), str(count))


def large(log):
    """The snapshot with the large directory."""
    target = os.path.join(ensure(log), LARGE)
    if not os.path.isdir(target):
        cache = cache_dir()
        with open(os.path.join(cache, "lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(target):
                log("building the lab's large directory, once ...")
                _build(cache, target, "build-large")
    return target


def restore(snapshot, base, dc_count):
    """Copy a snapshot to `base`, and return its controllers."""
    subprocess.run(["cp", "-a", os.path.join(snapshot, "."), base], check=True)
    controllers = [Controller(os.path.join(base, host.name), host) for host in names.dcs(dc_count)]
    for controller in controllers:
        controller.prepare()
    return controllers


def _remove_leftovers(cache):
    """Under the lock: unfinished builds, and all snapshots but the last used ones."""
    used = sorted(glob.glob(os.path.join(cache, "[0-9a-f]" * 16)), key=os.path.getmtime)
    for path in glob.glob(os.path.join(cache, "building.*")) + used[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)


def _build(cache, target, how):
    work = tempfile.mkdtemp(prefix="building.", dir=cache)
    log_path = os.path.join(cache, "build.log")
    with open(log_path, "w", encoding="utf-8") as log:
        command = isolation.command(how, work, os.path.dirname(target))
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode
    if code != 0:
        with open(log_path, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"the build failed; {log_path} ends:\n" + "".join(log.readlines()[-15:]))
    os.rename(work, target)


def build_inside(work):
    """Build both snapshots below `work`, named by their number of controllers. Runs isolated."""
    one, two = os.path.join(work, "1"), os.path.join(work, "2")
    os.mkdir(one, mode=0o700)
    passwords = _write_passwords(one)
    authority = Authority.create()
    authority.save(one)
    first = Controller(os.path.join(one, "dc1"), names.DC1)
    _make_first(first, authority, passwords)
    _write_frontend_files(one, first, authority)
    first.close()
    subprocess.run(["cp", "-a", one, two], check=True)
    _add_second(two, authority, passwords["admin.password"])


def build_large(work, ordinary):
    """Add a crowd to the snapshot of one controller that is below `ordinary`, in `work`. Runs isolated."""
    subprocess.run(["cp", "-a", os.path.join(ordinary, "1", "."), work], check=True)
    controller = Controller(os.path.join(work, names.DC1.name), names.DC1)
    controller.prepare()
    crowd.add(controller)
    controller.close()


def _write_passwords(base):
    """One password for all mailbox users, one for the front end's account, one for the administrator."""
    made = {}
    for name in ("password", "frontend.password", "admin.password"):
        made[name] = f"Lab-{secrets.token_hex(8)}-x"
        write(os.path.join(base, name), made[name].encode() + b"\n", 0o600)
    return made


def _make_first(controller, authority, passwords):
    controller.provision(passwords["admin.password"])
    _install_certificate(controller, authority)
    controller.add_schema([os.path.join(SCHEMA_DIR, f"{name}.ldif") for name in SCHEMA_ORDER])
    samdb = controller.samdb()
    exchange.add_organization(samdb)
    accounts.add_all(samdb, passwords["password"], passwords["frontend.password"])
    records.add_exchange(records.Zone(samdb))
    controller.add_own_spns()


def _install_certificate(controller, authority):
    host = controller.host
    controller.install_certificate(authority.issue([host.fqdn, names.DNS_DOMAIN, host.address]))


def _write_frontend_files(base, controller, authority):
    authority.issue(names.FRONTEND_NAMES).write(
        os.path.join(base, "frontend.pem"), os.path.join(base, "frontend.key")
    )
    for service in (*exchange.WEB_SPNS, *exchange.RPC_SPNS):
        controller.export_keytab(os.path.join(base, "frontend.keytab"), service)


def _add_second(base, authority, password):
    first = Controller(os.path.join(base, "dc1"), names.DC1)
    second = Controller(os.path.join(base, "dc2"), names.DC2)
    first.prepare()
    server = subprocess.Popen(first.command(with_rpc=True), stdin=subprocess.DEVNULL)
    try:
        if not first.wait_ready(server):
            raise RuntimeError("the first controller does not start")
        second.join(first.host, password)
    finally:
        server.kill()
        server.wait()
    _install_certificate(second, authority)
    for controller, other in ((first, second), (second, first)):
        records.add_controller(controller.samdb(), second.host, first.host)
        controller.add_own_spns()
        controller.copy_spns(other.samdb())
    first.close()
    second.close()
