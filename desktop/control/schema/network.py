"""What of the machine is reachable on the host: published ports, and the guest by SSH."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from vm.guest.forward import MACHINE


@dataclass(frozen=True)
class PortReport:
    """A port that a container publishes.

    :ivar protocol: ``tcp``, ``udp`` or ``sctp``.    :ivar address: where the host listens;
        not what was asked for when the setting ``ports_local`` narrows that.
    :ivar target: the container's address.    :ivar connections: open now.
    :ivar failure: why the host does not listen; empty when it does.
    :ivar kubernetes: whether it is the cluster's API, or a port of one of its services.
    """

    protocol: str
    address: str
    port: int
    target: str
    target_port: int
    connections: int
    failure: str
    kubernetes: bool = False

    @property
    def network(self) -> str:
        """Whose the target is when it is none of a container's own; else empty.

        ``host network``, ``swarm`` or ``kubernetes``.
        """
        if self.kubernetes:
            return "kubernetes"
        if self.target == MACHINE:
            return "swarm"
        return "host network" if ipaddress.ip_address(self.target).is_loopback else ""


@dataclass(frozen=True)
class SshReport:
    """How an SSH client reaches the guest, with both keys pinned."""

    host: str
    port: int
    user: str
    key: str
    known_hosts: str
