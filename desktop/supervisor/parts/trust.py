"""Certificates: the machine trusts the host's own authorities, and knows Docker's ``certs.d``."""

from __future__ import annotations

import asyncio

from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import LinkedPart
from engine.trust import Trust, pack, registry_folders
from vm.host import Host


class HostTrust(LinkedPart):
    """Around :class:`engine.trust.Trust`."""

    name = "certificates"

    def __init__(self, host: Host) -> None:
        self._host = host
        super().__init__(Trust(self._archive))

    async def plan(self, plan: BootPlan) -> None:
        """What the machine is to trust when dockerd starts."""
        plan.config["trust"] = await asyncio.to_thread(self._archive)

    def _archive(self) -> bytes:
        return pack(self._host.certificates(), registry_folders())
