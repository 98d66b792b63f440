"""The machine's name server asks the host's resolver, VPN and split DNS included."""

from __future__ import annotations

from desktop.supervisor.parts.base import LinkedPart
from vm.guest.names import Names
from vm.host import Host
from vm.host.names import Resolver


class HostNames(LinkedPart):
    """Around :class:`vm.guest.names.Names`."""

    name = "names"

    def __init__(self, host: Host) -> None:
        super().__init__(Names(Resolver(host.name_servers)))
