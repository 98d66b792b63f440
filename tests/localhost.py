"""Ports of the host for tests to use."""

from __future__ import annotations

import socket

from engine.ports.reservations import RANDOM


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing uses now, and that dockerd does not choose by itself."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in RANDOM:
            return port
