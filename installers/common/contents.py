"""What makes up the package's size, as a table."""

from __future__ import annotations

from pathlib import Path

from installers.common.layout import Layout
from installers.common.tree import files_below


def parts(layout: Layout) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Title → folders and files below the package's folder. A file counts for the first part that has it."""
    libraries, docker, plugins = layout.libraries, "docker/docker", "docker/cli-plugins"
    return (
        ("Qt and PySide6", (f"{libraries}/PySide6", f"{libraries}/shiboken6")),
        ("numpy, for the plots", (f"{libraries}/numpy", f"{libraries}/numpy.libs")),
        ("other Python packages", (libraries,)),
        ("Python", ("python",)),
        ("QEMU", ("qemu",)),
        ("docker", (f"{docker}{layout.suffix}",)),
        ("buildx", (f"{plugins}/docker-buildx{layout.suffix}",)),
        ("compose", (f"{plugins}/docker-compose{layout.suffix}",)),
        ("the machine's image", ("images",)),
        ("licences", ("licenses", "LICENSE")),
        ("Slipway", ("",)),
    )


def sizes(payload: Path, layout: Layout) -> dict[str, int]:
    """Bytes of each part; parts that are not there are left out."""
    titles = parts(layout)
    found = dict.fromkeys((title for title, _ in titles), 0)
    for path in files_below(payload):
        name = path.relative_to(payload)
        title = next(title for title, places in titles if any(name.is_relative_to(place) for place in places))
        found[title] += path.stat().st_size
    return {title: size for title, size in found.items() if size}


def table(payload: Path, layout: Layout) -> str:
    """The parts in megabytes and percent, the largest first, and their sum."""
    found = sorted(sizes(payload, layout).items(), key=lambda part: -part[1])
    total = sum(size for _, size in found)
    lines = [f"{size / 1e6:8.1f} MB  {100 * size / total:5.1f} %  {title}" for title, size in found]
    return "\n".join([*lines, f"{total / 1e6:8.1f} MB  100.0 %  installed"])
