"""QEMU's channels where there are no Unix sockets: TCP ports of 127.0.0.1 that ask for a key (see vm/channels.py).

QEMU serves one client at a time at each. Another program that connects first cannot speak without the key, but
it keeps us out: it is named, and the machine gets other ports when it is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psutil

from vm.channels import Channels
from vm.errors import ChannelOccupied
from vm.files import write_atomically
from vm.host.common import LINE_LIMIT

IDENTITY = "slipway"
KEY_FILE = "keys.psk"
"""The name that QEMU's tls-creds-psk reads: lines of ``identity:key in hexadecimal``."""

KEY_BYTES = 32
HANDSHAKE_SECONDS = 10.0
"""QEMU answers within milliseconds; one under emulation on a busy computer within a second."""


def make(channels: Sequence[Path], keys: Path) -> Channels:
    """Choose a free port for each channel and write it there; make a new key."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(keys / KEY_FILE, f"{IDENTITY}:{secrets.token_hex(KEY_BYTES)}\n".encode(), 0o600)
    with ExitStack() as held:  # all at once, so that no port is chosen twice
        sockets = [held.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in channels]
        ports = {channel: int(taken.getsockname()[1]) for channel, taken in zip(channels, sockets, strict=True)}
    for channel, port in ports.items():
        write_atomically(channel, f"{port} {keys}\n".encode(), 0o600)
    return Channels(keys, ports)


async def connect(channel: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to QEMU at ``channel``.

    :raise OSError: nothing listens there.
    :raise ChannelOccupied: what listens there does not know the key, or does not answer.
    """
    port, keys = _read(channel)
    try:
        return await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=_context(keys),
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            limit=LINE_LIMIT,
        )
    except (ssl.SSLError, ConnectionAbortedError, ConnectionResetError) as error:
        raise ChannelOccupied(
            f"QEMU cannot be reached at its port {port} of 127.0.0.1: {_who(port)}",
            "End that program, then start Slipway again.",
            f"{channel.name}: {error!r}",
        ) from error


def _read(channel: Path) -> tuple[int, Path]:
    """:raise OSError: there is no such channel."""
    port, _, keys = channel.read_text(encoding="utf-8").strip().partition(" ")
    try:
        return int(port), Path(keys)
    except ValueError as error:
        raise OSError(f"{channel} does not name a port") from error


def _context(keys: Path) -> ssl.SSLContext:
    """:raise OSError: the key cannot be read, or Python cannot use one."""
    text = (keys / KEY_FILE).read_text(encoding="ascii")
    try:
        key = bytes.fromhex(text.strip().partition(":")[2])
    except ValueError as error:
        raise OSError(f"{keys / KEY_FILE} holds no key") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the key proves who is there, not a certificate
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    use_key = getattr(context, "set_psk_client_callback", None)
    if use_key is None:
        raise OSError("Slipway needs Python 3.13 here (ssl.SSLContext.set_psk_client_callback)")
    use_key(lambda hint: (IDENTITY, key))
    return context


def _who(port: int) -> str:
    """Which programs are at this port, in a few words."""
    names = set()
    with contextlib.suppress(psutil.Error, OSError):  # the list is for the message only
        for found in psutil.net_connections("tcp4"):
            if found.pid and port in (found.laddr and found.laddr.port, found.raddr and found.raddr.port):
                with contextlib.suppress(psutil.Error):
                    names.add(f"{psutil.Process(found.pid).name()} (process {found.pid})")
    return f"{' and '.join(sorted(names))} are there" if names else "another program is there"
