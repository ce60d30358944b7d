"""Everything that can be broken in the lab, a module for each layer.

To add a fault, add a function to the module of its layer: it gets the World (world.py) before anything is started,
and changes it. The id and the words are what `lab faults` and the demo show. What only the front end can play, it is
told by `world.frontend.play(ID)` or by a key of its configuration.
"""

from . import authentication, directory, directory_server, forest, health  # noqa: F401  they register themselves
from . import http, mapi, mapi_more, name, organization, replica, services, tcp, tls  # noqa: F401
from .registry import apply, check, controllers, large, titles  # noqa: F401
