"""Faults of replication: the controllers do not have the same."""

from .. import names
from ..accounts import Account
from .registry import fault


@fault("D13", "the second controller's replica is another: there the mailbox is hidden and in no list", controllers=2)
def replicas_differ(world):
    account = Account(world.controllers[1].samdb(), names.ACCOUNT)
    account.hide()
    account.set(showInAddressBook=[])
