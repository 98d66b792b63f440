"""Where the docker command goes: variables, the current context, and whether an engine answers there."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from engine.contexts import NAME as OURS
from engine.contexts import OVERRIDES, Contexts

NAME = "context"
DESCRIPTION = "The docker command reaches an engine"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    contexts = Contexts(context.paths.home / "context.json", context.environment)
    for variable in OVERRIDES:
        value = context.environment.get(variable)
        if value and value != OURS:
            return Finding(
                False, f"{variable} is set to “{value}”, which goes before any context", f"unset {variable}"
            )
    current = contexts.store.current()
    if contexts.store.read(OURS) is None:
        return Finding(None, f"docker uses “{current}”; the context “{OURS}” is made at the first start")
    if current == OURS:
        return Finding(True, f"docker uses “{OURS}”", "Back to the one before: slipway context restore")
    works = await contexts.works(current)
    how = "an engine answers there" if works else "no engine answers there"
    return Finding(works, f"docker uses “{current}”: {how}", "Use Slipway's engine: slipway context use")
