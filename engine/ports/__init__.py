"""Published ports: the host listens where a container's port was asked for, and carries it there.

publisher.py  answers dockerd's requests, and knows what is published
listener.py   takes the host's ports, and carries their connections
bind_errors.py  why a port cannot be taken, and which program has it
datagrams.py  UDP over IPv6: one stream for each client
sockets.py    a socket that has a port
hostnet.py    what containers with the host's network listen on
ingress.py    what a swarm's services publish through its ingress network
reservations.py  keeps dockerd from choosing a port that is in use

dockerd runs ``vm/image/native/publish.c`` for each published port, which asks over the control port.
So the life of a listener is that of dockerd's own proxy, and a port that is taken makes ``docker run`` fail.
"""

from engine.ports.hostnet import HostNetwork
from engine.ports.ingress import Ingress
from engine.ports.listener import Datagrams, Published
from engine.ports.publisher import Answer, Publisher
from engine.ports.reservations import PortReservations

__all__ = ["Answer", "Datagrams", "HostNetwork", "Ingress", "PortReservations", "Published", "Publisher"]
