"""The ordered list of parts: calls each of them in order, and keeps their state.

An error of one part is logged and shown in the status. The other parts are called all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from desktop.control.schema import PartReport, PartState
from desktop.settings.schema import Settings
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import Part
from engine.backends.base import Guest
from vm.errors import UserError

log = logging.getLogger(__name__)


class PartRegistry:
    """All parts, in the order in which they are attached.

    A part that controls another one comes before it, so that it ends first.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._errors: dict[str, str] = {}

    def configure(self, settings: Settings) -> None:
        """These settings are in use from now on."""
        for part in self._parts:
            with self._guard(part, "configure"):
                part.configure(settings)

    async def plan(self, plan: BootPlan) -> None:
        """Have each part add to the next start."""
        self._errors.clear()
        for part in self._parts:
            with self._guard(part, "plan"):
                await part.plan(plan)

    def attach(self, guest: Guest) -> None:
        """The guest is within reach."""
        for part in self._parts:
            with self._guard(part, "attach"):
                part.attach(guest)

    async def prepare_stop(self) -> None:
        """The engine is about to be stopped in order."""
        for part in self._parts:
            with self._guard(part, "prepare_stop"):
                await part.prepare_stop()

    def detach(self, *, ended: bool) -> None:
        """The guest is out of reach."""
        for part in self._parts:
            with self._guard(part, "detach"):
                part.detach(ended=ended)

    async def close(self) -> None:
        """Give everything up."""
        for part in self._parts:
            with self._guard(part, "close"):
                await part.close()

    def report(self) -> tuple[PartReport, ...]:
        """How each part is."""
        return tuple(self._reported(part) for part in self._parts)

    def _reported(self, part: Part) -> PartReport:
        found = part.report()
        error = self._errors.get(part.name)
        return found if error is None else replace(found, state=PartState.DEGRADED, error=error)

    @contextmanager
    def _guard(self, part: Part, action: str) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self._errors[part.name] = error.message
            log.warning("%s: %s: %s %s", part.name, action, error.message, error.detail)
        except Exception as error:
            self._errors[part.name] = f"{type(error).__name__}: {error}"
            log.exception("%s: %s failed", part.name, action)
