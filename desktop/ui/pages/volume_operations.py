"""What can be done with a volume as a whole: export, import, clone and empty it.

A running container may write while a volume is read, so that is asked; it may not be emptied under one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.ui.activities import Order
from desktop.ui.context import Context
from desktop.ui.models.activity import Kind
from desktop.ui.models.format import size
from desktop.ui.models.run import name_error
from desktop.ui.models.transfer import Transfer
from desktop.ui.models.volumes import VolumeLine, file_stem, free_name
from desktop.ui.volume_archives import (
    ENDING,
    FORMATS,
    READABLE,
    clone_volume,
    export_volume,
    import_volume,
)
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.progress import ProgressDialog
from engine.client import EngineClient
from engine.client.volume_files import VolumeFiles


def able(context: Context, line: VolumeLine) -> bool:
    """Whether a volume's content can be reached: by Linux containers, with the programs of Slipway's machine."""
    return context.at(line).connection.features.guest


def progress(
    owner: QWidget,
    context: Context,
    title: str,
    steps: Callable[[], AsyncIterator[Any]],
    outcome: str,
    repeatable: bool = True,
) -> ProgressDialog:
    """Follow an operation, in a dialog if it takes longer than a moment."""
    words = context.engine_words
    order = Order(Kind.VOLUME, title, steps, outcome, Transfer, engine=words, repeatable=repeatable)
    dialog = ProgressDialog(owner, context, context.session.activities.begin(order))
    dialog.show_soon()
    return dialog


def export_dialog(owner: QWidget, context: Context, line: VolumeLine) -> None:
    """Ask where to, then export."""

    def ask() -> None:
        offered = str(Path.home() / f"{line.volume.name}{ENDING}")
        target, _ = QFileDialog.getSaveFileName(owner, "Export the volume", offered, FORMATS)
        if target:
            export(owner, context, line, Path(target))

    _ask_if_written(owner, line, "Export anyway", ask)


def export(owner: QWidget, context: Context, line: VolumeLine, target: Path) -> ProgressDialog:
    """Write a volume to an archive."""
    name = line.volume.name
    steps = partial(export_volume, context.at(line).engine, name, target, line.size or 0)
    return progress(
        owner, context.at(line), f"Exporting “{name}” to {target.name}", steps, f"Exported “{name}” to {target}"
    )


def import_dialog(owner: QWidget, context: Context) -> None:
    """Ask for an archive, then for the volume's name."""
    if not context.connection.features.guest:
        hint = "Choose Slipway's own engine for Linux containers."
        context.banners.show_message("info", "This engine's volumes cannot be imported", hint)
        return
    path, _ = QFileDialog.getOpenFileName(owner, "Import a volume", str(Path.home()), READABLE)
    if path:
        ask_import(owner, context, Path(path))


def ask_import(owner: QWidget, context: Context, path: Path) -> Form:
    """Ask for the name of the volume that an archive becomes."""
    form = Form(owner, "Import a volume", "Import", f"A new volume gets all that is in {path.name}.")
    stem = file_stem(path)
    field = form.field("Name", "for example database", stem and free_name(stem, _names(context)), _check(context))

    def accepted() -> None:
        name = field.text().strip()
        steps = partial(import_volume, context.engine, path, name)
        progress(owner, context, f"Importing {path.name}", steps, f"Imported {path.name} into “{name}”")

    form.accepted.connect(accepted)
    form.open()
    return form


def clone_dialog(owner: QWidget, context: Context, line: VolumeLine) -> Form:
    """Ask for the name of the copy, then make it."""
    one, name = context.at(line), line.volume.name
    text = "A new volume gets all that is in it."
    if line.running:
        text += f" {_writing(line)} For an exact copy, stop it first."
    form = Form(owner, f"Clone “{name}”", "Clone", text)
    field = form.field("Name", "", free_name(f"{name}-copy", _names(one)), _check(one))

    def accepted() -> None:
        target = field.text().strip()
        steps = partial(clone_volume, one.engine, name, target, line.size or 0)
        progress(owner, one, f"Cloning “{name}”", steps, f"Cloned “{name}” to “{target}”")

    form.accepted.connect(accepted)
    form.open()
    return form


def empty_dialog(owner: QWidget, context: Context, line: VolumeLine, done: Callable[[str], object]) -> None:
    """Ask, then remove all that is in a volume; refused while a container that uses it runs."""
    one, name = context.at(line), line.volume.name
    if line.running:
        hint = f"Stop {_quoted(line.running)} first."
        context.banners.show_message("info", f"“{name}” is in use by a running container", hint)
        return

    async def clear(engine: EngineClient) -> None:
        files = VolumeFiles(engine, name)
        async with files.opened():
            await files.clear()

    def finished(_: None) -> None:
        context.banners.show_message("done", f"Emptied “{name}”")
        done(name)

    def agreed(_: bool) -> None:
        work, words = partial(clear, one.engine), one.engine_words
        one.session.activities.call(f"Emptying “{name}”", work, finished, engine=words)

    users = f" {_quoted(line.users)} will find it empty." if line.users else ""
    held = f" ({size(line.size)})" if line.size else ""
    text = f"All files in it{held} will be lost. The volume itself stays.{users}"
    Question(owner, f"Empty “{name}”?", text, "Empty").then(agreed)


def _ask_if_written(owner: QWidget, line: VolumeLine, verb: str, agreed: Callable[[], object]) -> None:
    if not line.running:
        agreed()
        return
    text = f"{_writing(line)} Files that change meanwhile may be incomplete in the archive."
    title = f"“{line.volume.name}” is in use"
    Question(owner, title, text, verb, danger=False).then(lambda _: agreed())


def _writing(line: VolumeLine) -> str:
    verb = "is" if len(line.running) == 1 else "are"
    return f"{_quoted(line.running)} {verb} running and may write to it."


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _names(context: Context) -> list[str]:
    return [item.name for item in context.lists.volumes.items]


def _check(context: Context) -> Callable[[str], str]:
    def check(text: str) -> str:
        return name_error(text) or ("There is a volume of that name." if text in _names(context) else "")

    return check
