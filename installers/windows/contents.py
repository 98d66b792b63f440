"""What makes up the package's size, as a table."""

from __future__ import annotations

from pathlib import Path

from installers.common.tree import files_below

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Qt and PySide6", ("python/Lib/site-packages/PySide6", "python/Lib/site-packages/shiboken6")),
    ("numpy, for the plots", ("python/Lib/site-packages/numpy", "python/Lib/site-packages/numpy.libs")),
    ("other Python packages", ("python/Lib/site-packages",)),
    ("Python", ("python",)),
    ("QEMU", ("qemu",)),
    ("docker", ("docker/docker.exe",)),
    ("buildx", ("docker/cli-plugins/docker-buildx.exe",)),
    ("compose", ("docker/cli-plugins/docker-compose.exe",)),
    ("the machine's image", ("images",)),
    ("licences", ("licenses", "LICENSE")),
    ("Slipway", ("",)),
)
"""Title → folders and files below the payload. A file counts for the first part that has it."""


def sizes(payload: Path) -> dict[str, int]:
    """Bytes of each part; parts that are not there are left out."""
    found = dict.fromkeys((title for title, _ in PARTS), 0)
    for path in files_below(payload):
        name = path.relative_to(payload)
        title = next(title for title, places in PARTS if any(name.is_relative_to(place) for place in places))
        found[title] += path.stat().st_size
    return {title: size for title, size in found.items() if size}


def table(payload: Path) -> str:
    """The parts in megabytes and percent, the largest first, and their sum."""
    parts = sorted(sizes(payload).items(), key=lambda part: -part[1])
    total = sum(size for _, size in parts)
    lines = [f"{size / 1e6:8.1f} MB  {100 * size / total:5.1f} %  {title}" for title, size in parts]
    return "\n".join([*lines, f"{total / 1e6:8.1f} MB  100.0 %  installed"])
