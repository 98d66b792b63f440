"""LinkTask: a task that runs while there is a link into the machine, and is started again with the next link."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from vm.guest.stream import Carrier

log = logging.getLogger(__name__)

CarrierT = TypeVar("CarrierT", bound=Carrier)


class LinkTask(ABC, Generic[CarrierT]):
    """Follows the machine's link; belongs to the loop it is used in."""

    _link: CarrierT | None = None
    _task: asyncio.Task[None] | None = None

    def use(self, link: CarrierT | None) -> None:
        """Work over ``link`` from now on; None while there is none."""
        if link is self._link:
            return
        self._link = link
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if link is not None:
            self._task = asyncio.get_running_loop().create_task(self.work(link), name=type(self).__name__)
            self._task.add_done_callback(_report)

    async def close(self) -> None:
        """Stop working; returns when the work has ended. Idempotent."""
        task = self._task
        self.use(None)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    @abstractmethod
    async def work(self, link: CarrierT, /) -> None:
        """The work over one ``link``; cancelled when the link is gone."""


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has ended", task.get_name(), exc_info=error)
