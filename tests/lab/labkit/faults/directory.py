"""Faults of the directory."""

from .registry import fault


@fault("D04", "the account is not mailbox-enabled")
def no_mailbox(world):
    world.account().remove_mailbox()


@fault("D06", "the mailbox is hidden from the address lists")
def hidden(world):
    world.account().hide()
