"""Disk use: what takes space, as a map in which each object can be opened and removed, with what that frees."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models import containers as container_model
from desktop.ui.models import images as image_model
from desktop.ui.models.disk import uses
from desktop.ui.models.disk_map import CACHE, CONTAINER, IMAGE, KINDS, SHARED, VOLUME, Tile, groups, sums, tiles
from desktop.ui.models.format import size
from desktop.ui.models.volumes import volume_rows
from desktop.ui.pages import container_operations, image_removal
from desktop.ui.pages.home.disk import DELAY_MS, ask_cache_prune
from desktop.ui.pages.volume_removal import VolumeRemoval
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Elided, button, card, column, fill, heading, label, row, tool
from desktop.ui.widgets.dialogs import ENGINE
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.widgets.treemap import UNUSED, Treemap, hue
from vm.errors import UserError

PLACES = {IMAGE: "images", SHARED: "images", CONTAINER: "containers", VOLUME: "volumes"}
"""Kind → the page of all of them."""

NOTHING = "Nothing is chosen"
HINT = "Choose a tile to see what removing it frees. Strong colours: nothing uses it."
MEASURING, EMPTY = "Computing the sizes …", "Nothing takes space yet."
AWAY = "The engine is not running."


class Swatch(QWidget):
    """The colour of a kind, for the legend."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.setFixedSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(hue(self._kind))
        painter.setBrush(hue(self._kind, UNUSED))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 3, 3)


class DiskPage(QWidget):
    """A page that Home leads to, about the engine that the lists follow."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self._context = context
        if context.where:
            self.setProperty(ENGINE, context.where)
        self._df: dict[str, Any] = {}
        self.back = tool("back", "Back to Home", lambda: context.places.show_place("home"))
        self.refresh = button("Refresh", self.ask, picture="refresh")
        self.total = label("", "muted")
        self.legend = {kind: label(title, "small") for kind, title in KINDS.items()}
        self.map = Treemap("What takes space")
        self.note = label(MEASURING, "muted")
        self.name, self.about, self.gain = Elided("", "section"), Elided("", "muted"), label("")
        self.open = button("Open", lambda: self._open(self.map.tile))
        self.remove = button("Remove…", lambda: self._remove(self.map.tile), picture="remove")
        self._stack = QStackedWidget()
        waiting = QWidget()
        fill(QVBoxLayout(waiting), None, row(None, self.note, None), None)
        self._stack.addWidget(waiting)
        self._stack.addWidget(self.map)
        legend = [part for kind in KINDS for part in (Swatch(kind), self.legend[kind])]
        words = column(self.name, self.about, gap=2)
        foot = row()
        foot.addLayout(words, 1)
        for part in (self.gain, self.open, self.remove):
            foot.addWidget(part)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addLayout(row(self.back, heading("Disk use"), self.total, None, self.refresh))
        outer.addLayout(row(*legend, None, gap=GAP))
        outer.addWidget(self._stack, 1)
        outer.addWidget(card(foot))
        self.setFocusProxy(self.back)
        self._follow()
        self._choose(None)

    def _follow(self) -> None:
        context = self._context
        self.map.chosen.connect(self._choose)
        self.map.opened.connect(self._open)
        self.map.removed.connect(self._remove)
        self._delay = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._delay.timeout.connect(self.ask)
        for found in (context.lists.images, context.lists.containers, context.lists.volumes):
            found.changed.connect(self._soon)
        context.view.ready.connect(self.ask)
        context.view.gone.connect(self._forget)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask()

    # -- what there is --------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask the engine, if the page is visible: computing the sizes is expensive."""
        if not self.isVisible():
            return
        if not self._context.connection.connected:
            self._forget()
            return
        self._context.session.bridge.call(self._context.engine.df(), self._show, self._fail, owner=self)

    def _soon(self) -> None:
        if not self._delay.isActive():
            self._delay.start()

    def _forget(self) -> None:
        self._say(AWAY)

    def _fail(self, error: UserError) -> None:
        self._say(error.message)

    def _say(self, why: str) -> None:
        self._df = {}
        self.map.show_groups([])
        self.note.setText(why)
        self.total.setText("")
        self._stack.setCurrentIndex(0)

    def _show(self, df: dict[str, Any]) -> None:
        self._df = df
        found, every = tiles(df), sums(df)
        reclaimable = sum(use.reclaimable for use in uses(df).values())
        free = f", {size(reclaimable)} reclaimable" if reclaimable else ""
        self.total.setText(f"{size(sum(every.values()))}{free}")
        for kind, title in KINDS.items():
            self.legend[kind].setText(f"{title} {size(every[kind])}")
        self.map.show_groups(groups(found))
        self.note.setText(EMPTY)
        self._stack.setCurrentIndex(int(bool(found)))

    # -- the chosen one -------------------------------------------------------------------------------------------

    def _choose(self, tile: Tile | None) -> None:
        self.name.set_full(f"{tile.name}   {size(tile.bytes)}" if tile else NOTHING)
        self.about.set_full(tile.about if tile else HINT)
        self.gain.setText(tile.gain_words if tile else "")
        self.open.setEnabled(tile is not None and tile.kind in PLACES)
        self.remove.setEnabled(tile is not None and tile.removable)

    def _record(self, tile: Tile) -> Any:
        """The record that lists have of it; None where they have none."""
        lists, origin = self._context.lists, self._context.view.origin
        if tile.kind == CONTAINER:
            found = (item for item in lists.containers.items if item.id == tile.key)
            return next((container_model.line(item, origin=origin) for item in found), None)
        if tile.kind == IMAGE:
            rows = image_model.rows(lists.images.items, lists.containers.items, {}, origin=origin)
            return next((found.record for found in rows if found.record.image.id == tile.key), None)
        rows = volume_rows(lists.volumes.items, lists.containers.items, origin)
        return next((found.record for found in rows if found.record.volume.name == tile.key), None)

    def _open(self, tile: Tile | None) -> None:
        if tile is None or tile.kind not in PLACES:
            return
        page = self._context.places.page(PLACES[tile.kind])
        record = self._record(tile) if tile.key else None
        if record is None:
            self._context.places.show_place(PLACES[tile.kind])
        else:
            assert isinstance(page, ListPage)
            page.lead_to(record)

    def _remove(self, tile: Tile | None) -> None:
        if tile is None or not tile.removable:
            return
        if tile.kind == CACHE:
            cache = uses(self._df)["Build cache"]
            ask_cache_prune(self, self._context, self._context.engine, cache, self.ask)
            return
        record = self._record(tile)
        if record is None:
            self._context.banners.show_message("info", f"“{tile.name}” is not there any more")
            self.ask()
        elif tile.kind == IMAGE:
            image_removal.ask_removal(self, self._context, [record])
        elif tile.kind == CONTAINER:
            container_operations.ask_removal(self, self._context, [record])
        else:
            VolumeRemoval(self, self._context).ask([tile.key])
