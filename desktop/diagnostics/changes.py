"""File events: an operating system watches a limited number of folders; changes in others are not reported."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "changes"
DESCRIPTION = "File events"


async def check(context: Context) -> Finding:
    """Run the check."""
    if not context.unwatched:
        return Finding(True, "all mounted folders are watched")
    return Finding(
        False,
        f"{', '.join(sorted(context.unwatched))} is watched only in part",
        "; ".join(sorted(set(context.unwatched.values()))),
    )
