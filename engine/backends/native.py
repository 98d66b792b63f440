"""The native engine: a dockerd of this computer, which runs as a service and has a socket or pipe of its own.

The service is the system's, which this package may not see: what is used of it is said by :class:`Service`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from engine.backends.base import Hop, Listener, Progress
from engine.backends.features import Features
from engine.backends.native_causes import AGAIN, hint_for
from engine.client import EngineClient
from engine.endpoint.route import LocalRoute, Route
from vm.errors import EngineError, HostError, UserError
from vm.host import Host, pipe_in_use, pipe_owner

log = logging.getLogger(__name__)

HOP_SECONDS = 3.0
"""For dockerd to answer at its own address."""


class Service(Protocol):
    """What is used of a :class:`vm.services.state.Service`; its errors are those of that class."""

    @property
    def title(self) -> str: ...

    async def state(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def wait_ended(self) -> str: ...


class NativeEngine:
    """A service as a :class:`~engine.backends.base.Backend`. Belongs to one event loop.

    :ivar address: where its API answers.
    """

    def __init__(self, name: str, features: Features, service: Service, address: Path, host: Host) -> None:
        self.name = name
        self.features = features
        self._service = service
        self.address = address
        self._host = host
        self._listener: Listener | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._restarting = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self.failure: UserError | None = None

    @property
    def restarting(self) -> bool:
        """Whether an administrator's program may be restarting the service (:meth:`held`)."""
        return self._restarting > 0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Around a restart of the service by an administrator's program: it has not ended by itself.

        If it does not run afterwards, that is reported as its end.
        """
        self._restarting += 1
        self._settled.clear()
        try:
            yield
        finally:
            self._restarting -= 1
            if not self.restarting:
                self._settled.set()

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` what happens from now on."""
        self._listener = listener

    @property
    def up(self) -> bool:
        """Whether the service runs."""
        return self._watch is not None and not self._watch.done()

    async def start(self, progress: Progress) -> None:
        """Start the service.

        :raise HostError: it does not start.
        """
        self.failure = None
        progress.chosen("", "")
        async with progress.stage("service"):
            await self._require_free_address()
            try:
                await self._service.start()
            except HostError as error:
                if (hint := hint_for(error.detail)) != AGAIN:
                    error.hint = hint
                raise
        self._follow()

    async def _require_free_address(self) -> None:
        """dockerd would only say that access to its pipe is denied. :raise HostError: another program has it."""
        if await self._service.state() != "stopped" or not await asyncio.to_thread(pipe_in_use, self.address):
            return
        owner = await asyncio.to_thread(pipe_owner, self.address)
        raise HostError(
            f"Another program listens at the engine's pipe {self.address}" + (f": {owner}" if owner else ""),
            "End that program, and try again.",
        )

    async def adopt(self) -> bool:
        """Take it over if it runs; a service that cannot be asked is left alone."""
        try:
            if await self._service.state() != "running":
                return False
        except UserError as error:
            log.warning("%s %s", error.message, error.detail)
            return False
        self._follow()
        return True

    async def stop(self) -> None:
        """Stop the service. :raise HostError: it cannot be stopped."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        self.failure = None
        await self._service.stop()

    async def resume(self) -> None:
        """Nothing: it cannot be paused."""

    async def wait_ended(self) -> UserError | None:
        """Wait until it has ended by itself; the cause."""
        await self._ended.wait()
        return self.failure

    def route(self) -> Route:
        """Its own socket or pipe."""
        return LocalRoute(self._host, self.address)

    async def hops(self) -> list[Hop]:
        """The service, dockerd. Never raises."""
        try:
            state = await self._service.state()
        except UserError as error:
            return [Hop("service", False, error.message, error.hint), Hop("dockerd", None, "not reached")]
        if state != "running":
            return [
                Hop("service", False, f"{self._service.title} is {state}"),
                Hop("dockerd", None, "not reached"),
            ]
        return [Hop("service", True, f"{self._service.title} runs"), await self._dockerd()]

    async def _dockerd(self) -> Hop:
        try:
            async with asyncio.timeout(HOP_SECONDS), EngineClient(self.address) as client:
                await client.ping()
        except TimeoutError:
            return Hop("dockerd", False, f"dockerd does not answer within {HOP_SECONDS:g} s")
        except UserError as error:
            return Hop("dockerd", False, error.message, error.hint)
        return Hop("dockerd", True, f"dockerd answers at {self.address}")

    def _follow(self) -> None:
        self._ended = asyncio.Event()
        self._watch = asyncio.create_task(self._until_ended(), name=f"watch {self._service.title}")
        if self._listener is not None:
            self._listener.reached(None)

    async def _until_ended(self) -> None:
        try:
            how = await self._service.wait_ended()
            while not self._settled.is_set():
                await self._settled.wait()
                if await self._service.state() == "running":
                    how = await self._service.wait_ended()
        except UserError as error:
            how = error.message
        self.failure = explain_end(self._service.title, how)
        self._watch = None
        self._ended.set()
        if self._listener is not None:
            self._listener.ended(self.failure)


def explain_end(title: str, how: str) -> EngineError:
    """Why a service has ended, for people.

    :param how: its exit code, and below that the last it has said.
    """
    first, *said = [line for line in how.splitlines() if line.strip()]
    reason = f"{first}: {said[-1].strip()}" if said else first
    return EngineError(f"{title} ended unexpectedly: {reason}", hint_for(how), how)
