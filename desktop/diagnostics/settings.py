"""The settings file: with an error in it, nothing starts."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from desktop.settings.schema import SettingsError

NAME = "settings"
DESCRIPTION = "The settings are valid on this computer"


async def check(context: Context) -> Finding:
    """Run the check."""
    if isinstance(context.settings, SettingsError):
        raise context.settings
    file = context.paths.settings
    return Finding(True, str(file) if file.exists() else "all settings have their default values")
