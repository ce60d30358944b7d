"""One Samba domain controller, everything it owns under one directory."""

import multiprocessing
import os
import socket
import subprocess
import time

import ldb
import samba.dckeytab  # noqa: F401  adds export_keytab to Net
import samba.provision
from samba.auth import system_session
from samba.net import Net
from samba.netcmd.main import cmd_sambatool
from samba.param import LoadParm
from samba.samdb import SamDB

from . import clock, names, relay

SCHEMA_UPDATES = "dsdb:schema update allowed=true"
SERVICES = "ldap,cldap,kdc,dns"

CONFIG = """[global]
  netbios name = {netbios}
  workgroup = {domain}
  realm = {realm}
  server role = active directory domain controller
  interfaces = {address}/8
  bind interfaces only = yes
  private dir = {base}/private
  state directory = {base}/state
  cache directory = {base}/cache
  lock directory = {base}/lock
  pid directory = {base}/pid
  ncalrpc dir = {base}/ncalrpc
  binddns dir = {base}/binddns
  ntp signd socket directory = {base}/ntp
  winbindd socket directory = {base}/winbindd
  log file = {base}/log/samba.log
  max log size = 0
  log level = 1 auth_json_audit:3
  tls enabled = yes
  tls keyfile = {base}/tls/key.pem
  tls certfile = {base}/tls/certificate.pem
  tls cafile = {base}/tls/ca.pem
  ldap server require strong auth = no
  old password allowed period = 0
  allow dns updates = nonsecure
  dns update command = /bin/true
  nsupdate command = /bin/true
  spn update command = /bin/true
  panic action = /bin/true
[sysvol]
  path = {base}/sysvol
  read only = no
[netlogon]
  path = {base}/netlogon
  read only = no
"""

DIRECTORIES = ("etc private state cache lock pid ncalrpc binddns ntp winbindd log tls sysvol netlogon").split()

# UDP and TCP query for the SOA of the domain, and the ports that must accept before a controller counts as ready.
SOA_QUERY = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7contoso\4test\0\0\6\0\1"
TCP_PORTS = (53, 88, 389, 636)
GLOBAL_CATALOG_PORTS = (3268, 3269)
UDP_PORTS = (53, 88, 389)


