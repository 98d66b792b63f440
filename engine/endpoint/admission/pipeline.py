"""Admission: the steps that check and amend requests to create and to start a container.

A body is parsed once and written once, however many steps there are; one that no step changes goes on byte for
byte. What is not a JSON object is left to the engine, which says what is wrong with it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from vm.errors import EngineError

log = logging.getLogger(__name__)

JsonObject = dict[str, Any]

Inspect = Callable[[str], Awaitable[JsonObject]]
"""Returns what the engine knows of a container (Docker API, ContainerInspect).

:raise EngineError: the engine does not know it.
"""


class Step:
    """One check or amendment; a subclass overrides what it takes part in.

    Both raise :class:`~vm.errors.EngineError` to refuse the request (HTTP 400), and any other
    :class:`~vm.errors.UserError` when what the step needs is not available (HTTP 503).
    """

    async def create(self, body: JsonObject) -> JsonObject:
        """Return the body to go on with: this very one, unchanged, or another."""
        return body

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        """Prepare the start of a container.

        :param container: what the engine knows of it; empty when it knows nothing
        :param over: done when the engine answers the request, or when nothing waits for that any more
        """


class Admission:
    """Runs the steps in order; each gets the body that the one before has returned."""

    def __init__(self, steps: Sequence[Step], inspect: Inspect) -> None:
        self._steps = steps
        self._inspect = inspect

    async def create(self, raw: bytes) -> bytes:
        """The body to send to the engine instead of ``raw``, most often the same.

        :raise EngineError: the request is refused
        :raise UserError: of any other type: it cannot be checked now
        """
        original = parse_object(raw)
        if original is None:
            return raw
        body = original
        for step in self._steps:
            body = await step.create(body)
        return raw if body is original else json.dumps(body).encode()

    async def start(self, name: str, over: asyncio.Future[None]) -> None:
        """Prepare the start of a container.

        :param name: its name or ID, as the client has it
        :param over: see :meth:`Step.start`
        :raise EngineError: the request is refused
        :raise UserError: of any other type: it cannot be checked now
        """
        try:
            container = await self._inspect(name)
        except EngineError as error:  # the engine says what is wrong with it
            log.info("nothing is known of %s, which is to be started: %s %s", name, error.message, error.detail)
            container = {}
        for step in self._steps:
            await step.start(container, over)


def parse_object(raw: bytes) -> JsonObject | None:
    """The JSON object in ``raw``; None: it holds none. :raise EngineError: it is nested too deeply to say."""
    try:
        found = json.loads(raw)
    except RecursionError as error:
        raise EngineError("The request's JSON is nested too deeply") from error
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
