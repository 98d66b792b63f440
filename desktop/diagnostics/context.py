"""The engine that the docker command uses: variables, the current context, and whether that engine responds."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from engine.context_trial import answers
from engine.contexts import NAME as OURS
from engine.contexts import Contexts

NAME = "context"
DESCRIPTION = "Docker context"


async def check(context: Context) -> Finding:
    """Run the check."""
    contexts = Contexts(context.paths.contexts, context.environment, context.status.also)
    current, address, variable = await asyncio.to_thread(contexts.decide)
    ours = contexts.leads_to(address, context.paths.docker_host)
    if variable and not ours:
        _, value = contexts.override() or ("", "")
        return Finding(False, f"{variable} is set to “{value}”, which overrides the context", f"unset {variable}")
    if variable:
        return Finding(True, f"{variable} is set, and leads to Slipway")
    if await asyncio.to_thread(contexts.store.read, OURS) is None:
        return Finding(None, f"docker uses “{current}”; the context “{OURS}” is created at the first start")
    if current == OURS and ours:
        return Finding(True, f"docker uses “{OURS}”")
    if ours:
        return Finding(True, f"docker uses “{current}”, which leads to Slipway while it runs")
    if current == OURS:
        return Finding(False, f"the context “{OURS}” leads to {address or 'nowhere'}", "slipway context use")
    if await answers(address):
        return Finding(True, f"docker uses “{current}”; its engine responds")
    found = f"docker uses “{current}”; its engine does not respond"
    return Finding(False, found, "To use Slipway's engine: slipway context use")
