"""Credential helpers: one that is named but not installed, left by another product, breaks every pull."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from engine.helpers import Helpers

NAME = "credentials"
DESCRIPTION = "Docker's credential helpers are installed"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    helpers = Helpers(context.paths.helpers, context.environment)
    missing = helpers.missing()
    if not missing:
        return Finding(True, "none is missing" if helpers.named() else "none is set up")
    programs = ", ".join(sorted({f"docker-credential-{helper}" for helper in missing.values()}))
    keys = ", ".join(f"“{key}”" for key in missing)
    return Finding(
        False,
        f"{helpers.store.config} names {programs}, which is not installed: pulls will fail",
        f"Take {keys} out of that file: slipway credentials repair (undo: slipway credentials restore)",
    )
