"""The emulated Exchange front end: its configuration file."""

import os

from . import clock, names
from .certificates import pem, write

WIRE_BUILD = "15.2.2562.37"  # Exchange SE RTM with the newest update of the build table

# <repository>/build/demo/tests/lab/frontend/exreach-lab-frontend
DEFAULT_BINARY = os.path.join(
    *(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."),
    *("build", "demo", "tests", "lab", "frontend", "exreach-lab-frontend"),
)


def binary(chosen=None):
    """The program to start."""
    return os.path.realpath(chosen or os.environ.get("EXREACH_LAB_FRONTEND") or DEFAULT_BINARY)


class Frontend:
    """What the front end is told. A fault changes `settings` (key: value or list of values) or adds a switch.

    The keys are those of the front end's config.h.
    """

    def __init__(self, base, winbind_socket_dir):
        self.base = base
        self.config = os.path.join(base, "frontend.conf")
        self.certificate = os.path.join(base, "frontend.pem")
        self.key = os.path.join(base, "frontend.key")
        self.log = os.path.join(base, "frontend.log")
        self.settings = {
            "node": [f"{node.fqdn} {node.address} {WIRE_BUILD}" for node in names.NODES],
            "certificate": self.certificate,
            "key": self.key,
            "keytab": os.path.join(base, "frontend.keytab"),
            "ldap": f"ldaps://{names.DC1.address}",
            "ldap_base": names.BASE_DN,
            "ldap_user": names.user_dn(names.FRONTEND_ACCOUNT),
            "ldap_password_file": os.path.join(base, "frontend.password"),
            "ldap_ca": os.path.join(base, "ca.pem"),
            "winbind_socket_dir": winbind_socket_dir,
            "domain": names.NETBIOS_DOMAIN,
            "dns_domain": names.DNS_DOMAIN,
            "external_name": names.MAIL_NAME,
            "log": self.log,
            "full_access": ["svc other"],
            "extended_protection": [],
            "fault": [],
        }

    def set_build(self, node, build):
        """Let one of names.NODES show this build, e.g. `15.1.2507.6`."""
        self.settings["node"][names.NODES.index(node)] = f"{node.fqdn} {node.address} {build}"

    def play(self, fault):
        """Switch a fault on that the front end itself has to play."""
        self.settings["fault"].append(fault)

    def protect(self, path, level):
        """Extended Protection of a path, e.g. `ews`: off, allow or require."""
        self.settings["extended_protection"].append(f"{path} {level}")

    def offer(self, path, *schemes):
        """The HTTP logon schemes of a path, e.g. `ews`: of negotiate, ntlm, basic, forms."""
        self.add("schemes", f"{path} {','.join(schemes) or 'none'}")

    def add(self, key, value):
        """One more line of a key that may be there several times."""
        self.settings.setdefault(key, []).append(value)

    def install_certificate(self, issued, *chain):
        """Show this certificate from now on, and send these others after it."""
        issued.write(self.certificate, self.key)
        if chain:
            self.settings["chain"] = os.path.join(self.base, "frontend-chain.pem")
            write(self.settings["chain"], b"".join(map(pem, chain)))

    def set_clock(self, seconds):
        """Let its clock be so many seconds ahead."""
        clock.set_wrong(self.base, seconds)

    def add_website(self, name, address, issued):
        """A web site that is not Exchange's, on ports 443 and 80 of an address."""
        place = os.path.join(self.base, f"website-{address}")
        issued.write(f"{place}.pem", f"{place}.key")
        self.add("website", f"{name} {address} {place}.pem {place}.key")

    def write(self):
        """Write the configuration file."""
        with open(self.config, "w", encoding="utf-8") as file:
            for key, value in self.settings.items():
                for item in value if isinstance(value, list) else [value]:
                    file.write(f"{key} {item}\n")
