"""LinkTask: a task that runs while there is a link into the machine, and is started again with the next link.

It is supervised (vm/tasks.py): work that fails while the link is there is started again after a pause.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Generic, TypeVar

from vm.guest.stream import Carrier
from vm.tasks import SupervisedTask, TaskHealth, TaskState

CarrierT = TypeVar("CarrierT", bound=Carrier)


class LinkTask(ABC, Generic[CarrierT]):
    """Follows the machine's link; belongs to the loop it is used in."""

    _link: CarrierT | None = None
    _task: SupervisedTask | None = None

    @property
    def health(self) -> TaskHealth:
        """How the work is doing; it has ended while there is no link."""
        return self._task.health if self._task is not None else TaskHealth(TaskState.ENDED)

    def use(self, link: CarrierT | None) -> None:
        """Work over ``link`` from now on; None while there is none."""
        if link is self._link:
            return
        self._link = link
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if link is not None:
            self._task = SupervisedTask(type(self).__name__, partial(self.work, link))
            self._task.start()

    async def close(self) -> None:
        """Stop working; returns when the work has ended. Idempotent."""
        task = self._task
        self.use(None)
        if task is not None:
            await task.stop()

    @abstractmethod
    async def work(self, link: CarrierT, /) -> None:
        """The work over one ``link``; cancelled when the link is gone, started again when it fails."""
