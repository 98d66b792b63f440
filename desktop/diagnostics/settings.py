"""The settings file: nonsense in it keeps everything from starting."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from desktop.settings.schema import SettingsError

NAME = "settings"
DESCRIPTION = "The settings can be used on this computer"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    if isinstance(context.settings, SettingsError):
        raise context.settings
    file = context.paths.settings
    return Finding(True, str(file) if file.exists() else "all settings have their defaults")
