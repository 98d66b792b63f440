"""Certificates: the machine trusts the host's own authorities, and knows Docker's ``certs.d``."""

from __future__ import annotations

import asyncio

from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import LinkedPart
from desktop.supervisor.warnings import Warnings, of_files
from engine.trust import Trust, pack, registry_folders
from vm.errors import HostError
from vm.host import Host
from vm.host.optional_files import OptionalFiles


class HostTrust(LinkedPart):
    """Around :class:`engine.trust.Trust`."""

    name = "certificates"

    def __init__(self, host: Host, environment: UserEnvironment, warnings: Warnings) -> None:
        self._host = host
        self._environment = environment
        self._warnings = warnings
        self._short = False
        super().__init__(Trust(self._look_again))

    async def plan(self, plan: BootPlan) -> None:
        """What the machine is to trust when dockerd starts."""
        plan.config["trust"] = await self._look()

    async def _look_again(self) -> bytes:
        """The archive for the running machine, which keeps what it has while files cannot be opened at all.

        :raise HostError: that is so.
        """
        archive = await self._look()
        if self._short:
            raise HostError("No certificates can be read now: too many files are open")
        return archive

    async def _look(self) -> bytes:
        """The archive; what cannot be read is left out of it and becomes a warning."""
        files = OptionalFiles()
        archive = await asyncio.to_thread(self._archive, files)
        self._short = any(one.shortage for one in files.passed_over)
        self._warnings.set(self.name, of_files(files.passed_over, "the machine lacks its certificates"))
        return archive

    def _archive(self, files: OptionalFiles) -> bytes:
        folders = registry_folders(self._environment.variables())
        return pack(self._host.certificates(files), folders, files)
