"""Are the ports free that the lab needs, when it has no network of its own?"""

import socket

from . import names

CONTROLLER = [(socket.SOCK_STREAM, port) for port in (53, 88, 389, 464, 636, 3268, 3269)]
CONTROLLER += [(socket.SOCK_DGRAM, port) for port in (53, 88, 389, 464)]
FRONTEND = [(socket.SOCK_STREAM, port) for port in (443, 80)]


def check(controllers):
    """Raise when somebody else has one."""
    for controller in controllers:
        for address in {controller.host.address, controller.own_address}:
            _check(address, CONTROLLER)
    for node in names.NODES:
        _check(node.address, FRONTEND)


def _check(address, wanted):
    for kind, port in wanted:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise RuntimeError(f"the lab needs port {port} of {address}: {error.strerror}") from error
