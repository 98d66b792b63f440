"""Which engine the docker command talks to when nothing is said: as docker decides it, and then really asked."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from desktop.control.schema import ContextReport, Note
from desktop.supervisor.context import CurrentSettings
from engine.context_store import DEFAULT
from engine.context_trial import answers
from engine.contexts import NAME, Contexts, endpoint
from vm.errors import UserError

log = logging.getLogger(__name__)

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


class DockerContext:
    """The context ``slipway``.

    :param socket: the endpoint's socket, where the context leads.
    """

    def __init__(self, contexts: Contexts, socket: Path, settings: CurrentSettings) -> None:
        self._contexts = contexts
        self._socket = socket
        self._settings = settings

    async def offer(self) -> str:
        """Create the context, and make it current if the setting says so; what to tell the user about it.

        A configuration of Docker's that cannot be read does not keep the engine from running.
        """
        try:
            note = await self._contexts.offer(self._socket, self._settings.get().context)
        except UserError as error:
            log.warning("the Docker context: %s %s", error.message, error.detail)
            return f"{error.message}. {error.hint}"
        log.info("the Docker context: %s", note or "slipway is the current one")
        return note

    async def report(self) -> ContextReport:
        """What the docker command would do; the engine is asked.

        :raise ContextError: Docker's configuration cannot be read.
        """
        current, address, override = await asyncio.to_thread(_decide, self._contexts)
        return ContextReport(
            current,
            address,
            await answers(address),
            ours=current == NAME and not override.startswith("DOCKER_HOST="),
            override=override,
            previous=self._contexts.previous if current == NAME else "",
            names=tuple(await asyncio.to_thread(self._contexts.store.names)),
        )

    async def use(self) -> Note:
        """Make ``slipway`` current, and remember the one before."""
        return self._noted(await asyncio.to_thread(self._contexts.use, self._socket))

    async def restore(self) -> Note:
        """Make the one before current again."""
        return self._noted(await asyncio.to_thread(self._contexts.restore))

    def _noted(self, outcome: str) -> Note:
        log.info("the Docker context: %s", outcome)
        return Note(outcome)


def _decide(contexts: Contexts) -> tuple[str, str, str]:
    """The context's name, its engine's address, and the variable that has the last word."""
    variable, value = contexts.override() or ("", "")
    told = f"{variable}={value}" if variable else ""
    if variable == "DOCKER_HOST":
        return contexts.store.current(), value, told
    current = value or contexts.store.current()
    found = contexts.store.read(current)
    return current, endpoint(found) if found else DEFAULT_ADDRESS if current == DEFAULT else "", told
