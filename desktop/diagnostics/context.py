"""The engine that the docker command uses: variables, the current context, and whether that engine responds."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from engine.contexts import NAME as OURS
from engine.contexts import OVERRIDES, Contexts

NAME = "context"
DESCRIPTION = "Docker context"


async def check(context: Context) -> Finding:
    """Run the check."""
    contexts = Contexts(context.paths.home / "context.json", context.environment)
    for variable in OVERRIDES:
        value = context.environment.get(variable)
        if value and value != OURS:
            return Finding(
                False, f"{variable} is set to “{value}”, which overrides the context", f"unset {variable}"
            )
    current = contexts.store.current()
    if contexts.store.read(OURS) is None:
        return Finding(None, f"docker uses “{current}”; the context “{OURS}” is created at the first start")
    if current == OURS:
        return Finding(True, f"docker uses “{OURS}”")
    if await contexts.works(current):
        return Finding(True, f"docker uses “{current}”; its engine responds")
    found = f"docker uses “{current}”; its engine does not respond"
    return Finding(False, found, "To use Slipway's engine: slipway context use")
