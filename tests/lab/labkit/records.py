"""Names in the lab's DNS, written into the directory of a domain controller that does not run."""

import ldb
from samba.dcerpc import dnsp
from samba.ndr import ndr_pack, ndr_unpack
from samba.provision.sambadns import AAAARecord, ARecord, CNAMERecord, NSRecord, SRVRecord, TXTRecord

from . import names

DOMAIN_ZONE = f"DC={names.DNS_DOMAIN},CN=MicrosoftDNS,DC=DomainDnsZones,{names.BASE_DN}"
FOREST_ZONE = f"DC=_msdcs.{names.DNS_DOMAIN},CN=MicrosoftDNS,DC=ForestDnsZones,{names.BASE_DN}"
TTL = 900


def a(address):
    """An IPv4 address."""
    return ARecord(address, ttl=TTL)


def aaaa(address):
    """An IPv6 address."""
    return AAAARecord(address, ttl=TTL)


def cname(target):
    """Another name for the target."""
    return CNAMERecord(target, ttl=TTL)


def srv(target, port, priority=0, weight=0):
    """The place of a service."""
    return SRVRecord(target, port, priority=priority, weight=weight, ttl=TTL)


def txt(text):
    """Some text."""
    return TXTRecord([text], ttl=TTL)


def mx(target, preference=10):
    """A mail exchanger."""
    record = dnsp.DnssrvRpcRecord()
    record.wType = dnsp.DNS_TYPE_MX
    record.rank = dnsp.DNS_RANK_ZONE
    record.dwSerial = 1
    record.dwTtlSeconds = TTL
    record.data.wPriority = preference
    record.data.nameTarget = target
    return record


class Zone:
    """A zone of one directory. Names are relative to it; `@` is the zone itself."""

    def __init__(self, samdb, base=DOMAIN_ZONE):
        self.samdb = samdb
        self.base = base

    def names(self):
        """Every name in it."""
        nodes = self.samdb.search(base=self.base, expression="(objectClass=dnsNode)", attrs=["name"])
        return [str(node["name"]) for node in nodes]

    def get(self, name):
        """The records of a name."""
        try:
            found = self.samdb.search(base=self._dn(name), scope=ldb.SCOPE_BASE, attrs=["dnsRecord"])
        except ldb.LdbError as error:
            if error.args[0] == ldb.ERR_NO_SUCH_OBJECT:
                return []
            raise
        return [ndr_unpack(dnsp.DnssrvRpcRecord, value) for value in found[0].get("dnsRecord", [])]

    def set(self, name, *records):
        """Give a name exactly these records."""
        message = ldb.Message(ldb.Dn(self.samdb, self._dn(name)))
        message["dnsRecord"] = ldb.MessageElement([ndr_pack(r) for r in records], ldb.FLAG_MOD_REPLACE, "dnsRecord")
        try:
            self.samdb.modify(message)
        except ldb.LdbError as error:
            if error.args[0] != ldb.ERR_NO_SUCH_OBJECT:
                raise
            message["objectClass"] = "dnsNode"
            self.samdb.add(message)

    def add(self, name, *records):
        """Give a name these records besides those it has."""
        self.set(name, *self.get(name), *records)

    def remove(self, name):
        """Take a name away; it need not exist."""
        try:
            self.samdb.delete(self._dn(name))
        except ldb.LdbError as error:
            if error.args[0] != ldb.ERR_NO_SUCH_OBJECT:
                raise

    def _dn(self, name):
        return f"DC={name},{self.base}"


def add_exchange(zone):
    """The names of the mail service."""
    addresses = [a(node.address) for node in names.NODES]
    zone.set("mail", *addresses)
    zone.set("autodiscover", *addresses)
    for node in names.NODES:
        zone.set(node.name, a(node.address))
    zone.set("_autodiscover._tcp", srv(names.MAIL_NAME, 443))
    zone.add("@", mx(names.MAIL_NAME))


def add_controller(samdb, new, old):
    """Give the controller `new` its name, and every service and address record that `old` has but for the PDC role."""
    settings = names.settings_dn(new)
    guid = samdb.schema_format_value("objectGUID", samdb.search(settings, ldb.SCOPE_BASE)[0]["objectGUID"][0]).decode()
    Zone(samdb).set(new.name, a(new.address))
    Zone(samdb, FOREST_ZONE).set(guid, cname(new.fqdn))
    for base in (DOMAIN_ZONE, FOREST_ZONE):
        zone = Zone(samdb, base)
        for name in zone.names():
            if name.lower() not in (old.name, new.name) and not name.lower().startswith("_ldap._tcp.pdc"):
                records = zone.get(name)
                present = [_place(record) for record in records]
                twins = filter(None, (_twin(record, old, new) for record in records))
                missing = [twin for twin in twins if _place(twin) not in present]
                if missing:
                    zone.add(name, *missing)


def _twin(record, old, new):
    if record.wType == dnsp.DNS_TYPE_A and record.data == old.address:
        return a(new.address)
    if record.wType == dnsp.DNS_TYPE_NS and record.data.lower() == old.fqdn:
        return NSRecord(new.fqdn)
    if record.wType == dnsp.DNS_TYPE_SRV and record.data.nameTarget.lower() == old.fqdn:
        return srv(new.fqdn, record.data.wPort, record.data.wPriority, record.data.wWeight)
    return None


def _place(record):
    """What two records have in common when one of them is enough."""
    if record.wType == dnsp.DNS_TYPE_SRV:
        return (record.data.nameTarget.lower(), record.data.wPort)
    return record.data if record.wType in (dnsp.DNS_TYPE_A, dnsp.DNS_TYPE_NS) else None
