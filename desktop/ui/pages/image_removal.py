"""Removing images: what uses them is named first, and goes along only when that is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from desktop.ui.context import Context
from desktop.ui.models.images import Line
from desktop.ui.widgets.dialogs import Question
from engine.client import EngineClient
from engine.client.errors import Conflict

MOST_NAMED = 6
FORCE = "Leave the containers, and take away by force what can be taken"


def ask_removal(parent: QWidget, context: Context, lines: Sequence[Line]) -> Question:
    """Ask, then remove."""
    users = sorted({user for line in lines for user in line.users if _last_name(line)})
    what = lines[0].reference if len(lines) == 1 else f"{len(lines)} images"
    if users:
        more = f" and {len(users) - MOST_NAMED} more" if len(users) > MOST_NAMED else ""
        text = f"In use by {', '.join(users[:MOST_NAMED])}{more}. Those containers are stopped and removed first."
    elif lines[0].is_tag and not _last_name(lines[0]):
        text = "Only this name goes; the image keeps its others."
    else:
        text = "It can be pulled or built again." if len(lines) == 1 else "They can be pulled or built again."
    question = Question(
        parent,
        f"Remove {what}?",
        text,
        "Stop, remove all" if users else "Remove",
        names=[line.reference for line in lines] if len(lines) > 1 else None,
        option=FORCE if users else "",
    )

    def agreed(force: bool) -> None:
        call = _force if force else _remove_with_users
        context.each(_subjects(lines), call, "{} could not be removed")

    return question.then(agreed)


def _last_name(line: Line) -> bool:
    return not line.is_tag or len(line.image.tags) == 1


def _subjects(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """What to remove: a tag's row is that tag alone, an image's row all of it."""
    found: dict[str, str] = {}
    for line in lines:
        for name in line.names:
            found[name] = name
    return list(found.items())


async def _force(engine: EngineClient, name: str) -> None:
    await engine.images.remove(name, force=True)


async def _remove_with_users(engine: EngineClient, name: str) -> None:
    try:
        await engine.images.remove(name)
    except Conflict:
        key = (await engine.images.inspect(name))["Id"]
        for container in await engine.containers.list(all=True):
            if container.image_id == key:
                await engine.containers.remove(container.id, force=True)
        await engine.images.remove(name)
