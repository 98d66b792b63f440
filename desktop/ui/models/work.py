"""What the user works on, for Home: containers that failed, then projects and containers that run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from desktop.ui.models.containers import Line, port_text, project_line
from desktop.ui.models.exits import WORDS, exit_code
from desktop.ui.models.format import age, short_id, size
from desktop.ui.models.images import Line as ImageLine
from desktop.ui.models.records import Column, Row

OUT_OF_MEMORY = "out of memory"
MOST_FAILED = 5
NEWEST = 5

ASKED_TO_END = (0, 130, 143)
"""Exit codes of containers that have ended well, or because somebody wanted it."""


@dataclass(frozen=True)
class Work:
    """One line of Home. :ivar what: its state, or why it failed."""

    line: Line
    what: str
    failed: bool = False


def failed(lines: Iterable[Line]) -> list[Line]:
    """Containers that have ended by an error, the newest first."""
    found = [line for line in lines if exit_code(line.status) not in (None, *ASKED_TO_END)]
    return sorted(found, key=lambda line: -line.containers[0].created)[:MOST_FAILED]


def why(line: Line, out_of_memory: bool) -> str:
    """``exited with 137: out of memory``."""
    code = exit_code(line.status)
    words = OUT_OF_MEMORY if out_of_memory else WORDS[code][0] if code in WORDS else ""
    when = line.status.rpartition(") ")[2]
    return (
        f"exited with {code}"
        + (f": {words}" if words else "")
        + (f", {when[0].lower()}{when[1:]}" if when.endswith("ago") else "")
    )


def work_rows(lines: Iterable[Line], projects: Mapping[str, str], memory: Iterable[str]) -> list[Row]:
    """One row for each failed container, project and running container, in this order.

    :param lines: all containers.    :param projects: ID of a container → its project.
    :param memory: IDs of those that memory ran out in.
    """
    lines, out = list(lines), set(memory)
    made = []
    for line in failed(lines):
        key = line.containers[0].id
        made.append(Row(f"failed {key}", Work(line, why(line, key in out), failed=True)))
    groups: dict[str, list[Line]] = {}
    alone = []
    for line in sorted(lines, key=lambda line: line.name):
        project = projects.get(line.containers[0].id, "")
        if project:
            groups.setdefault(line.origin.key(project), []).append(line)
        elif line.state not in ("exited", "created", "dead"):
            alone.append(line)
    for name, members in groups.items():
        if any(member.state not in ("exited", "created", "dead") for member in members):
            made.append(_row(project_line(projects[members[0].containers[0].id], members), f"project {name}"))
    return made + [_row(line, line.containers[0].id) for line in alone]


def _row(line: Line, key: str) -> Row:
    return Row(key, Work(line, line.status))


NAME, WHAT, PORTS = range(3)

COLUMNS = (
    Column("Name", lambda work: work.line.name, width=0),
    Column("State", lambda work: work.what, width=310),
    Column("Ports", lambda work: ", ".join(map(port_text, work.line.ports)), width=180, rank=1),
)


def newest_rows(images: Iterable[ImageLine]) -> list[Row]:
    """The images that were made last."""
    found = sorted(images, key=lambda line: -line.image.created)[:NEWEST]
    return [Row(line.image.id, line) for line in found]


IMAGE_COLUMNS = (
    Column("Image", lambda line: short_id(line.reference) if line.dangling else line.reference, width=0),
    Column("Size", lambda line: size(line.image.size), width=80, right=True),
    Column("Created", lambda line: age(line.image.created), width=116),
)
