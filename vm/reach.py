"""From a running QEMU to a guest one can talk to: its stages, then the pinned SSH connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vm.guest.keys import Keys
from vm.guest.readiness import EMULATION_FACTOR, SSH_DEADLINE, Readiness
from vm.guest.ssh import SshLink
from vm.launch import Session
from vm.spec import Accelerator


class Dial(Protocol):
    """What opens the SSH link; :meth:`vm.guest.ssh.SshLink.connect`, or a stand-in in tests."""

    def __call__(
        self, host: str, port: int, *, user: str, key: Path, host_key: Path, timeout: float
    ) -> Awaitable[SshLink]: ...


@dataclass
class Reach:
    """The way into one guest.

    :ivar dial: opens SSH links.
    :ivar factor: stretches every deadline; emulation is slow.
    """

    dial: Dial
    keys: Keys
    factor: float
    readiness: Readiness = field(init=False)

    def __post_init__(self) -> None:
        self.readiness = Readiness(self.factor)

    @classmethod
    def for_accelerator(cls, dial: Dial, keys: Keys, accelerator: Accelerator) -> Reach:
        """The reach of a guest which runs under ``accelerator``."""
        return cls(dial, keys, EMULATION_FACTOR if accelerator is Accelerator.TCG else 1.0)

    async def connect(self, session: Session) -> SshLink:
        """Open an SSH link, both keys pinned.

        :raise LinkError: it cannot be opened in time.
        """
        return await self.dial(
            "127.0.0.1",
            session.record.ssh_port,
            user="root",
            key=self.keys.client_private,
            host_key=self.keys.host_public,
            timeout=SSH_DEADLINE * self.factor,
        )

    async def first(self, session: Session) -> SshLink | None:
        """Wait until the guest is up and connect; None when QEMU ended meanwhile.

        :raise MachineError, DiskError: see :meth:`vm.guest.readiness.Readiness.wait`.
        :raise LinkError: see :meth:`connect`.
        """

        async def work() -> SshLink:
            await self.readiness.wait()
            return await self.connect(session)

        working = asyncio.create_task(work(), name="reach the guest")
        waiting: list[asyncio.Future[Any]] = [working, session.process.exited]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return None if session.process.exited.done() else await working
        finally:
            working.cancel()
            await asyncio.wait([working])
            if not working.cancelled():
                working.exception()  # QEMU's end explains it better
