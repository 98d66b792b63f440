"""A TLS listener in front of the engine, for clients on other computers: off until it is asked for.

certificates.py   an authority, the certificates it issues, and the list of those it has revoked
store.py          the files of an installation: the authority, its clients, and where to listen
transport.py      TLS on one connection, with directions that end independently
listener.py       the port: accepts connections, and knows whose each one is

Why TLS ends here and not at dockerd's own ``tlsverify`` socket in the machine, behind a carried TCP stream:
dockerd knows no revocation list and reads its certificates only when it starts, and a restart stops containers, so
a client could not be revoked. Nor could we read what passes: mounts and ports of such a client would go
unchecked (``engine/endpoint/admission``), and it would get no answer while the engine starts. Here a connection is
one of the endpoint's like any other. The objection was that asyncio's TLS cannot end one direction, which
``docker run -i`` needs. OpenSSL can; transport.py uses it directly.
"""

from engine.tls.listener import Identity, TlsListener
from engine.tls.store import Bundle, Client, ClientState, Place, TlsStore

__all__ = ["Bundle", "Client", "ClientState", "Identity", "Place", "TlsListener", "TlsStore"]
