"""The faults by their ids."""

FAULTS = {}
VARIANTS = {}


def fault(identity, title):
    """Register a fault under its id in the failure catalogue."""
    return _register(FAULTS, identity, title)


def variant(identity, title):
    """Register what the catalogue does not number: another form of a fault (`ID-word`), or a switch for tests."""
    return _register(VARIANTS, identity, title)


def _register(table, identity, title):
    def register(function):
        if identity in FAULTS or identity in VARIANTS:
            raise ValueError(f"fault {identity} is there twice")
        table[identity] = (title, function)
        return function

    return register


def titles(with_variants=False):
    """Ids and titles, sorted; those of the catalogue, or all."""
    return sorted((identity, title) for identity, (title, _) in (FAULTS | (VARIANTS if with_variants else {})).items())


def check(identities):
    """Raise when one of these is not known."""
    unknown = [identity for identity in identities if identity not in FAULTS and identity not in VARIANTS]
    if unknown:
        raise RuntimeError(f"no such fault: {' '.join(unknown)} (`lab faults --all` lists them)")


def apply(world, identities):
    """Break these things, in this order."""
    for identity in identities:
        (FAULTS | VARIANTS)[identity][1](world)
