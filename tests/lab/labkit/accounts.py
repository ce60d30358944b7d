"""The lab's accounts, healthy and in every bad state."""

import ldb

from . import exchange, names

BYPASS_PASSWORD_HASH = "local_oid:1.3.6.1.4.1.7165.4.3.12:0"  # lets pwdLastSet be any time
AES_AND_RC4 = 28
PUBLIC_FOLDER_MAILBOX = "68719476736"  # msExchRecipientTypeDetails
NEVER = str(-(2**63))
DAY = 24 * 3600 * 10**7  # in the directory's unit, 100 ns
EPOCH_2020 = 132223104000000000  # 2020-01-01

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

    def require_password_change(self):
        """The password must be changed at the next logon."""
        self.set(pwdLastSet="0")

    def lock(self):
        """Locked out; the domain's policy never unlocks."""
        self.set(lockoutTime=str(EPOCH_2020), badPwdCount="10")

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

    def rename(self, name):
        """Another logon name; the object and its mailbox stay as they are."""
        self.set(sAMAccountName=name, userPrincipalName=f"{name}@{names.DNS_DOMAIN}")

    def readdress(self, address):
        """Another e-mail address in place of all it had; the logon name stays."""
        self.set(mail=address, proxyAddresses=[f"SMTP:{address}"])

    def hide(self):
        """Hide it from the address lists."""
        self.set(msExchHideFromAddressLists="TRUE")


def add_all(samdb, password, frontend_password):
    """Policy and accounts."""
    _set_policy(samdb)
    for name, display_name in ACCOUNTS.items():
        samdb.newuser(name, password)
        Account(samdb, name).set(
            userPrincipalName=f"{name}@{names.DNS_DOMAIN}",
            **exchange.mailbox_attributes(name, display_name),
        )
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
    name = names.FRONTEND_ACCOUNT
    samdb.newuser(name, password)
    account = Account(samdb, name)
    account.set(**{"msDS-SupportedEncryptionTypes": str(AES_AND_RC4)})
    account.set_password(password)  # again, so that keys of these types exist
    account.set(servicePrincipalName=[f"HTTP/{host}" for host in names.FRONTEND_NAMES])


def _set_policy(samdb):
    message = ldb.Message(ldb.Dn(samdb, names.BASE_DN))
    policy = {
        "lockoutThreshold": "10",
        "lockoutDuration": NEVER,
        "lockOutObservationWindow": str(-30 * 60 * 10**7),
        "maxPwdAge": str(-3650 * DAY),
        "minPwdAge": "0",
    }
    for name, value in policy.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    samdb.modify(message)
