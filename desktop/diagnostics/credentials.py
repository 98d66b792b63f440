"""Credential helpers: one that is named but not installed, left by another product, breaks every pull."""

from __future__ import annotations

import shutil

from desktop.diagnostics.base import Context, Finding
from engine.contexts import Contexts

NAME = "credentials"
DESCRIPTION = "Docker's credential helpers are installed"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    store = Contexts(context.paths.home / "context.json", context.environment).store
    settings = store.settings()
    named = {"credsStore": settings.get("credsStore"), **(settings.get("credHelpers") or {})}
    missing = {
        key: str(helper)
        for key, helper in named.items()
        if helper and shutil.which(f"docker-credential-{helper}", path=context.environment.get("PATH")) is None
    }
    if not missing:
        return Finding(True, "none is missing" if any(named.values()) else "none is set up")
    programs = ", ".join(sorted({f"docker-credential-{helper}" for helper in missing.values()}))
    keys = ", ".join(f"“{key}”" for key in missing)
    return Finding(
        False,
        f"{store.config} names {programs}, which is not installed: pulls will fail",
        f"Install it, or take {keys} out of that file.",
    )
