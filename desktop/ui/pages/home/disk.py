"""Disk use by kind, and ways to get it back: each says what would go, and what that frees, before it does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.disk import Use, uses
from desktop.ui.models.format import size
from desktop.ui.theme import PAD
from desktop.ui.widgets.basics import card, fill, label, link
from desktop.ui.widgets.dialogs import Question

CALM_MS = 1500


class DiskCard(QWidget):
    """See the module."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        ways: dict[str, Callable[[], object]] = {
            "Images": partial(context.places.show_place, "images", "prune"),
            "Containers": partial(context.places.show_place, "containers", "prune"),
            "Volumes": partial(context.places.show_place, "volumes", "prune"),
            "Build cache": self.prune_cache,
        }
        self.used = {name: label("–") for name in ways}
        self.free = {name: label("", "muted") for name in ways}
        self.ways: dict[str, QPushButton] = {}
        self._uses: dict[str, Use] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(5)
        for number, (name, way) in enumerate(ways.items()):
            made = self.ways[name] = link("Prune…", way)
            made.setAccessibleName(f"Prune {name.lower()}")
            made.setEnabled(False)
            for column, part in enumerate((label(name, "muted"), self.used[name], self.free[name], made)):
                grid.addWidget(part, number, column)
        grid.setColumnStretch(2, 1)
        fill(QVBoxLayout(self), card(label("Disk use", "section"), grid, None))
        self._calm = QTimer(self, singleShot=True, interval=CALM_MS)
        self._calm.timeout.connect(self.ask)
        context.session.engine_ready.connect(self.ask)
        context.session.engine_gone.connect(lambda: self._show({}))
        for found in (context.lists.images, context.lists.containers, context.lists.volumes):
            found.changed.connect(self._soon)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask()

    def ask(self) -> None:
        """Look now, if somebody sees it: the engine has to add up what all files take."""
        session = self._context.session
        if session.running and self.isVisible():
            session.bridge.call(session.engine.df(), self._show, lambda _: None, owner=self)

    def _soon(self) -> None:
        if not self._calm.isActive():
            self._calm.start()

    def _show(self, df: dict[str, Any]) -> None:
        self._uses = uses(df) if df else {}
        for name in self.used:
            use = self._uses.get(name)
            self.used[name].setText(size(use.bytes) if use else "–")
            self.free[name].setText(f"{size(use.reclaimable)} not used" if use and use.reclaimable > 0 else "")
            self.ways[name].setEnabled(bool(use and use.idle))

    def prune_cache(self) -> None:
        """Say what is in the build cache, then ask."""
        use = self._uses["Build cache"]
        session = self._context.session

        def agreed(_: bool) -> None:
            session.bridge.call(session.engine.prune_builds(), done, self._context.banners.error, owner=self)

        def done(freed: int) -> None:
            self._context.banners.tell("done", f"{size(freed)} are free again")
            self.ask()

        Question(
            self,
            "Prune the build cache?",
            f"{use.idle} {'step of a build is' if use.idle == 1 else 'steps of builds are'} kept to make the next"
            f" build quick. Removing {'it' if use.idle == 1 else 'them'} frees {size(use.reclaimable)};"
            " no image is lost.",
            "Prune",
        ).then(agreed)
