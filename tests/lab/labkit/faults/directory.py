"""Faults of the directory: what it says of the account and of its mailbox."""

import calendar

from .. import exchange, names
from .registry import fault, variant

# Settings of Set-CASMailbox; the separator is part of the format.
MAPI_OFF = "MAPI§0§§§§§§§§§"
OWA_OFF = ("OWA§0", "HTTP§0§1§§§§§§")

BEFORE_THE_MAILBOX = calendar.timegm((2024, 3, 11, 9, 30, 0))

MOVE_IN_PROGRESS = 2  # msExchMailboxMoveStatus
MOVE_WITHIN_ORGANIZATION = 2 | 8  # msExchMailboxMoveFlags: in this organisation, by pulling

NESTED = ("PBX Services", "Telephony Admins", "Domain Admins")


@fault("D02", "the domain controllers demand signing: strongerAuthRequired to other binds on port 389")
def signing_demanded(world):
    for controller in world.controllers:
        controller.demand_signing()


@fault("D04", "the account is not mailbox-enabled")
def no_mailbox(world):
    world.account().remove_mailbox()


@fault("D05", "the mailbox is in Exchange Online: the account is a remote mailbox here")
def remote_mailbox(world):
    world.account().move_to_cloud()


@fault("D06", "the mailbox is hidden from the address lists")
def hidden(world):
    world.account().hide()


@fault("D07", "the mailbox is not hidden, but in no address list")
def in_no_address_list(world):
    world.account().set(showInAddressBook=[])


@fault("D08", "a second mailbox has the account's e-mail address, too")
def address_twice(world):
    other = world.account("other")
    address = f"smtp:{names.ACCOUNT}@{names.DNS_DOMAIN}"
    other.set(proxyAddresses=[*other.get("proxyAddresses"), address])


@fault("D09", "the account is a Domain Admin, by way of two other groups")
def privileged(world):
    member = names.ACCOUNT
    for group in NESTED:
        if group != NESTED[-1]:
            world.directory.newgroup(group)
        world.directory.add_remove_group_members(group, [member])
        member = group
    world.account().set(adminCount="1")  # as AdminSDHolder does within the hour


@fault("D10", "MAPI is switched off for the mailbox; Autodiscover gives no EXCH, EWS and Outlook on the web work")
def mapi_off(world):
    world.account().set_protocols(MAPI_OFF)


@variant("D10-ews", "EWS is switched off for the mailbox: 403 after logon")
def ews_off(world):
    world.account().set_protocols(ews=False)


@variant("D10-owa", "Outlook on the web is switched off for the mailbox: an error page after logon")
def owa_off(world):
    world.account().set_protocols(*OWA_OFF)


@fault("D11", "MAPI is switched off for the mailbox by a setting that is older than the mailbox")
def stale_settings(world):
    world.account().set_protocols(MAPI_OFF)
    world.account().backdate("protocolSettings", BEFORE_THE_MAILBOX)


@fault("D12", "the mailbox is being moved to another database; it can be opened all the same")
def being_moved(world):
    world.account().set(
        msExchMailboxMoveStatus=str(MOVE_IN_PROGRESS),
        msExchMailboxMoveFlags=str(MOVE_WITHIN_ORGANIZATION),
        msExchMailboxMoveSourceMDBLink=exchange.DATABASE,
        msExchMailboxMoveTargetMDBLink=exchange.SECOND_DATABASE,
    )


@variant("D12-ews", "the mailbox is being moved, and EWS does not open it: ErrorMailboxMoveInProgress")
def being_switched_over(world):
    being_moved(world)
    world.frontend.play("D12-ews")
