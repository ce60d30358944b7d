"""Faults of the health pages, behind which the services work."""

from .. import names
from .registry import fault, variant


@fault("V03", "the health page of EWS on the second node says 503; its EWS works")
def health_page_down(world):
    world.frontend.add("health", f"{names.EX2.name} ews 503")


@variant("V03-closed", "the second node closes the connection when asked for the health page of EWS; its EWS works")
def health_page_closed(world):
    world.frontend.add("health", f"{names.EX2.name} ews closed")