class Controller:
    """A domain controller below `base`; `host` says which one."""

    def __init__(self, base, host):
        self.base = os.path.abspath(base)
        self.host = host
        self._samdb = None

    @property
    def config(self):
        """Path of its smb.conf."""
        return os.path.join(self.base, "etc", "smb.conf")

    @property
    def own_address(self):
        """Where Samba listens: elsewhere where a relay stands before it."""
        plan = relay.plan_of(self.base)
        return plan["behind"] if plan else self.host.address

    @property
    def winbind_socket_dir(self):
        """Where its winbindd listens."""
        return os.path.join(self.base, "winbindd")

    @property
    def log_dir(self):
        """Where it writes its logs, the logon audit among them."""
        return os.path.join(self.base, "log")

    def prepare(self):
        """Make the directories and the configuration; also needed after a snapshot was copied to another place."""
        for name in DIRECTORIES:
            os.makedirs(os.path.join(self.base, name), exist_ok=True)
        os.chmod(os.path.join(self.base, "private"), 0o700)
        text = CONFIG.format(
            netbios=self.host.name.upper(),
            domain=names.NETBIOS_DOMAIN,
            realm=names.REALM,
            address=self.host.address,
            base=self.base,
        )
        with open(self.config, "w", encoding="ascii") as file:
            file.write(text)

    def install_certificate(self, issued):
        """Use this certificate for LDAPS."""
        issued.write(os.path.join(self.base, "tls", "certificate.pem"), os.path.join(self.base, "tls", "key.pem"))
        issued.write_issuer(os.path.join(self.base, "tls", "ca.pem"))

    def samdb(self, *options):
        """The directory, opened in its file: only while the server does not run. Kept open unless there are options."""
        if self._samdb and not options:
            return self._samdb
        parameters = LoadParm()
        parameters.load(self.config)
        url = os.path.join(self.base, "private", "sam.ldb")
        opened = SamDB(url=url, lp=parameters, session_info=system_session(parameters), options=list(options))
        if not options:
            self._samdb = opened
        return opened

    def write_unchecked(self, dn, attribute, values, context=names.BASE_DN):
        """Give an attribute of an object in a naming context these values past every check of the directory."""
        self.close()
        name = f"{context.upper()}.ldb"
        path = os.path.join(self.base, "private", "sam.ldb.d", name)
        raw = ldb.Ldb(url=f"tdb://{path}", options=["modules:"])
        message = ldb.Message(ldb.Dn(raw, dn))
        message[attribute] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, attribute)
        raw.modify(message)

    def close(self):
        """Let go of the directory's file."""
        self._samdb = None

    def provision(self, password):
        """Make the first controller of the new domain."""
        self.prepare()
        samba_tool(
            *("domain", "provision", "-s", self.config, "--realm", names.REALM, "--domain", names.NETBIOS_DOMAIN),
            *("--server-role=dc", "--dns-backend=SAMBA_INTERNAL", f"--adminpass={password}", "-q"),
            *(f"--host-name={self.host.name}", f"--host-ip={self.host.address}"),
        )

    def join(self, existing, password):
        """Make a further controller of the domain; the `existing` host must be running one."""
        self.prepare()
        samba_tool(
            *("domain", "join", names.DNS_DOMAIN, "DC", "-s", self.config, f"--server={existing.address}"),
            *("--dns-backend=SAMBA_INTERNAL", f"--site={names.SITE}"),
            *("-U", f"Administrator%{password}"),
        )

    def add_schema(self, files):
        """Extend the schema: one process per file, because each needs the schema that the former one left."""
        database = os.path.join(self.base, "private", "sam.ldb")
        for path in files:
            tool = "ldbmodify" if path.endswith("modify.ldif") else "ldbadd"
            command = [tool, f"--configfile={self.config}", "-H", database, f"--option={SCHEMA_UPDATES}", path]
            subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def add_own_spns(self):
        """Register the controller's own service principal names, ldap/ and the like."""
        subprocess.run(["samba_spnupdate", "-s", self.config], check=True)

    def copy_spns(self, samdb):
        """Make them known in another controller's directory, because nothing replicates them."""
        dn = f"CN={self.host.name.upper()},OU=Domain Controllers,{names.BASE_DN}"
        own = self.samdb().search(base=dn, scope=ldb.SCOPE_BASE, attrs=["servicePrincipalName"])[0]
        message = ldb.Message(ldb.Dn(samdb, dn))
        values = list(own["servicePrincipalName"])
        message["spns"] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, "servicePrincipalName")
        samdb.modify(message)

    def set_clock(self, seconds):
        """Let its clock be so many seconds ahead."""
        clock.set_wrong(self.base, seconds)

    def drop_global_catalog(self, directories):
        """Be no global catalog any more, as these directories say, every controller's."""
        for samdb in directories:
            message = ldb.Message(ldb.Dn(samdb, names.settings_dn(self.host)))
            message["options"] = ldb.MessageElement("0", ldb.FLAG_MOD_REPLACE, "options")
            samdb.modify(message)
        with open(self._no_global_catalog, "w", encoding="ascii"):
            pass

    @property
    def _no_global_catalog(self):
        """A file that says so, for whoever waits for the ports."""
        return os.path.join(self.base, "no-global-catalog")

    def export_keytab(self, path, principal):
        """Add the keys of one principal to a keytab."""
        parameters = LoadParm()
        parameters.load(self.config)
        Net(None, parameters).export_keytab(keytab=path, principal=principal)

    def demand_signing(self):
        """Refuse binds over plain LDAP that neither sign nor seal; over TLS all stays as it is."""
        self._configure("ldap server require strong auth", "allow_sasl_over_tls")

    def move(self, address):
        """Listen at another address; who stands at its own is a relay."""
        self._configure("interfaces", f"{address}/8")

    def _configure(self, name, value):
        """Change one global option."""
        with open(self.config, encoding="ascii") as file:
            lines = file.read().split("\n")
        lines = [f"  {name} = {value}" if line.strip().startswith(f"{name} =") else line for line in lines]
        with open(self.config, "w", encoding="ascii") as file:
            file.write("\n".join(lines))

    def command(self, with_winbind=False, with_rpc=False):
        """How to run it in the foreground."""
        services = SERVICES + (",winbindd" if with_winbind else "") + (",rpc" if with_rpc else "")
        return [
            *clock.prefix(self.base),
            *("samba", "-s", self.config, "-F", "--no-process-group", "-M", "single"),
            f"--option=server services={services}",
        ]

    def ready(self, with_winbind=False):
        """Does it answer by now?"""
        if with_winbind and not os.path.exists(os.path.join(self.winbind_socket_dir, "pipe")):
            return False
        ports = TCP_PORTS + (() if os.path.exists(self._no_global_catalog) else GLOBAL_CATALOG_PORTS)
        return all(accepts(self.own_address, port) for port in ports) and answers_dns(self.own_address)

    def wait_ready(self, process, with_winbind=False, seconds=15):
        """Wait until it answers; False when it does not, or the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            if self.ready(with_winbind):
                return True
            time.sleep(0.02)
        return False


def accepts(address, port):
    """Does something listen there?"""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def answers_dns(address):
    """Does the name server there answer for the domain?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect((address, 53))
            probe.send(SOA_QUERY)
            return probe.recv(512)[3] & 0x0F == 0
        except OSError:
            return False


def samba_tool(*arguments):
    """Run samba-tool in a fresh process: Samba keeps the first configuration it sees for the whole process."""
    process = multiprocessing.get_context("spawn").Process(target=_samba_tool, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"samba-tool {' '.join(arguments[:2])} failed ({process.exitcode})")


def _samba_tool(*arguments):
    """In that process: without the step that sets file ACLs on sysvol.

    Nobody uses the file shares here, and the step needs rights that an ordinary user or a container has not.
    """
    samba.provision.setsysvolacl = lambda *_args, **_keywords: None
    raise SystemExit(cmd_sambatool()._run("samba-tool", *arguments))
