"""The local socket that `docker` talks to, and the way from there to the engine.

endpoint.py    Endpoint: what the supervisor holds; one task per connection
gate.py        may connections proceed, must they wait, or are they turned away?
route.py       how a connection gets to the engine; the seam for another engine
relay.py       bytes both ways, each direction ending by itself
replay.py      what an engine that ends before its answer is asked again
admission/     requests to create or start a container are checked and amended on their way
local.py       the client's side of a connection, as a stream
refusal.py     an error in the shape every Docker client shows
cutoff.py      a timeout that also ends early
listener.py    where clients connect: a Unix socket, or named pipes
"""

from engine.endpoint.endpoint import Endpoint, EndpointStats
from engine.endpoint.route import GuestRoute, Route

__all__ = ["Endpoint", "EndpointStats", "GuestRoute", "Route"]
