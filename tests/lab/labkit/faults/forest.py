"""A forest that is more than one small domain."""

import os

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

from .. import exchange, names
from .registry import fault, variant

CHILD = f"DC=child,{names.BASE_DN}"
ACCOUNT = f"CN={names.ACCOUNT},CN=Users,{CHILD}"
CHILD_DNS = f"child.{names.DNS_DOMAIN}"
CHILD_SID = "S-1-5-21-1004336348-1177238915-682003330"
CHILD_RID = 1105
NC_HEAD = "13"  # instanceType: the head of a naming context, writable, with another one above
CONTEXT = "1"  # systemFlags of a crossRef; with 2, for a domain, Samba's KDC would give no service tickets any more
RELAX = "relax:0"


@fault("D01", "the account is in the child domain child.contoso.test: only the global catalog finds it")
def in_another_domain(world):
    """A naming context of its own on the same controllers, with the account's real object in it.

    Searches of contoso.test do not enter it, those of the global catalog do. The child domain has no controllers:
    its logons are played by the account's twin in contoso.test, which the account itself may not see.
    """
    for controller in world.controllers:
        _add_child(controller)
        _hide_twin(controller.samdb())


@variant("large", "20,000 mailbox users and 500 groups, nested six deep; the account is in the deepest", large=True)
def large(_world):
    """All of it is in the snapshot."""


def _add_child(controller):
    """The naming context and the account in it."""
    controller.close()
    parameters = LoadParm()
    parameters.load(controller.config)
    url = os.path.join(controller.base, "private", "sam.ldb")
    # without the flag that SamDB sets by itself, or the new context would not get its file
    samdb = SamDB(url=url, lp=parameters, session_info=system_session(parameters), flags=0)
    samdb.add(
        {
            "dn": f"CN=CHILD,CN=Partitions,{names.CONFIG_DN}",
            "objectClass": "crossRef",
            "nCName": CHILD,
            "dnsRoot": CHILD_DNS,
            "nETBIOSName": "CHILD",
            "systemFlags": CONTEXT,
            "trustParent": f"CN={names.NETBIOS_DOMAIN},CN=Partitions,{names.CONFIG_DN}",
        },
        [RELAX],
    )
    sid = ndr_pack(security.dom_sid(CHILD_SID))
    samdb.add({"dn": CHILD, "objectClass": "domainDNS", "instanceType": NC_HEAD, "objectSid": sid}, [RELAX])
    samdb.add({"dn": f"CN=Users,{CHILD}", "objectClass": "container"}, [RELAX])
    samdb.add(
        {
            "dn": ACCOUNT,
            "objectClass": "user",
            "sAMAccountName": f"{names.ACCOUNT}.child",
            "userPrincipalName": f"{names.ACCOUNT}@{CHILD_DNS}",
            "userAccountControl": "512",
            "objectSid": ndr_pack(security.dom_sid(f"{CHILD_SID}-{CHILD_RID}")),
            **exchange.mailbox_attributes(names.ACCOUNT, "Service Account"),
        },
        [RELAX],
    )
    del samdb
    # Samba, which knows of one domain only, would say that the twin has this name
    controller.write_unchecked(ACCOUNT, "sAMAccountName", [names.ACCOUNT], CHILD)


def _hide_twin(samdb):
    """Only the system, the administrators and the front end see it."""
    found = samdb.search(names.user_dn(names.FRONTEND_ACCOUNT), ldb.SCOPE_BASE, attrs=["objectSid"])[0]
    frontend = ndr_unpack(security.dom_sid, found["objectSid"][0])
    domain = security.dom_sid(samdb.get_domain_sid())
    descriptor = security.descriptor.from_sddl(f"O:DAG:DAD:P(A;;GA;;;SY)(A;;GA;;;DA)(A;;GR;;;{frontend})", domain)
    message = ldb.Message(ldb.Dn(samdb, names.user_dn(names.ACCOUNT)))
    message["sd"] = ldb.MessageElement(ndr_pack(descriptor), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    samdb.modify(message, ["sd_flags:1:15"])
