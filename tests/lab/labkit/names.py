"""The lab's world in names and numbers; the table in README.md shows the same."""

from dataclasses import dataclass

DNS_DOMAIN = "contoso.test"
REALM = "CONTOSO.TEST"
NETBIOS_DOMAIN = "CONTOSO"
BASE_DN = "DC=contoso,DC=test"
CONFIG_DN = f"CN=Configuration,{BASE_DN}"
USERS_DN = f"CN=Users,{BASE_DN}"
SITE = "Default-First-Site-Name"


@dataclass(frozen=True)
class Host:
    """A machine of the lab: its short name and its one address."""

    name: str
    address: str

    @property
    def fqdn(self):
        """The full name."""
        return f"{self.name}.{DNS_DOMAIN}"


DC1 = Host("dc1", "127.0.0.10")
DC2 = Host("dc2", "127.0.0.11")
EX1 = Host("ex1", "127.0.0.20")
EX2 = Host("ex2", "127.0.0.21")

NODES = (EX1, EX2)
MAIL_NAME = f"mail.{DNS_DOMAIN}"
AUTODISCOVER_NAME = f"autodiscover.{DNS_DOMAIN}"
FRONTEND_NAMES = (MAIL_NAME, AUTODISCOVER_NAME, EX1.fqdn, EX2.fqdn)

ACCOUNT = "svc"
"""The account under test."""

FRONTEND_ACCOUNT = "svc-exch"
"""The front end's own account, owner of the service principal names."""


def dcs(count):
    """The domain controllers of a lab with so many of them."""
    return (DC1, DC2)[:count]


def settings_dn(host):
    """Where the directory keeps what a domain controller is."""
    return f"CN=NTDS Settings,CN={host.name.upper()},CN=Servers,CN={SITE},CN=Sites,{CONFIG_DN}"


def user_dn(account):
    """The distinguished name of a lab account."""
    return f"CN={account},{USERS_DN}"
