"""What a fault may change: a restored lab that has not been started yet."""

import os

from . import names, records
from .accounts import Account
from .certificates import Authority, load_key
from .frontend import Frontend


class World:
    """The lab before it starts.

    account("svc")   the account, in every controller's directory
    dns, msdcs       the zones contoso.test and _msdcs.contoso.test
    directory        the other objects of the directory
    everywhere       for what takes more than one call to that
    frontend         the emulated Exchange
    controllers      the domain controllers, one by one, for what must differ between them
    options          what the program under test is told in this lab, besides the usual
    """

    def __init__(self, base, controllers):
        self.base = base
        self.controllers = controllers
        self.frontend = Frontend(base, controllers[0].winbind_socket_dir)
        self.options = []
        self.signed_in = None  # the account whose ticket the lab's user has

    def account(self, name=names.ACCOUNT):
        """An account; see accounts.Account for what can be done to it."""
        return Everywhere([Account(controller.samdb(), name) for controller in self.controllers])

    @property
    def dns(self):
        """The zone contoso.test; see records.Zone."""
        return Everywhere([records.Zone(controller.samdb()) for controller in self.controllers])

    @property
    def msdcs(self):
        """The zone _msdcs.contoso.test, where the controllers have their names."""
        return Everywhere([records.Zone(controller.samdb(), records.FOREST_ZONE) for controller in self.controllers])

    @property
    def directory(self):
        """The whole directory; see samba's SamDB (add, modify, delete)."""
        return Everywhere([controller.samdb() for controller in self.controllers])

    def everywhere(self, function, *arguments, **keywords):
        """Call function(samdb, ...) for the directory of every controller."""
        for controller in self.controllers:
            function(controller.samdb(), *arguments, **keywords)

    @property
    def password(self):
        """The password of all mailbox users."""
        with open(os.path.join(self.base, "password"), encoding="ascii") as file:
            return file.read().strip()

    @property
    def authority(self):
        """The lab's certification authority, which everybody trusts."""
        return Authority.load(self.base)

    def certificate(self, hosts=names.FRONTEND_NAMES, authority=None, **details):
        """A certificate with the front end's key, by the lab's authority or another; the rest as in issue()."""
        return (authority or self.authority).issue(list(hosts), key=load_key(self.frontend.key), **details)

    def close(self):
        """Let go of the directories, so that the servers can have them."""
        for controller in self.controllers:
            controller.close()


class Everywhere:
    """The same thing in several directories: what is done to it is done to each; the first one's answer counts.

    The lab's controllers do not replicate, so a change has to be made in each.
    """

    def __init__(self, things):
        self._things = things

    def __getattr__(self, name):
        def call(*arguments, **keywords):
            return [getattr(thing, name)(*arguments, **keywords) for thing in self._things][0]

        return call
