"""WhileLinked: work that goes on for as long as a way into the machine is there, and anew with the next."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from vm.guest.stream import Carrier

log = logging.getLogger(__name__)

Way = TypeVar("Way", bound=Carrier)


class WhileLinked(ABC, Generic[Way]):
    """Follows the machine's link; belongs to the loop it is used in."""

    _way: Way | None = None
    _task: asyncio.Task[None] | None = None

    def use(self, way: Way | None) -> None:
        """The way into the machine from now on; None while there is none."""
        if way is self._way:
            return
        self._way = way
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if way is not None:
            self._task = asyncio.get_running_loop().create_task(self.work(way), name=type(self).__name__)
            self._task.add_done_callback(_report)

    async def close(self) -> None:
        """Work no more; returns when the work has ended. Idempotent."""
        task = self._task
        self.use(None)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    @abstractmethod
    async def work(self, way: Way) -> None:
        """What is to be done; cancelled when ``way`` is gone."""


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has ended", task.get_name(), exc_info=error)
