"""A socket bound to a port of the host, for one family of addresses, shared with no other program."""

from __future__ import annotations

import ipaddress
import socket


def bound(kind: int, address: str, port: int) -> socket.socket:
    """A socket of ``kind`` (``SOCK_STREAM``, ``SOCK_DGRAM``) that has the port.

    :raise OSError: the port or the address cannot be taken.
    """
    version = ipaddress.ip_address(address).version
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: SO_REUSEADDR would share the port with anybody
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
    except BaseException:
        sock.close()
        raise
    return sock
