"""Faults of Autodiscover, EWS and Outlook on the web, after a logon that works."""

from .. import names
from .registry import fault


@fault("U03", "the account's mailbox has another e-mail address: Autodiscover says 500 to the old one, logons work")
def address_unknown(world):
    world.account().readdress(f"service@{names.DNS_DOMAIN}")


@fault("E07", "EWS is closed for this program (403 after logon), open for Outlook")
def ews_blocked(world):
    world.frontend.settings["ews_only_agent"] = "Microsoft Office"


@fault("O01", "Outlook on the web wants the bare user name and refuses user@domain and DOMAIN\\user")
def logon_format(world):
    world.frontend.settings["owa_logon_format"] = "user"
    world.frontend.settings["owa_default_domain"] = names.NETBIOS_DOMAIN


@fault("O03", "the mailbox has no language yet: Outlook on the web asks for it after logon")
def language_selection(world):
    world.frontend.settings["owa_ask_language"] = "yes"
