"""Credential helpers: one that is configured but not installed, left by another product, breaks every pull."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from engine.helpers import Helpers

NAME = "credentials"
DESCRIPTION = "Credential helpers"


async def check(context: Context) -> Finding:
    """Run the check."""
    helpers = Helpers(context.paths.helpers, context.environment)
    missing = helpers.missing()
    if not missing:
        return Finding(True, "all are installed" if helpers.named() else "none is configured")
    programs = ", ".join(sorted({f"docker-credential-{helper}" for helper in missing.values()}))
    keys = ", ".join(f"“{key}”" for key in missing)
    return Finding(
        False,
        f"{helpers.store.config} names {programs}, which is not installed, so that pulls fail",
        f"Remove {keys} from that file: slipway credentials repair (undo: slipway credentials restore)",
    )
