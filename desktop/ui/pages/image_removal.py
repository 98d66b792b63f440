"""Removing images. Containers that use them are named first, and removed only when the user agrees."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from desktop.ui.context import Context
from desktop.ui.models.images import Line
from desktop.ui.widgets.dialogs import Question
from engine.client import EngineClient
from engine.client.errors import Conflict

MAX_NAMED = 6
FORCE = "Keep the containers and remove only what force can remove"


def ask_removal(parent: QWidget, context: Context, lines: Sequence[Line]) -> Question:
    """Ask, then remove."""
    users = sorted({user for line in lines for user in line.users if _last_name(line)})
    what = lines[0].reference if len(lines) == 1 else f"{len(lines)} images"
    if users:
        which = "This container" if len(users) == 1 else "These containers"
        more = f" and {len(users) - MAX_NAMED} more" if len(users) > MAX_NAMED else ""
        text = f"In use by {', '.join(users[:MAX_NAMED])}{more}. {which} will be removed first."
    elif lines[0].is_tag and not _last_name(lines[0]):
        text = "Only this name is removed. The image keeps its other names."
    else:
        text = "It can be pulled or built again." if len(lines) == 1 else "They can be pulled or built again."
    question = Question(
        parent,
        f"Remove {what}?",
        text,
        "Remove all" if users else "Remove",
        names=[line.reference for line in lines] if len(lines) > 1 else None,
        option=FORCE if users else "",
    )

    def agreed(force: bool) -> None:
        remove = _remove_by_force if force else _remove_with_containers
        for one, mine in context.split(lines):
            names = _names_by_image(mine)

            async def remove_image(engine: EngineClient, key: str, names: dict[str, list[str]] = names) -> None:
                for name in names[key]:  # one after the other: removing the last name removes the image
                    await remove(engine, name)

            subjects = [(key, ", ".join(found)) for key, found in names.items()]
            one.each(subjects, remove_image, "{} could not be removed", "Removing")

    return question.then(agreed)


def _last_name(line: Line) -> bool:
    return not line.is_tag or len(line.image.tags) == 1


def _names_by_image(lines: Sequence[Line]) -> dict[str, list[str]]:
    """Image → the names to remove: the row of a tag is that tag alone, the row of an image all of its names."""
    found: dict[str, dict[str, None]] = {}
    for line in lines:
        found.setdefault(line.image.id, {}).update(dict.fromkeys(line.names))
    return {key: list(names) for key, names in found.items()}


async def _remove_by_force(engine: EngineClient, name: str) -> None:
    await engine.images.remove(name, force=True)


async def _remove_with_containers(engine: EngineClient, name: str) -> None:
    try:
        await engine.images.remove(name)
    except Conflict:
        key = (await engine.images.inspect(name))["Id"]
        for container in await engine.containers.list(all=True):
            if container.image_id == key:
                await engine.containers.remove(container.id, force=True)
        await engine.images.remove(name)
