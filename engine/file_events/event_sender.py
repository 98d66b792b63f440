"""Sends changes, in order, and leases to the guest's program ``replay``.

A lease lets the guest's kernel cache what it knows of a tree, for as long as every change of the tree is reported
(Gray and Cheriton, *Leases*, 1989).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from engine.file_events.file_event import encode_lease
from engine.file_events.mounts_in_use import share_of
from vm.errors import LinkError
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

PROGRAM = "/usr/lib/slipway/replay"

LEASE_SECONDS = 20
"""How long the guest caches a tree after the supervisor has fallen silent; sshfs caches as long."""

RENEW_SECONDS = 7.0

RETRY_SECONDS = 1.0


class EventSender:
    """Starts the guest's program at the first change or lease, and again when its stream is lost.

    :param shares: returns the shared folders, by their paths on the host.
    """

    def __init__(self, carrier: Carrier, shares: Callable[[], Sequence[str]]) -> None:
        self._granted: dict[str, float] = {}  # tree → when, by the loop's clock
        self._carrier = carrier
        self._shares = shares
        self._stream: Stream | None = None
        self._lock = asyncio.Lock()

    @property
    def leased(self) -> frozenset[str]:
        """The trees that are leased, as far as is known here. A program that ends takes its leases with it."""
        return frozenset(self._granted)

    async def send(self, records: bytes) -> None:
        """Send records (:func:`.file_event.encode_event`); those that cannot be sent are lost."""
        if not records:
            return
        async with self._lock:
            try:
                if self._stream is None:
                    self._stream = await self._carrier.open_exec(f"exec {PROGRAM}")
                await self._stream.write(records)
            except LinkError as error:
                log.info("changes of files could not be sent: %s", error.message)
                await self._drop()
                await asyncio.sleep(RETRY_SECONDS)

    async def set_leases(self, trees: Iterable[str]) -> None:
        """Lease these trees, renewing each every :data:`RENEW_SECONDS`, and end all other leases at once."""
        trees, now = frozenset(trees), asyncio.get_running_loop().time()
        ended = self.leased - trees
        due = {tree for tree in trees if tree not in self._granted or now - self._granted[tree] >= RENEW_SECONDS}
        self._granted = {tree: now if tree in due else self._granted[tree] for tree in trees}
        await self.send(self._leases(ended, 0) + self._leases(due, LEASE_SECONDS))

    async def close(self) -> None:
        """End the guest's program."""
        async with self._lock:
            await self._drop()

    def _leases(self, trees: Iterable[str], seconds: int) -> bytes:
        shares = self._shares()
        found = ((tree, share_of(tree, shares)) for tree in sorted(trees))
        return b"".join(encode_lease(tree, share, seconds) for tree, share in found if share is not None)

    async def _drop(self) -> None:
        self._granted.clear()
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.close()
