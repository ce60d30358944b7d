"""The lab's accounts, healthy and in every bad state."""

import time

import ldb
from samba.dcerpc import drsblobs
from samba.ndr import ndr_pack, ndr_unpack

from . import exchange, names

BYPASS_PASSWORD_HASH = "local_oid:1.3.6.1.4.1.7165.4.3.12:0"  # lets pwdLastSet be any time
CHANGE_METADATA = "local_oid:1.3.6.1.4.1.7165.4.3.14:0"  # lets the record of changes be changed
AES_AND_RC4 = 28
DES = 3
PUBLIC_FOLDER_MAILBOX = "68719476736"  # msExchRecipientTypeDetails
NEVER = str(-(2**63))
DAY = 24 * 3600 * 10**7  # in the directory's unit, 100 ns
MAX_PASSWORD_AGE = 3650 * DAY
LOCKOUT_THRESHOLD = 10
EPOCH_2020 = 132223104000000000  # 2020-01-01
EPOCH_1601 = 11644473600  # seconds from there to 1970

ACCOUNTS = {
    "svc": "Service Account",
    "other": "Other User",
    "disabled": "Disabled User",
    "acctexpired": "Account Expired",
    "pwexpired": "Password Expired",
    "mustchange": "Must Change Password",
    "locked": "Locked Out",
    "hours": "Outside Logon Hours",
    "workstation": "Other Workstation Only",
    "nomailbox": "No Mailbox",
    "hidden": "Hidden From Address Lists",
    "publicfolders": "Public Folder Mailbox",
}


class Account:
    """One account in one directory, to be put into a state."""

    def __init__(self, samdb, name):
        self.samdb = samdb
        self.name = name
        self.dn = names.user_dn(name)

    def set(self, controls=(), **attributes):
        """Give attributes these values and no others; an empty list removes one."""
        message = ldb.Message(ldb.Dn(self.samdb, self.dn))
        for name, value in attributes.items():
            message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
        self.samdb.modify(message, list(controls))

    def get(self, attribute):
        """The values of an attribute as text."""
        found = self.samdb.search(base=self.dn, scope=ldb.SCOPE_BASE, attrs=[attribute])[0]
        return [str(value) for value in found.get(attribute, [])]

    def set_password(self, password):
        """A new password."""
        self.samdb.setpassword(f"(sAMAccountName={self.name})", password)

    def disable(self):
        """Disable the account."""
        self.set(userAccountControl="514")

    def expire(self):
        """The account's own end lies in the past."""
        self.set(accountExpires=str(EPOCH_2020))

    def expire_password(self):
        """The password is older than the domain's policy allows."""
        long_ago = EPOCH_2020 - 20 * 365 * DAY
        self.set(controls=[BYPASS_PASSWORD_HASH], pwdLastSet=str(long_ago))

    def expire_password_in(self, days):
        """The password will be as old as the policy allows in so many days and a few hours."""
        set_when = now() - MAX_PASSWORD_AGE + days * DAY + DAY // 6
        self.set(controls=[BYPASS_PASSWORD_HASH], pwdLastSet=str(set_when))

    def require_password_change(self):
        """The password must be changed at the next logon."""
        self.set(pwdLastSet="0")

    def lock(self):
        """Locked out; the domain's policy never unlocks."""
        self.set(lockoutTime=str(EPOCH_2020), badPwdCount=str(LOCKOUT_THRESHOLD))

    def almost_lock(self):
        """Just now one failure short of being locked out."""
        self.set(badPwdCount=str(LOCKOUT_THRESHOLD - 1), badPasswordTime=str(now()))

    def close_hours(self):
        """No hour of the week is a logon hour."""
        self.set(logonHours=bytes(21))

    def bind_to_workstation(self, workstation):
        """Only this workstation may be used."""
        self.set(userWorkstations=workstation)

    def remove_mailbox(self):
        """Take away every attribute that makes it a mailbox user."""
        gone = dict.fromkeys(exchange.mailbox_attributes(self.name, ""), [])
        self.set(**{name: value for name, value in gone.items() if name != "displayName"})

    def move_to_cloud(self):
        """The mailbox is in Exchange Online now."""
        address = f"{self.name}@{exchange.CLOUD_DOMAIN}"
        self.set(**dict.fromkeys(("homeMDB", "msExchHomeServerName", "mDBUseDefaults"), []))
        self.set(**exchange.remote_attributes(address))
        self.set(proxyAddresses=[*self.get("proxyAddresses"), f"smtp:{address}"])

    def set_protocols(self, *settings, ews=None):
        """Which protocols the mailbox may be opened with, as Set-CASMailbox writes it."""
        self.set(protocolSettings=list(settings), msExchEwsEnabled=[] if ews is None else str(int(ews)))

    def backdate(self, attribute, when):
        """The attribute was last written then (seconds since 1970)."""
        wanted = ["replPropertyMetaData", "uSNChanged"]
        record = self.samdb.search(base=self.dn, scope=ldb.SCOPE_BASE, attrs=wanted)[0]
        blob = ndr_unpack(drsblobs.replPropertyMetaDataBlob, record["replPropertyMetaData"][0])
        identity = self.samdb.get_attid_from_lDAPDisplayName(attribute)
        for entry in blob.ctr.array:
            if entry.attid == identity:
                entry.originating_change_time = (when + EPOCH_1601) * 10**7
                entry.local_usn = int(str(record["uSNChanged"])) + 1  # or it would not be taken for newer
        self.set(controls=[CHANGE_METADATA], replPropertyMetaData=ndr_pack(blob))

    def rename(self, name):
        """Another logon name; the object and its mailbox stay as they are."""
        self.set(sAMAccountName=name, userPrincipalName=f"{name}@{names.DNS_DOMAIN}")

    def readdress(self, address):
        """Another e-mail address in place of all it had; the logon name stays."""
        self.set(mail=address, proxyAddresses=[f"SMTP:{address}"])

    def hide(self):
        """Hide it from the address lists."""
        self.set(msExchHideFromAddressLists="TRUE")


