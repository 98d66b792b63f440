"""A port of the host's that the guest asks for, in the control port's words."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

PROTOCOLS = ("tcp", "udp", "sctp")

MACHINE = "10.0.2.15"
"""The machine's own address, as ``vm/image/rootfs/usr/lib/slipway/network`` has it."""


@dataclass(frozen=True)
class Forward:
    """What listens on the host, and where in the guest's networks it leads.

    :ivar key: the guest's name for it.    :ivar address: where the host listens; ``0.0.0.0`` and ``::`` are all
        its addresses.
    """

    key: str
    protocol: str
    address: str
    port: int
    guest_address: str
    guest_port: int

    @classmethod
    def parse(cls, text: str) -> Forward:
        """Read ``KEY PROTOCOL ADDRESS PORT GUEST-ADDRESS GUEST-PORT``.

        :raise ValueError: it is something else.
        """
        key, protocol, address, port, guest_address, guest_port = text.split()
        if protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol {protocol}")
        for checked in (address, guest_address):
            ipaddress.ip_address(checked)
        return cls(key, protocol, address, _port(port), guest_address, _port(guest_port))


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise ValueError(f"no port: {text}")
    return number
