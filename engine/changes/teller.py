"""The way to the guest's program: changes in order, and leases of the trees of which every change is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from engine.changes.change import lease
from engine.changes.used import share_of
from vm.errors import LinkError
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

PROGRAM = "/usr/lib/slipway/replay"

LEASE_SECONDS = 20
"""How long the guest believes what it knows of a tree when the supervisor falls silent; sshfs believes as long."""

RENEW_SECONDS = 7.0

RETRY_SECONDS = 1.0


class Teller:
    """Starts the program when there is something to tell for the first time, and again when it is lost.

    :param shares: tells the shared folders, as this computer calls them.
    """

    def __init__(self, carrier: Carrier, shares: Callable[[], Sequence[str]]) -> None:
        self._granted: dict[str, float] = {}  # tree → when, by the loop's clock
        self._carrier = carrier
        self._shares = shares
        self._stream: Stream | None = None
        self._lock = asyncio.Lock()

    @property
    def leased(self) -> frozenset[str]:
        """The trees that are leased, as far as is known here. When the program ends, so do its leases."""
        return frozenset(self._granted)

    async def tell(self, records: bytes) -> None:
        """Have these changes (:func:`engine.changes.change.record`) done again; what cannot be told is lost."""
        if not records:
            return
        async with self._lock:
            try:
                if self._stream is None:
                    self._stream = await self._carrier.open_exec(f"exec {PROGRAM}")
                await self._stream.write(records)
            except LinkError as error:
                log.info("changes could not be told: %s", error.message)
                await self._drop()
                await asyncio.sleep(RETRY_SECONDS)

    async def lease(self, trees: Iterable[str]) -> None:
        """Have the leases of these go on, told every :data:`RENEW_SECONDS`, and end all others at once."""
        trees, now = frozenset(trees), asyncio.get_running_loop().time()
        ended = self.leased - trees
        due = {tree for tree in trees if tree not in self._granted or now - self._granted[tree] >= RENEW_SECONDS}
        self._granted = {tree: now if tree in due else self._granted[tree] for tree in trees}
        await self.tell(self._leases(ended, 0) + self._leases(due, LEASE_SECONDS))

    async def close(self) -> None:
        """Let the program end."""
        async with self._lock:
            await self._drop()

    def _leases(self, trees: Iterable[str], seconds: int) -> bytes:
        shares = self._shares()
        found = ((tree, share_of(tree, shares)) for tree in sorted(trees))
        return b"".join(lease(tree, share, seconds) for tree, share in found if share is not None)

    async def _drop(self) -> None:
        self._granted.clear()
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.close()
