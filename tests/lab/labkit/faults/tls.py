"""Faults of certificates."""

from ..certificates import DAY, Authority, now
from .registry import fault


@fault("S01", "the front end's certificate has expired")
def certificate_expired(world):
    world.frontend.install_certificate(world.certificate(start=now() - 400 * DAY, end=now() - 10 * DAY))


@fault("S02", "the front end's certificate is for another name")
def certificate_name_mismatch(world):
    world.frontend.install_certificate(world.certificate(hosts=["webmail.contoso.example"]))


@fault("S03", "the front end's certificate comes from a private root that nobody here trusts")
def private_root(world):
    private = Authority.create("Contoso Private Root CA")
    world.frontend.install_certificate(world.certificate(authority=private), private.certificate)


@fault("S04", "the front end sends its certificate only, without the intermediate that signed it")
def missing_intermediate(world):
    intermediate = world.authority.subordinate("Contoso Issuing CA 1")
    place = "http://pki.contoso.example/issuing1.crt"
    world.frontend.install_certificate(world.certificate(authority=intermediate, issuer_url=place))
