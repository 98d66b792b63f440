"""Which program has a port of this computer that is taken."""

from __future__ import annotations

import ipaddress
import socket

import psutil


def holder_of(protocol: str, address: str, port: int) -> str:
    """Name and process number of what listens there; empty when the system does not tell.

    Other users' programs are told to the administrator only (proc(5), lsof(8)).
    """
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    try:
        found = psutil.net_connections("inet")
    except psutil.Error:
        return ""
    for item in found:
        listens = item.type == kind and (kind == socket.SOCK_DGRAM or item.status == psutil.CONN_LISTEN)
        if listens and item.laddr and item.laddr.port == port and _overlap(item.laddr.ip, address) and item.pid:
            try:
                return f"{psutil.Process(item.pid).name()} (process {item.pid})"
            except psutil.Error:  # it has just ended, or is not ours to look at
                return f"process {item.pid}"
    return ""


def _overlap(one: str, other: str) -> bool:
    """Whether two addresses cannot both be listened on; one for all addresses takes every one of them."""
    first, second = ipaddress.ip_address(one.partition("%")[0]), ipaddress.ip_address(other)
    if first.is_unspecified or second.is_unspecified:
        return first.version == second.version or first == ipaddress.IPv6Address(0)
    return first == second
