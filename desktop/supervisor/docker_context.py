"""Which engine the docker command talks to when nothing is said: as docker decides it, and then really asked."""

from __future__ import annotations

import asyncio

from desktop.control.schema import ContextReport
from engine.context_store import DEFAULT
from engine.context_trial import answers
from engine.contexts import NAME, Contexts, endpoint

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


async def report(contexts: Contexts) -> ContextReport:
    """What the docker command would do.

    :raise ContextError: Docker's configuration cannot be read.
    """
    return await _report(contexts, *await asyncio.to_thread(_decide, contexts))


def _decide(contexts: Contexts) -> tuple[str, str, str]:
    """The context's name, its engine's address, and the variable that has the last word."""
    variable, value = contexts.override() or ("", "")
    told = f"{variable}={value}" if variable else ""
    if variable == "DOCKER_HOST":
        return contexts.store.current(), value, told
    current = value or contexts.store.current()
    found = contexts.store.read(current)
    return current, endpoint(found) if found else DEFAULT_ADDRESS if current == DEFAULT else "", told


async def _report(contexts: Contexts, current: str, address: str, override: str) -> ContextReport:
    return ContextReport(
        current,
        address,
        await answers(address),
        ours=current == NAME and not override.startswith("DOCKER_HOST="),
        override=override,
        previous=contexts.previous if current == NAME else "",
        names=tuple(await asyncio.to_thread(contexts.store.names)),
    )
