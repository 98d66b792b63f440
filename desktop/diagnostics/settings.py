"""The settings file: with an error in it, nothing starts; a name that is not known has no effect."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from desktop.settings.schema import SettingsError, field
from desktop.settings.store import SettingsStore

NAME = "settings"
DESCRIPTION = "Settings"


async def check(context: Context) -> Finding:
    """Run the check."""
    if isinstance(context.settings, SettingsError):
        raise context.settings
    file = context.paths.settings
    unknown = (await asyncio.to_thread(SettingsStore(file).read)).unknown
    if unknown:
        names = ", ".join(unknown)
        fix = f"Check the spelling in {file}. {_guess(unknown[0])}If a newer Slipway wrote it, update Slipway."
        return Finding(False, f"this version cannot use these settings, and keeps them as they are: {names}", fix)
    return Finding(True, str(file) if file.exists() else "all settings have their defaults")


def _guess(name: str) -> str:
    """The suggestion for a misspelt name, with a space after it; empty for a name that is known."""
    try:
        field(name)
    except SettingsError as error:
        suggestion, question, _ = error.hint.partition("? ")
        return f"{suggestion}{question}" if question else ""
    return ""
