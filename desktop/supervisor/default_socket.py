"""Docker's default address, at which the engine answers as well while it runs: for programs that know no contexts.

On Windows that is the pipe ``docker_engine``, whose name all engines of the computer share. It is taken when
Slipway starts, unless another program has it, and given back when Slipway stops. Elsewhere only administrators may
listen there, and this does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from desktop.control.schema import WarningReport
from desktop.settings.schema import Settings
from desktop.supervisor.lifecycle.phase import Phase
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.warnings import Warnings
from engine.endpoint.listener import Listener, local_listener
from vm.errors import UserError
from vm.host import pipe_in_use, pipe_owner
from vm.host.paths import docker_address
from vm.tasks import SupervisedTask

log = logging.getLogger(__name__)

ABOUT = "docker without a context"

TRY_SECONDS = 5.0
"""Between attempts to take a name that another program has: one call of the kernel, with no connection made."""

IDLE_SECONDS = 3600.0
"""Between looks when there is nothing to wait for but a change."""

IDLE = (Phase.STOPPED, Phase.STOPPING, Phase.FAILED)
"""Phases in which the name is left to others."""


class SecondAddress(Protocol):
    """The endpoint, as far as it answers at more than one address."""

    async def listen_also(self, listener: Listener) -> None:
        """:raise EngineError: another process listens there.    :raise HostError: the address cannot be used."""
        ...

    async def listen_no_more(self, listener: Listener) -> None:
        """Give the address back."""
        ...


class DefaultAddress(Protocol):
    """The host, as far as it has such an address."""

    @property
    def default_docker_socket(self) -> Path:
        """Where docker looks when nothing names an engine."""
        ...

    @property
    def offers_default_docker_socket(self) -> bool:
        """Whether a program of this user may listen there."""
        ...


class Life(Protocol):
    """What says where Slipway is in its life."""

    @property
    def phase(self) -> Phase:
        """Of the engine in use."""
        ...


class Kind(NamedTuple):
    """A kind of address.

    :ivar in_use: whether a program listens there; no connection is made.
    :ivar owner: names that program; may take one of its connections, and block.
    :ivar listener: listens there itself.
    """

    in_use: Callable[[Path], bool]
    owner: Callable[[Path], str]
    listener: Callable[[Path], Listener]


class DefaultSocket:
    """Follows the phase and the setting ``default_pipe``. Belongs to one event loop.

    :param host: says whether a program of this user may listen there.
    :param settings: those in use.
    :param life: says where Slipway is in its life.
    :param kind: how its kind of address is looked at and listened at.
    """

    def __init__(
        self,
        host: DefaultAddress,
        endpoint: SecondAddress,
        settings: Callable[[], Settings],
        life: Life,
        notifier: Notifier,
        warnings: Warnings,
        kind: Kind | None = None,
    ) -> None:
        self._path = host.default_docker_socket if host.offers_default_docker_socket else None
        self._endpoint = endpoint
        self._settings = settings
        self._life = life
        self._notifier = notifier
        self._warnings = warnings
        self._kind = kind or Kind(pipe_in_use, pipe_owner, local_listener)
        self._listener: Listener | None = None
        self._task = SupervisedTask("default socket", self._follow)

    def addresses(self) -> tuple[str, ...]:
        """The address for DOCKER_HOST, while the engine answers there."""
        return (docker_address(self._path),) if self._path is not None and self._listener is not None else ()

    def start(self) -> None:
        """Follow from now on."""
        if self._path is not None:
            self._task.start()

    async def close(self) -> None:
        """Give the address back, and follow no more. Idempotent."""
        await self._task.stop()
        await self._give_back()

    async def _follow(self) -> None:
        assert self._path is not None
        while True:
            subscription = self._notifier.subscribe()
            settings = self._settings()
            needed = settings.windows_service == "docker"  # by that service, which listens nowhere else
            wanted = settings.default_pipe and not needed and self._life.phase not in IDLE
            if not wanted:
                await self._give_back()
            elif self._listener is None:
                await self._take(self._path)
            missing = wanted and self._listener is None
            await subscription.wait(TRY_SECONDS if missing else IDLE_SECONDS)

    async def _take(self, path: Path) -> None:
        if self._kind.in_use(path):
            if not self._warnings.about(ABOUT):  # finding out whose it is takes one of its connections
                self._warnings.set(ABOUT, [taken(path, await asyncio.to_thread(self._kind.owner, path))])
            return
        listener = self._kind.listener(path)
        try:
            await self._endpoint.listen_also(listener)
        except UserError as error:
            self._warnings.set(ABOUT, [WarningReport(error.message, error.hint)])
        else:
            self._listener = listener
            log.info("the engine answers at %s too", path)
            self._warnings.set(ABOUT, ())
            self._notifier.notify()

    async def _give_back(self) -> None:
        self._warnings.set(ABOUT, ())
        listener, self._listener = self._listener, None
        if listener is not None:
            await self._endpoint.listen_no_more(listener)
            log.info("%s is given back", self._path)
            self._notifier.notify()


def taken(path: Path, owner: str) -> WarningReport:
    """What to know when another program has the name. :param owner: which one; empty if that is not known."""
    return WarningReport(
        f"Docker's default pipe {path} is used by {owner or 'another program'}",
        "Programs that do not use the context “slipway” reach that engine. Once it has ended, Slipway takes it. "
        "To leave it alone: slipway settings set default_pipe false",
    )
