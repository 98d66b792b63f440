"""Published ports: this computer listens where a container's port was asked for, and carries it there.

publisher.py  answers dockerd's requests, listens, and carries connections
holder.py     who has a port that is taken

dockerd runs ``engine/rootfs/usr/lib/slipway/publish`` for each published port, which asks over the control port.
So the life of a listener is that of dockerd's own proxy, and a port that is taken makes ``docker run`` fail.
"""

from engine.ports.publisher import Published, Publisher

__all__ = ["Published", "Publisher"]
