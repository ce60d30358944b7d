"""A large directory: 20,000 mailbox users and 500 groups, written into the database's file past Samba's checks.

By way of Samba it would take a quarter of an hour. So one user and one group are made by Samba and copied: what differs is
written here, links and their back links, too, and Samba makes the indexes at the end. The users have no password.
"""

import os
import uuid

import ldb
from samba.dcerpc import misc, security
from samba.ndr import ndr_pack

from . import exchange, names

USERS = 20000
GROUPS = 500
DEPTH = 6  # groups in a row, each a member of the one before

STAFF = f"OU=Staff,{names.BASE_DN}"
TEAMS = f"OU=Teams,{names.BASE_DN}"
FIRST_RID = 100000
SECRETS = ("unicodePwd", "ntPwdHistory", "supplementalCredentials", "lmPwdHistory", "dBCSPwd")
OWN = ("cn", "name", "objectGUID", "objectSid", "sAMAccountName", "distinguishedName", "memberOf", "member")


def add(controller):
    """Fill the directory of a controller that does not run, and put the account into the deepest group of a row."""
    samdb = controller.samdb()
    for dn in (STAFF, TEAMS):
        exchange.add(samdb, dn, "organizationalUnit")
    exchange.add(samdb, f"CN=template,{TEAMS}", "group", sAMAccountName="template")
    samdb.add_remove_group_members("template", ["other"])
    domain = security.dom_sid(samdb.get_domain_sid())
    controller.close()
    del samdb
    crowd = Crowd(_raw(controller, names.BASE_DN), _raw(controller, names.CONFIG_DN), domain)
    indexes = crowd.drop_indexes()
    crowd.write()
    del crowd
    samdb = controller.samdb()
    samdb.modify(indexes)  # makes them, with Samba's notion of what is equal
    samdb.delete(f"CN=template,{TEAMS}")
    samdb.add_remove_group_members(group_name(DEPTH - 1), [names.ACCOUNT])


def user_name(number):
    """The logon name of one of the crowd."""
    return f"user{number:05}"


def group_name(number):
    """Groups 0 to DEPTH - 1 are the first row, and so on; the first of a row is the outermost."""
    return f"team{number:03}"


class Principal:
    """Who may be in a group."""

    def __init__(self, name, container, domain, number):
        self.name = name
        self.dn = f"CN={name},{container}"
        self.guid = uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{names.DNS_DOMAIN}")
        self.sid = security.dom_sid(f"{domain}-{FIRST_RID + number}")

    def back_link(self):
        """As the other end of a link is stored."""
        return f"<GUID={self.guid}>;<SID={self.sid}>;{self.dn}"


class Crowd:
    """The records, as the database's file has them."""

    def __init__(self, domain_file, config_file, domain):
        self.file, self.config_file = domain_file, config_file
        self.groups = [Principal(group_name(i), TEAMS, domain, i) for i in range(GROUPS)]
        self.users = [Principal(user_name(i), STAFF, domain, GROUPS + i) for i in range(USERS)]
        self.user_template = self._template(names.user_dn("other"))
        self.group_template = self._template(f"CN=template,{TEAMS}")
        self.link_template = self._template_of_link()

    def write(self):
        """Users, groups, and what the database says of their mailboxes."""
        self.file.transaction_start()
        for number, user in enumerate(self.users):
            self._write_user(number, user)
        for number, group in enumerate(self.groups):
            self._write_group(number, group)
        self.file.transaction_commit()
        message = ldb.Message(ldb.Dn(self.config_file, exchange.DATABASE))
        links = [user.back_link() for user in self.users]
        message["mailboxes"] = ldb.MessageElement(links, ldb.FLAG_MOD_ADD, "homeMDBBL")
        self.config_file.modify(message)

    def drop_indexes(self):
        """They would grow with every record, which takes minutes. Returns what brings them back."""
        dn = ldb.Dn(self.file, "@INDEXLIST")
        had = self.file.search(base=dn, scope=ldb.SCOPE_BASE)[0]
        drop, restore = ldb.Message(dn), ldb.Message(dn)
        for name in ("@IDXATTR", "@IDXONE"):
            drop[name] = ldb.MessageElement([], ldb.FLAG_MOD_DELETE, name)
            restore[name] = ldb.MessageElement(list(had[name]), ldb.FLAG_MOD_REPLACE, name)
        self.file.modify(drop)
        return restore

    def _template(self, dn):
        found = self.file.search(base=dn, scope=ldb.SCOPE_BASE)[0]
        return {key: list(found[key]) for key in found.keys() if key not in ("dn", *OWN, *SECRETS)}

    def _template_of_link(self):
        """The parts of a link that say when and where it was made."""
        value = str(self.file.search(base=f"CN=template,{TEAMS}", scope=ldb.SCOPE_BASE)[0]["member"][0])
        return ";".join(part for part in value.split(";") if part.startswith("<RMD_"))

    def _link(self, to):
        return f"<GUID={to.guid}>;{self.link_template};<SID={to.sid}>;{to.dn}"

    def _write_user(self, number, user):
        address = f"{user.name}@{names.DNS_DOMAIN}"
        mailbox = exchange.mailbox_attributes(user.name, f"User {number:05}")
        same = ("homeMDB", "showInAddressBook")  # links, which the template has as they are stored
        changed = {key: value for key, value in mailbox.items() if key not in same}
        changed |= {"userPrincipalName": address, "memberOf": self.groups[number % GROUPS].back_link()}
        self._write(user, self.user_template | changed)

    def _write_group(self, number, group):
        members = [self._link(self.users[i]) for i in range(number, USERS, GROUPS)]
        if number % DEPTH != DEPTH - 1 and number + 1 < GROUPS:
            members.append(self._link(self.groups[number + 1]))
        changed = {"member": members}
        if number % DEPTH != 0:
            changed["memberOf"] = self.groups[number - 1].back_link()
        self._write(group, self.group_template | changed)

    def _write(self, principal, attributes):
        guid = ndr_pack(misc.GUID(str(principal.guid)))
        own = {"cn": principal.name, "name": principal.name, "sAMAccountName": principal.name}
        own |= {"objectGUID": guid, "objectSid": ndr_pack(principal.sid)}
        self.file.add({"dn": ldb.Dn(self.file, principal.dn), **attributes, **own})


def _raw(controller, context):
    """A naming context's file, without Samba's modules."""
    path = os.path.join(controller.base, "private", "sam.ldb.d", f"{context.upper()}.ldb")
    return ldb.Ldb(url=f"tdb://{path}", options=["modules:", "batch_mode:1"])
