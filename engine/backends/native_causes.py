"""Why dockerd ends at its start on Windows, and what helps: by what it says last, which is the same everywhere.

The texts are those of Moby 28 and of Windows, which Go asks for in English.
"""

from __future__ import annotations

import re

FEATURE_HINT = "Switch on the Windows feature “Containers”: slipway engine setup"

AGAIN = "Starting it again may help."

CAUSES = (
    (r"vmcompute\.dll", FEATURE_HINT),  # which comes with the feature
    (
        r"open //\./pipe/\S*: ",
        "Another program listens where the engine would. End that program (another dockerd?), and try again.",
    ),
    (
        r"delete (?P<file>.*docker\.pid)\S*: process with PID (?P<process>\d+) is still running",
        "Another dockerd uses the same data folder: end it. If process {process} is another program, the file was "
        "left by a dockerd that was killed: have an administrator delete {file}.",
    ),
    (
        r"\.db\b.*timeout|metadata database.*timeout|being used by another process",
        "Another dockerd uses the same data folder. End it, and try again.",
    ),
    (r"not enough space|no space left", "Free space on the disk of the engine's data folder, and try again."),
    (
        r"lookup account .* not found",
        "The group of its users was deleted. Set Windows containers up again: slipway engine setup",
    ),
    (
        r"full path to root|Access is denied|permission denied",
        "The engine cannot use its data folder. Have an administrator look at it.",
    ),
)
"""What it says → the hint."""


def hint_for(said: str) -> str:
    """What helps, or :data:`AGAIN`. :param said: the last that it has said."""
    for pattern, hint in CAUSES:
        if (found := re.search(pattern, said, re.IGNORECASE)) is not None:
            return hint.format_map(found.groupdict())
    return AGAIN
