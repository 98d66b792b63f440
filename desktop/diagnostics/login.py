"""Starting at login: the setting says what is wanted, the desktop's own list what will happen."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from desktop.settings.schema import SettingsError
from desktop.system import Launch, system

NAME = "login"
DESCRIPTION = "Slipway starts at login as the settings say"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    if isinstance(context.settings, SettingsError):
        return Finding(None, "the settings cannot be used")
    wanted = context.settings.start_at_login
    launch = Launch.of(context.paths, background=True)
    found = await asyncio.to_thread(system().starts_at_login, launch)
    if found is wanted:
        return Finding(True, "it does" if wanted else "it does not, as was chosen")
    what = (
        "it is wanted, but this desktop's list of what starts does not have it"
        if wanted
        else ("it is not wanted, but this desktop's list of what starts has it")
    )
    return Finding(False, what, f"slipway settings set start_at_login {str(wanted).lower()}")
