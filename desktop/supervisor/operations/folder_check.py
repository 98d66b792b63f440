"""A check of settings: folders that are to be shared have to be there."""

from __future__ import annotations

import asyncio

from desktop.settings import shares
from desktop.settings.schema import field
from desktop.supervisor.context import Change


async def require_folders(change: Change) -> None:
    """Look at the folders that are added.

    :raise SettingsError: one is not there, or is a file.
    """
    added = [path for path in change.after.shared_folders if path not in change.before.shared_folders]
    problem = await asyncio.to_thread(shares.missing, added)
    if problem is not None:
        raise field("shared_folders").error(problem)
