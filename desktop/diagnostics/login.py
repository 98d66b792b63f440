"""Start at login: the setting and the desktop's own list of programs must agree."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from desktop.settings.schema import SettingsError
from desktop.system import Launch, system

NAME = "login"
DESCRIPTION = "Start at login"


async def check(context: Context) -> Finding:
    """Run the check."""
    if isinstance(context.settings, SettingsError):
        return Finding(None, "the settings cannot be used")
    wanted = context.settings.start_at_login
    launch = Launch.of(context.paths, background=True)
    found, off = await asyncio.to_thread(lambda: (system().starts_at_login(launch), system().switched_off(launch)))
    if found is wanted:
        return Finding(True, "it starts at login" if wanted else "it does not start at login")
    if wanted and off:
        what = f"the setting is on, but Slipway was switched off {off}"
        return Finding(False, what, "Switch it on there, or: slipway settings set start_at_login true")
    what = (
        "the setting is on, but Slipway is not among the desktop's startup programs"
        if wanted
        else "the setting is off, but Slipway is among the desktop's startup programs"
    )
    return Finding(False, what, f"slipway settings set start_at_login {str(wanted).lower()}")
