"""Faults of connections."""

from .registry import fault


@fault("T01", "a firewall swallows connections to port 443 of the front end: connecting times out")
def connect_timeout(world):
    world.frontend.play("T01")


@fault("T02", "a firewall resets TLS handshakes that ask for mail.contoso.test; other names pass")
def reset_by_name(world):
    world.frontend.play("T02")
