"""Disk use by kind of object, with prune. Each prune asks first, naming the objects and the space it frees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.disk import Use, uses
from desktop.ui.models.format import counted, size
from desktop.ui.theme import PAD
from desktop.ui.widgets.basics import card, fill, label, link, row
from desktop.ui.widgets.dialogs import Question
from engine.client import EngineClient

DELAY_MS = 1500
"""Milliseconds from a change to the request, so that the changes of a burst share it."""


class DiskCard(QWidget):
    """Disk use by kind of object."""

    told = Signal(object)
    """Bytes of all of them; None while that is not known."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        prunes: dict[str, Callable[[], object]] = {
            "Images": partial(context.places.show_place, "images", "prune"),
            "Containers": partial(context.places.show_place, "containers", "prune"),
            "Volumes": partial(context.places.show_place, "volumes", "prune"),
            "Build cache": self.prune_cache,
        }
        self.used = {name: label("–") for name in prunes}
        self.free = {name: label("", "muted") for name in prunes}
        self.prune: dict[str, QPushButton] = {}
        self._uses: dict[str, Use] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(5)
        for number, (name, prune) in enumerate(prunes.items()):
            made = self.prune[name] = link("Prune…", prune)
            made.setAccessibleName(f"Prune {name.lower()}")
            made.setEnabled(False)
            for column, part in enumerate((label(name, "muted"), self.used[name], self.free[name], made)):
                grid.addWidget(part, number, column)
        grid.setColumnStretch(2, 1)
        self.details = link("Show what takes space", partial(context.places.show_place, "home", "disk"))
        fill(QVBoxLayout(self), card(row(label("Disk use", "section"), None, self.details), grid, None))
        self._delay = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._delay.timeout.connect(self.ask)
        context.session.own.ready.connect(self.ask)
        context.session.own.gone.connect(lambda: self._show({}))
        for found in (context.lists.images, context.lists.containers, context.lists.volumes):
            found.changed.connect(self._soon)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask()

    def ask(self) -> None:
        """Ask the engine, if the card is visible: computing the sizes is expensive."""
        session = self._context.session
        if session.running and self.isVisible():
            session.bridge.call(session.own.engine.df(), self._show, lambda _: None, owner=self)

    def _soon(self) -> None:
        if not self._delay.isActive():
            self._delay.start()

    def _show(self, df: dict[str, Any]) -> None:
        self._uses = uses(df) if df else {}
        self.told.emit(sum(use.bytes for use in self._uses.values()) if self._uses else None)
        for name in self.used:
            use = self._uses.get(name)
            self.used[name].setText(size(use.bytes) if use else "–")
            self.free[name].setText(f"{size(use.reclaimable)} reclaimable" if use and use.reclaimable > 0 else "")
            self.prune[name].setEnabled(bool(use and use.idle))

    def prune_cache(self) -> None:
        """Ask, saying what the build cache holds and frees."""
        ask_cache_prune(self, self._context, self._context.session.own.engine, self._uses["Build cache"], self.ask)


def ask_cache_prune(
    parent: QWidget, context: Context, engine: EngineClient, use: Use, after: Callable[[], object]
) -> Question:
    """Ask, saying what the build cache holds and frees, and prune it. :param after: called when that is done."""

    def agreed(_: bool) -> None:
        words = context.engine_words if engine is context.engine else ""
        context.session.activities.call("Pruning the build cache", engine.prune_builds, done, engine=words)

    def done(freed: int) -> None:
        context.banners.show_message("done", f"Freed {size(freed)}")
        after()

    return Question(
        parent,
        "Prune the build cache?",
        f"Removes {counted(use.idle, 'cached build step')} and frees {size(use.reclaimable)}. Images are kept;"
        " the next build takes longer.",
        "Prune",
    ).then(agreed)
