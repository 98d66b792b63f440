"""Removing and pruning volumes: what goes is named, and copied first, so that it can be undone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from desktop.ui.bulk import summarize
from desktop.ui.context import Context
from desktop.ui.models.disk import volume_size
from desktop.ui.models.format import age, counted, size
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.volume_operations import progress
from desktop.ui.removed_volumes import (
    KEPT_BYTES,
    KEPT_DAYS,
    Removal,
    RemovedVolume,
    RemovedVolumes,
    Wanted,
)
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import button, label
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.table import Table
from engine.client.models import Progress


def copies_of(context: Context) -> RemovedVolumes:
    """The copies of this installation."""
    return RemovedVolumes(context.session.paths.removed_volumes)


def engine_name(context: Context) -> str:
    """What tells one engine's volumes from another's."""
    connection = context.connection
    return f"{'' if connection.own else connection.title}/{connection.features.containers}"


class VolumeRemoval:
    """Removes volumes of one engine, in a window."""

    def __init__(self, owner: QWidget, context: Context) -> None:
        self._owner, self._context = owner, context
        self._copies = copies_of(context)

    def ask(self, names: Sequence[str]) -> None:
        """Ask whether these are to be removed."""
        self._measure(partial(self._ask_for, names))

    def prune(self) -> None:
        """Ask whether all that no container uses are to be removed."""
        self._measure(self._ask_prune)

    def undo(self, kept: Sequence[RemovedVolume]) -> None:
        """Restore these."""
        copies, engine, banners = self._copies, self._context.engine, self._context.banners
        restored: list[str] = []

        async def steps() -> AsyncGenerator[Progress]:
            for one in kept:
                async with aclosing(copies.restore(engine, one, restored)) as each:
                    async for step in each:
                        yield step

        what = f"“{kept[0].name}”" if len(kept) == 1 else counted(len(kept), "volume")
        dialog = progress(self._owner, self._context, f"Restoring {what}", steps, f"Restored {what}", False)

        def renamed() -> None:
            pairs = [(one.name, name) for one, name in zip(kept, restored, strict=True) if one.name != name]
            for old, new in pairs:
                hint = f"There is another volume of that name. What was removed is in “{new}”."
                banners.show_message("info", f"“{old}” has been restored as “{new}”", hint)

        dialog.job.succeeded.connect(renamed)

    def _measure(self, done: Any) -> None:
        bridge = self._context.session.bridge
        bridge.call(self._context.engine.df("volume"), done, self._context.banners.error, owner=self._owner)

    def _ask_prune(self, df: dict[str, Any]) -> None:
        idle = [item for item in df.get("Volumes") or () if not (item.get("UsageData") or {}).get("RefCount")]
        if not idle:
            self._context.banners.show_message("info", "Nothing to prune: all volumes are in use")
            return
        wanted = [Wanted(str(item["Name"]), volume_size(item) or 0) for item in idle]
        total = size(sum(one.size for one in wanted))
        text = f"No container uses these volumes. Removing them frees {total} in the machine."
        self._question("Prune volumes?", text, "Prune", wanted, f"Freed {total}")

    def _ask_for(self, names: Sequence[str], df: dict[str, Any]) -> None:
        sizes = {str(item["Name"]): volume_size(item) or 0 for item in df.get("Volumes") or ()}
        wanted = [Wanted(name, sizes.get(name, 0)) for name in names]
        what = f"“{names[0]}”" if len(names) == 1 else counted(len(names), "volume")
        total = size(sum(one.size for one in wanted))
        text = f"It holds {total}." if len(names) == 1 else f"They hold {total}."
        self._question(f"Remove {what}?", text, "Remove", wanted, f"Removed {what}")

    def _question(self, title: str, text: str, verb: str, wanted: list[Wanted], outcome: str) -> None:
        guest = self._context.connection.features.guest  # the machine's programs are needed for a copy
        able = guest and self._copies.room_for(sum(one.size for one in wanted))
        its = "its" if len(wanted) == 1 else "their"
        if able:
            text += f" Without a copy {its} data is lost."
        else:
            text += f" {its.title()} data will be lost{': there is no room for a copy' if guest else ''}."
        option = f"Keep a copy on this computer for {KEPT_DAYS} days, to undo it" if able else ""
        names = (
            [f"{one.name}   {size(one.size)}" for one in wanted] if len(wanted) > 1 or verb == "Prune" else None
        )
        question = Question(self._owner, title, text, verb, names=names, option=option)
        question.option.setChecked(able)
        question.then(partial(self._remove, wanted, outcome))

    def _remove(self, wanted: list[Wanted], outcome: str, keep: bool) -> None:
        one = self._context
        removal = Removal(one.engine, engine_name(one), wanted, self._copies if keep else None)
        what = f"“{wanted[0].name}”" if len(wanted) == 1 else counted(len(wanted), "volume")
        dialog = progress(self._owner, one, f"Removing {what}", removal.run, "", False)

        def report() -> None:
            failure = summarize(removal.outcomes, "{} could not be removed")
            if failure is not None:
                one.banners.show_message("error", *failure)
            if any(each.error is None for each in removal.outcomes):
                undo = ("Undo", partial(self.undo, removal.kept)) if removal.kept else None
                whole = len(removal.outcomes) == len(wanted) and failure is None
                words = outcome if whole else f"Freed {size(removal.freed)}"
                one.banners.show_message("done", words, action=undo)

        for ended in (dialog.job.succeeded, dialog.job.cancelled, dialog.job.failed):
            ended.connect(lambda *_: report())


COLUMNS = (
    Column("Name", lambda item: item.name, width=0),
    Column("Size", lambda item: size(item.size), lambda item: item.size, width=90, right=True),
    Column("Copy", lambda item: size(item.stored), lambda item: item.stored, width=90, right=True),
    Column("Removed", lambda item: age(item.removed), lambda item: -item.removed, width=130),
)


class RemovedVolumesDialog(QDialog):
    """Shows the copies of removed volumes of one engine, restores and deletes them."""

    def __init__(self, owner: QWidget, context: Context) -> None:
        super().__init__(owner)
        self.setWindowTitle("Removed volumes")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(620, 360)
        self._context, self._copies = context, copies_of(context)
        self._removal = VolumeRemoval(owner, context)
        self.table = Table(COLUMNS, "Removed volumes")
        self.table.delegate.quiet.update((1, 2, 3))
        self.note = label("", "muted", wrap=True)
        self.restore = button("Restore", self._restore, picture="undo", primary=True)
        self.delete = button("Delete…", self._delete, picture="remove")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        roles = QDialogButtonBox.ButtonRole
        for made, role in ((self.delete, roles.ActionRole), (self.restore, roles.AcceptRole)):
            made.setAutoDefault(False)
            buttons.addButton(made, role)
        buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label("Removed volumes", "section"))
        outer.addWidget(self.note)
        outer.addWidget(self.table, 1)
        outer.addWidget(buttons)
        self.table.chosen_changed.connect(self._enable)
        self.table.opened.connect(lambda _: self._restore())
        self.table.setFocus()
        self._show()

    def _show(self) -> None:
        self._copies.tidy()
        found = self._copies.found(engine_name(self._context))
        self.table.records.update_rows([Row(one.key, one) for one in found])
        used = f"{counted(len(found), 'volume')}, {size(sum(one.stored for one in found))} on this computer. "
        limits = f"Copies are kept for {KEPT_DAYS} days, and {size(KEPT_BYTES)} at most; the oldest go first."
        self.note.setText((used if found else "There is none. ") + limits)
        self._enable()

    def _enable(self) -> None:
        for made in (self.restore, self.delete):
            made.setEnabled(bool(self.table.chosen()))

    def _chosen(self) -> list[RemovedVolume]:
        return [row.record for row in self.table.chosen()]

    def _restore(self) -> None:
        if found := self._chosen():
            self._removal.undo(found)
            self.accept()

    def _delete(self) -> None:
        found = self._chosen()

        def agreed(_: bool) -> None:
            self._copies.forget(*(one.key for one in found))
            self._show()

        what = f"the copy of “{found[0].name}”" if len(found) == 1 else f"{len(found)} copies"
        Question(self, f"Delete {what}?", "It cannot be restored then.", "Delete").then(agreed)
