"""The logs of containers and projects in one place: a tree to tick them in, and all that they print, by time."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import counted
from desktop.ui.models.logs.choice import MOST, LogChoice, Offered, offered
from desktop.ui.pages.log import ContainerLogs, Source
from desktop.ui.theme import GAP, MARGIN, PAD, theme
from desktop.ui.widgets.basics import heading, label, row
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.widgets.loglooks import source_colour
from desktop.ui.widgets.missing_engine import EngineAway

KEY = Qt.ItemDataRole.UserRole
ALL = "all"
TREE_WIDTH = 200
DOT = 10
ON, OFF = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class LogTree(QTreeWidget):
    """Containers below their projects, each with a box to tick; a project's box is that of all its containers.

    :param ticked: called with keys and whether they were ticked, when the user has done so.
    """

    def __init__(self, ticked: Callable[[list[str], bool], object]) -> None:
        super().__init__()
        self._ticked = ticked
        self._filling = False
        self._changed: dict[str, bool] = {}
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._tell)
        self.setObjectName("ticks")
        self.setHeaderHidden(True)
        self.setAccessibleName("Logs to show")
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setIconSize(QSize(DOT, DOT))
        self.setIndentation(14)
        self.setUniformRowHeights(True)
        self.setMinimumWidth(120)
        self.setTabKeyNavigation(False)
        self.itemChanged.connect(self._on_change)

    def fill(self, found: list[Offered], on: set[str], gone: set[str], colour: Callable[[str], int]) -> None:
        """Show these. :param on: those that are ticked.    :param gone: those that no longer run."""
        current, folded = self.currentItem(), self._folded()
        key, place = (current.data(0, KEY) if current else ALL), self.verticalScrollBar().value()
        self._filling = True
        self.clear()
        root = self._item(self.invisibleRootItem(), "All containers", ALL)
        groups: dict[str, QTreeWidgetItem] = {}
        for one in found:
            above = root
            if one.group:
                above = groups.get(one.group) or groups.setdefault(
                    one.group, self._item(root, one.project, one.group)
                )
            item = self._item(above, f"{one.name} · stopped" if one.id in gone else one.name, one.id)
            item.setCheckState(0, ON if one.id in on else OFF)
            item.setIcon(0, _dot(source_colour(colour(one.id))) if one.id in on else QIcon())
        self.expandAll()
        for item in self._every():
            item.setExpanded(item.data(0, KEY) not in folded)
            if item.data(0, KEY) == key:
                self.setCurrentItem(item)
        self.verticalScrollBar().setValue(place)
        self._filling = False

    def ticks(self) -> dict[str, bool]:
        """Name → whether it is ticked; of containers, not of projects."""
        return {item.text(0): item.checkState(0) is ON for item in self._every() if not item.childCount()}

    def item_of(self, name: str) -> QTreeWidgetItem:
        """The one with this text."""
        return next(item for item in self._every() if item.text(0) == name)

    def _item(self, above: QTreeWidgetItem, text: str, key: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem(above, [text])
        item.setData(0, KEY, key)
        item.setToolTip(0, text)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsAutoTristate)
        return item

    def _every(self) -> list[QTreeWidgetItem]:
        return self.findItems("", Qt.MatchFlag.MatchContains | Qt.MatchFlag.MatchRecursive)

    def _folded(self) -> set[str]:
        return {item.data(0, KEY) for item in self._every() if item.childCount() and not item.isExpanded()}

    def _on_change(self, item: QTreeWidgetItem) -> None:
        if not self._filling and item.checkState(0) is not Qt.CheckState.PartiallyChecked:
            self._changed[str(item.data(0, KEY))] = item.checkState(0) is ON
            self._later.start()

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        for on in (True, False):
            keys = [key for key, ticked in changed.items() if ticked is on]
            if keys:
                self._ticked(keys, on)


class LogsPage(QWidget):
    """The page with the logs of containers and projects."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.context = context
        self.choice = LogChoice()
        self._shown: list[Offered] = []
        self._filled: object = None
        self.count = label("", "muted")
        self.tree = LogTree(self._tick)
        self.logs = ContainerLogs(context, "The logs of the containers that are ticked")
        self.logs.cleared.connect(self._forget_gone)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        self.parts.setObjectName("apart")
        self.parts.setChildrenCollapsible(False)
        self.parts.setHandleWidth(GAP)
        self.parts.addWidget(self.tree)
        self.parts.addWidget(self.logs)
        self.parts.setStretchFactor(1, 1)
        self.parts.setSizes([TREE_WIDTH, 3 * TREE_WIDTH])
        self.engine_away = EngineAway(context)
        self.empty = EmptyState("logs", "No container is running", "What containers print is shown here.")
        self.stack = QStackedWidget()
        for part in (self.parts, self.engine_away, self.empty):
            self.stack.addWidget(part)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addLayout(row(heading("Logs"), self.count, None))
        outer.addWidget(self.stack, 1)
        self.setFocusProxy(self.tree)
        for one in context.both:
            one.lists.containers.changed.connect(self.refresh)
            one.view.exchanged.connect(self._forget_all)
        theme().changed.connect(self._repaint)
        self.refresh()

    def refresh(self) -> None:
        """Show the containers of now; those whose lines are shown stay when they have ended."""
        found = [
            item for one in self.context.both for item in offered(one.lists.containers.items, one.view.origin)
        ]
        alive = {one.id for one in found}
        gone = [one for one in self._shown if one.id not in alive]
        known = any(one.lists.containers.known for one in self.context.both)
        if not known:
            self.stack.setCurrentWidget(self.engine_away)
            return
        found = sorted([*found, *gone], key=lambda one: (not one.project, one.project, one.name))
        self.stack.setCurrentWidget(self.parts if found else self.empty)
        self._shown = self.choice.chosen(found)
        on, ended = {one.id for one in self._shown}, {one.id for one in gone}
        self._show_logs()
        if self._filled != (found, on, ended):
            self._filled = found, on, ended
            self.tree.fill(found, on, ended, self.logs.colour_of)
        self.count.setText(
            f"{len(on)} of {counted(len(found), 'container')}"
            + (f", no more than {MOST} at a time" if len(on) == MOST else "")
        )

    def _show_logs(self) -> None:
        contexts = {one.view.origin: one for one in self.context.both}
        sources = [
            Source(contexts.get(one.origin, self.context), one.id, one.name)
            for one in sorted(self._shown, key=lambda one: one.name)
        ]
        self.logs.show_logs(sources)

    def _tick(self, keys: list[str], on: bool) -> None:
        self.choice.tick([key for key in keys if key != ALL], on)
        self.refresh()

    def _forget_gone(self) -> None:
        """The lines of what has ended have been removed."""
        alive = {
            item.id for one in self.context.both for item in one.lists.containers.items if item.state != "exited"
        }
        self._shown = [one for one in self._shown if one.id in alive]
        self.refresh()

    def _forget_all(self) -> None:
        """Another engine is followed, whose containers are others."""
        self._shown, self.choice = [], LogChoice()
        self.logs.clear()
        self.refresh()

    def _repaint(self) -> None:
        self._filled = None
        self.refresh()


def _dot(colour: str) -> QIcon:
    """What tells the colour of a log's name."""
    pixmap = QPixmap(2 * DOT, 2 * DOT)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(0, 0, 2 * DOT, 2 * DOT)
    painter.end()
    return QIcon(pixmap)
