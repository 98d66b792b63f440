"""Admission: the steps that check and amend requests, in their order.

A body is parsed once and written once, however many steps there are. What goes on to the engine is written from
what the steps saw, so that it sees nothing else (documents.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from engine.endpoint.admission.documents import CONTAINER, SERVICE, VOLUME, JsonObject, Shape, dump, parse, spell
from engine.endpoint.admission.requests import Checked, Kind
from vm.errors import UserError

log = logging.getLogger(__name__)

Inspect = Callable[[str], Awaitable[JsonObject]]
"""Returns what the engine knows of a container (Docker API, ContainerInspect); empty: it knows none by that name.

:raise UserError: other than EngineError: it cannot be asked
"""

Discard = Callable[[str], Awaitable[None]]
"""Removes a container with its anonymous volumes, by its ID. :raise UserError: it cannot be removed."""

LARGE = 256 * 1024
"""Bytes of a body that is parsed in a thread, so that nothing else waits for it."""


class Step:
    """One check or amendment; a subclass overrides what it takes part in.

    Bodies are changed in place. All raise :class:`~vm.errors.EngineError` to refuse the request (HTTP 400), and
    any other :class:`~vm.errors.UserError` when what the step needs is not available (HTTP 503).
    """

    async def create_container(self, body: JsonObject) -> None:
        """Check and amend a container to create."""

    async def create_volume(self, body: JsonObject) -> None:
        """Check and amend a volume to create."""

    async def change_service(self, body: JsonObject) -> None:
        """Check and amend a service to create or update."""

    async def set_plugin(self, name: str, settings: list[object]) -> None:
        """Check and amend what a plugin is to be set to."""

    async def enable_plugin(self, name: str) -> None:
        """Check a plugin that is to be started."""

    async def copy_files(self, container: JsonObject) -> None:
        """Check a container from or to which files are to be copied.

        :param container: see :meth:`start`
        """

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        """Prepare the start of a container.

        :param container: what the engine knows of it; empty when it knows nothing
        :param over: done when the engine answers the request, or when nothing waits for that any more
        """


_SHAPES: dict[Kind, Shape] = {
    Kind.CREATE_CONTAINER: CONTAINER,
    Kind.CREATE_VOLUME: VOLUME,
    Kind.CHANGE_SERVICE: SERVICE,
}


class Admission:
    """Runs the steps in order; each gets the body that the one before has left."""

    def __init__(self, steps: Sequence[Step], inspect: Inspect, discard: Discard) -> None:
        self._steps = steps
        self._inspect = inspect
        self._discard = discard

    async def admit(self, request: Checked, raw: bytes, over: asyncio.Future[None]) -> bytes:
        """The body to send to the engine instead of ``raw``.

        :param over: see :meth:`Step.start`
        :raise EngineError: the request is refused
        :raise UserError: of any other type: it cannot be checked now
        """
        if request.kind in (Kind.START_CONTAINER, Kind.COPY_FILES, Kind.ENABLE_PLUGIN):
            await self._check(request, over)
            return raw
        body = await asyncio.to_thread(parse, raw) if len(raw) > LARGE else parse(raw)
        if body is None:
            return raw  # nothing at all: the engine says what is missing
        if request.kind is Kind.SET_PLUGIN:
            if isinstance(body, list):
                for step in self._steps:
                    await step.set_plugin(request.name, body)
        elif isinstance(body, dict):
            await self._amend(request.kind, body)
        return dump(body)

    async def _amend(self, kind: Kind, body: JsonObject) -> None:
        spell(body, _SHAPES[kind])
        for step in self._steps:
            match kind:
                case Kind.CREATE_CONTAINER:
                    await step.create_container(body)
                case Kind.CREATE_VOLUME:
                    await step.create_volume(body)
                case Kind.CHANGE_SERVICE:
                    await step.change_service(body)

    async def _check(self, request: Checked, over: asyncio.Future[None]) -> None:
        """Of requests whose bodies say nothing."""
        if request.kind is Kind.ENABLE_PLUGIN:
            for step in self._steps:
                await step.enable_plugin(request.name)
            return
        container = await self._inspect(request.name)
        if not container:
            log.info("the engine knows no container %s", request.name)
        if request.kind is Kind.START_CONTAINER:
            await self._start(container, over)
        else:
            for step in self._steps:
                await step.copy_files(container)

    async def _start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        try:
            for step in self._steps:
                await step.start(container, over)
        except UserError:
            await self._discard_temporary(container)
            raise

    async def _discard_temporary(self, container: JsonObject) -> None:
        """A container of ``docker run --rm`` whose start fails is removed, as dockerd does; its client waits."""
        host, state = container.get("HostConfig"), container.get("State")
        if not isinstance(host, dict) or not isinstance(state, dict):
            return
        if host.get("AutoRemove") is True and state.get("Status") == "created":
            try:
                await self._discard(str(container.get("Id")))
            except UserError as error:
                log.warning("a container that was not started could not be removed: %s", error.message)


class Unchecked(Admission):
    """Lets everything pass as it is."""

    def __init__(self) -> None:
        super().__init__((), _unused, _unused)

    async def admit(self, request: Checked, raw: bytes, over: asyncio.Future[None]) -> bytes:
        """``raw``."""
        return raw


async def _unused(name: str) -> Any:
    raise AssertionError(f"{name} is not looked at")
