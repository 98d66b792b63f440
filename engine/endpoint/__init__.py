"""The local socket that `docker` talks to, and the way from there into the machine.

endpoint.py    Endpoint: what the supervisor holds; one task per connection
gate.py        may connections proceed, must they wait, or are they turned away?
relay.py       bytes both ways, each direction ending by itself
rewrite.py     the requests that are looked at before the engine gets them; framing.py finds their ends
mounts.py      which bind mounts are possible, for a container that is to be created
local.py       the client's side of a connection, as a stream
refusal.py     an error in the shape every Docker client shows
listener.py    where clients connect: a Unix socket; the seam for a named pipe
"""

from engine.endpoint.endpoint import Endpoint, EndpointStats

__all__ = ["Endpoint", "EndpointStats"]
