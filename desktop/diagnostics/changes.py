"""Changes in mounted folders: a system follows only so many folders, and of the others containers are not told."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "changes"
DESCRIPTION = "Containers are told of changes in the folders they mount"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    if not context.unwatched:
        return Finding(True, "every mounted folder is followed")
    return Finding(
        False,
        f"not all of {', '.join(sorted(context.unwatched))} is followed",
        "; ".join(sorted(set(context.unwatched.values()))),
    )
