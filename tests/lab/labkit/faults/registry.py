"""The faults by their ids."""

from dataclasses import dataclass
from typing import Callable

FAULTS = {}
VARIANTS = {}


@dataclass(frozen=True)
class Switch:
    """What breaks something, and the lab it needs: so many controllers, or the large directory."""

    title: str
    function: Callable
    controllers: int = 1
    large: bool = False


def fault(identity, title, **needs):
    """Register a fault under its id in the failure catalogue; `needs` are those of Switch."""
    return _register(FAULTS, identity, title, needs)


def variant(identity, title, **needs):
    """Register what the catalogue does not number: another form of a fault (`ID-word`), or a switch for tests."""
    return _register(VARIANTS, identity, title, needs)


def _register(table, identity, title, needs):
    def register(function):
        if identity in FAULTS or identity in VARIANTS:
            raise ValueError(f"fault {identity} is there twice")
        table[identity] = Switch(title, function, **needs)
        return function

    return register


def titles(with_variants=False):
    """Ids and titles, sorted; those of the catalogue, or all."""
    shown = FAULTS | (VARIANTS if with_variants else {})
    return sorted((identity, switch.title) for identity, switch in shown.items())


def check(identities):
    """Raise when one of these is not known."""
    unknown = [identity for identity in identities if identity not in FAULTS and identity not in VARIANTS]
    if unknown:
        raise RuntimeError(f"no such fault: {' '.join(unknown)} (`lab faults --all` lists them)")


def controllers(identities):
    """How many domain controllers these need."""
    return max((switch.controllers for switch in _switches(identities)), default=1)


def large(identities):
    """Does one of these need the large directory?"""
    return any(switch.large for switch in _switches(identities))


def apply(world, identities):
    """Break these things, in this order."""
    for switch in _switches(identities):
        switch.function(world)


def _switches(identities):
    everything = FAULTS | VARIANTS
    return [everything[identity] for identity in identities]
