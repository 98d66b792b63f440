"""Backend: an engine that can be brought up and reached. What it can do is data; no caller asks which one it is.

A backend reports to a :class:`Listener` what happens to it. The lifecycle decides what follows: it is the only
writer of the run state.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from engine.backends.features import Features
from engine.endpoint.route import Route
from vm.errors import UserError
from vm.guest.stream import Link


@dataclass(frozen=True)
class Hop:
    """One part on the way to the engine. :ivar ok: None when it was not reached."""

    name: str
    ok: bool | None
    why: str
    hint: str = ""


@dataclass(frozen=True)
class Guest:
    """A guest that has just come within reach.

    :ivar adopted: a supervisor before us started it, and containers may run in it already.
    """

    link: Link
    adopted: bool


class Progress(Protocol):
    """Where a start reports how far it is."""

    def stage(self, name: str) -> AbstractAsyncContextManager[None]:
        """Time what is done inside as the stage ``name``."""
        ...

    def note(self, text: str, fraction: float | None = None) -> None:
        """One line for the user; ``fraction`` (0 to 1) says how far the stage is."""
        ...

    def chosen(self, accelerator: str, image: str) -> None:
        """What the machine is started with: QEMU's accelerator, the version of the system image."""
        ...

    def machine_begins(self) -> None:
        """The clock of :meth:`machine_stage` starts now."""
        ...

    def machine_stage(self, name: str, seconds: float) -> None:
        """The machine has reached a stage, ``seconds`` after it began to start."""
        ...


class Listener(Protocol):
    """Told what happens to a backend, in the event loop."""

    def reached(self, guest: Guest | None) -> None:
        """The engine is within reach, for the first time or again.

        :param guest: the machine it runs in; None for an engine without one.
        """
        ...

    def lost(self, reason: str) -> None:
        """It is out of reach and comes back by itself. ``reason`` completes “the engine is not ready: …”."""
        ...

    def held(self, cause: UserError | None) -> None:
        """It is paused: on demand (None), or because it cannot go on."""
        ...

    def resumed(self) -> None:
        """It is no longer paused."""
        ...

    def ended(self, cause: UserError) -> None:
        """It has ended by itself."""
        ...


class Backend(Protocol):
    """An engine that can be brought up and reached."""

    @property
    def name(self) -> str:
        """A short name, as in ``slipway engine use NAME``."""
        ...

    @property
    def features(self) -> Features:
        """What it can do."""
        ...

    @property
    def up(self) -> bool:
        """Whether it runs, paused or not."""
        ...

    @property
    def failure(self) -> UserError | None:
        """Why it ended by itself, or is held; None otherwise."""
        ...

    async def start(self, progress: Progress) -> None:
        """Bring it up until it can be reached; it may need a moment more for its first answer.

        :raise UserError: it did not start; nothing of it is left.
        """
        ...

    async def adopt(self) -> bool:
        """Take over what an earlier supervisor left running, or clean it up; whether it runs now."""
        ...

    async def stop(self) -> None:
        """End it in order; does nothing when it does not run.

        :raise UserError: it cannot be ended.
        """
        ...

    async def resume(self) -> None:
        """Let it go on when it is paused.

        :raise UserError: it cannot.
        """
        ...

    async def wait_ended(self) -> UserError | None:
        """Wait until it has ended by itself; the cause."""
        ...

    def route(self) -> Route:
        """The way of a connection to the engine's API.

        :raise UserError: it is out of reach.
        """
        ...

    async def hops(self) -> list[Hop]:
        """Look at each part on the way to the engine, outermost first; dockerd last. Never raises."""
        ...