def now():
    """The time in the directory's unit."""
    return (int(time.time()) + EPOCH_1601) * 10**7


def add_all(samdb, password, frontend_password):
    """Policy and accounts."""
    _set_policy(samdb)
    for name, display_name in ACCOUNTS.items():
        add_mailbox_user(samdb, name, display_name, password)
    _put_into_states(samdb)
    _add_frontend_account(samdb, frontend_password)


def _put_into_states(samdb):
    Account(samdb, "disabled").disable()
    Account(samdb, "acctexpired").expire()
    Account(samdb, "pwexpired").expire_password()
    Account(samdb, "mustchange").require_password_change()
    Account(samdb, "locked").lock()
    Account(samdb, "hours").close_hours()
    Account(samdb, "workstation").bind_to_workstation("OTHERPC")
    Account(samdb, "nomailbox").remove_mailbox()
    Account(samdb, "hidden").hide()
    Account(samdb, "publicfolders").set(msExchRecipientTypeDetails=PUBLIC_FOLDER_MAILBOX)
    Account(samdb, "publicfolders").disable()


def _add_frontend_account(samdb, password):
    account = add_service(samdb, names.FRONTEND_ACCOUNT, password)
    account.set(servicePrincipalName=[*exchange.WEB_SPNS, *exchange.RPC_SPNS])


def add_mailbox_user(samdb, name, display_name, password):
    """A plain domain user with a visible mailbox."""
    samdb.newuser(name, password)
    upn = f"{name}@{names.DNS_DOMAIN}"
    Account(samdb, name).set(userPrincipalName=upn, **exchange.mailbox_attributes(name, display_name))


def add_service(samdb, name, password):
    """An account that services run as: with keys of the usual kinds, without a mailbox."""
    samdb.newuser(name, password)
    account = Account(samdb, name)
    account.set(**{"msDS-SupportedEncryptionTypes": str(AES_AND_RC4)})
    account.set_password(password)  # again, so that keys of these types exist
    return account


def _set_policy(samdb):
    message = ldb.Message(ldb.Dn(samdb, names.BASE_DN))
    policy = {
        "lockoutThreshold": str(LOCKOUT_THRESHOLD),
        "lockoutDuration": NEVER,
        "lockOutObservationWindow": str(-30 * 60 * 10**7),
        "maxPwdAge": str(-MAX_PASSWORD_AGE),
        "minPwdAge": "0",
    }
    for name, value in policy.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    samdb.modify(message)
