"""Explains why a port of the host cannot be taken, and which program has it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket

import psutil

from vm.errors import MachineError

log = logging.getLogger(__name__)


async def explain(protocol: str, address: str, port: int, error: Exception) -> str:
    """One sentence for ``docker run`` about ``error``, which binding or QEMU raised."""
    shown = f"[{address}]" if ":" in address else address
    failed = f"Bind for {shown}:{port}{'/udp' if protocol == 'udp' else ''} failed"
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MachineError) or number == errno.EADDRINUSE:
        owner = await asyncio.to_thread(owner_of, protocol, address, port)
        if owner or not isinstance(error, MachineError):
            return f"{failed}: the port is in use on your computer" + (f" by {owner}" if owner else "")
        return f"{failed}: {' '.join((error.detail or error.message).split())}"
    if number == errno.EACCES:
        return f"{failed}: on your computer only an administrator can use ports below 1024. Choose a higher one"
    if number == errno.EADDRNOTAVAIL:
        return f"{failed}: your computer does not have this address"
    if isinstance(error, OSError):
        return f"{failed}: {error.strerror or error}"
    return f"{failed}: an error in Slipway, see: slipway logs ({type(error).__name__}: {error})"


def owner_of(protocol: str, address: str, port: int) -> str:
    """Name and process id of the program that listens there; empty when the system does not say.

    Only the administrator sees other users' programs (proc(5), lsof(8)).
    """
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    try:
        found = psutil.net_connections("inet")
    except (psutil.Error, OSError) as error:
        log.debug("the owner of port %d is not known: %s", port, error)
        return ""
    for item in found:
        listens = item.type == kind and (kind == socket.SOCK_DGRAM or item.status == psutil.CONN_LISTEN)
        if listens and item.laddr and item.laddr.port == port and _overlap(item.laddr.ip, address) and item.pid:
            try:
                return f"{psutil.Process(item.pid).name()} (process {item.pid})"
            except psutil.Error:  # it has just ended, or belongs to another user
                return f"process {item.pid}"
    return ""


def _overlap(one: str, other: str) -> bool:
    """Whether the two addresses exclude each other; an unspecified address covers every address."""
    first, second = ipaddress.ip_address(one.partition("%")[0]), ipaddress.ip_address(other)
    if first.is_unspecified or second.is_unspecified:
        return first.version == second.version or first == ipaddress.IPv6Address(0)
    return first == second
