"""The drawer below the pages: terminals as tabs, which stay when another page is shown."""

from __future__ import annotations

from PySide6.QtCore import QSettings, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QSplitter,
    QTabBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import GAP, MARGIN
from desktop.ui.widgets.basics import fill, label, tool
from desktop.ui.widgets.dialogs import Question

HEIGHT = "drawer/height"
AT_FIRST, LEAST = 260, 130
PAGE_LEAST = 120
"""Pixels that are left for the page above it."""

KEYS = "Ctrl+`"
CLOSE = QSize(12, 12)


class DrawerPanel(QWidget):
    """What is in a tab; panels inherit from it.

    :ivar key: what it is about.    :ivar title: the words of its tab.
    """

    changed = Signal()
    """Its title, or whether it runs."""

    key = ""
    title = ""

    @property
    def running(self) -> bool:
        """Whether something ends when it is closed."""
        return False

    def another(self) -> DrawerPanel:
        """A new one about the same; by default there is only this one."""
        return self


class Drawer(QFrame):
    """Tabs of panels; hidden until the first one is opened."""

    left = Signal()
    """It had the focus and is hidden now."""

    def __init__(self, memory: QSettings) -> None:
        super().__init__()
        self.setObjectName("drawer")
        self.setAccessibleName("Terminals")
        self.setMinimumHeight(LEAST)
        self._memory = memory
        self._parts = QSplitter(Qt.Orientation.Vertical)
        self._parts.setObjectName("apart")
        self.tabs = QTabWidget(documentMode=True, movable=True)
        self.tabs.setAccessibleName("Terminals")
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.tabBar().setElideMode(Qt.TextElideMode.ElideMiddle)
        self.add = tool("add", "Another terminal in this container", self._add)
        self.hider = tool("down", f"Hide the terminals ({KEYS})", self.toggle)
        corner = QWidget()
        fill(QHBoxLayout(corner), self.add, self.hider, gap=2)
        self.tabs.setCornerWidget(corner)
        self.empty = label("No terminal is open. Open one from the row or the page of a container.", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        outer = fill(QVBoxLayout(self), self.tabs, self.empty, gap=GAP)
        outer.setContentsMargins(MARGIN, 0, MARGIN, GAP)
        self.tabs.currentChanged.connect(self._focus)
        self.hide()
        self._fit()

    def below(self, page: QWidget) -> QSplitter:
        """Put it below the pages; its height is kept."""
        page.setMinimumHeight(PAGE_LEAST)
        self._parts.setChildrenCollapsible(False)
        self._parts.addWidget(page)
        self._parts.addWidget(self)
        self._parts.setStretchFactor(0, 1)
        self._parts.splitterMoved.connect(lambda *_: self._memory.setValue(HEIGHT, self.height()))
        return self._parts

    # -- panels ---------------------------------------------------------------------------------------------------

    @property
    def panels(self) -> list[DrawerPanel]:
        """What is in the tabs."""
        found = [self.tabs.widget(place) for place in range(self.tabs.count())]
        return [one for one in found if isinstance(one, DrawerPanel)]

    @property
    def current(self) -> DrawerPanel | None:
        """What is in the current tab."""
        found = self.tabs.currentWidget()
        return found if isinstance(found, DrawerPanel) else None

    def open(self, panel: DrawerPanel) -> None:
        """Show a panel, in a new tab unless it has one, and give it the focus."""
        if panel not in self.panels:
            place = self.tabs.addTab(panel, panel.title)
            closer = tool("close", "", lambda: self.close_panel(panel))
            closer.setIconSize(CLOSE)
            self.tabs.tabBar().setTabButton(place, QTabBar.ButtonPosition.RightSide, closer)
            panel.changed.connect(self._name)
            self._name()
        self.tabs.setCurrentWidget(panel)
        self._fit()
        self._show()

    def close_panel(self, panel: DrawerPanel) -> Question | None:
        """Close a tab; what runs in it is ended after a question."""
        if not panel.running:
            self._drop(panel)
            return None
        question = Question(self, f"Close “{panel.title}”?", "What runs in this terminal will be ended.", "Close")
        question.then(lambda _: self._drop(panel))
        return question

    def close_all(self) -> None:
        """Close all tabs, without a question: what they are about is out of reach."""
        for panel in self.panels:
            self._drop(panel)

    def _drop(self, panel: DrawerPanel) -> None:
        place = self.tabs.indexOf(panel)
        if place < 0:
            return
        self.tabs.removeTab(place)
        panel.close()
        panel.deleteLater()
        self._fit()
        if not self.tabs.count() and self.isVisible():
            self.toggle()

    def _add(self) -> None:
        if self.current is not None:
            self.open(self.current.another())

    def _name(self) -> None:
        """Show the titles; equal ones get a number."""
        seen: dict[str, int] = {}
        for place, panel in enumerate(self.panels):
            number = seen[panel.title] = seen.get(panel.title, 0) + 1
            title = panel.title if number == 1 else f"{panel.title} ({number})"
            self.tabs.setTabText(place, title.replace("&", "&&"))
            closer = self.tabs.tabBar().tabButton(place, QTabBar.ButtonPosition.RightSide)
            closer.setAccessibleName(f"Close {title}")
            closer.setToolTip(f"Close {title}")

    def _fit(self) -> None:
        some = self.tabs.count() > 0
        self.empty.setVisible(not some)
        self.tabs.setVisible(some)

    # -- showing --------------------------------------------------------------------------------------------------

    @property
    def has_focus(self) -> bool:
        """Whether the keys go to it."""
        focus = QApplication.focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def toggle(self) -> None:
        """Hide it if it has the focus or nothing in it; else show it, and give it the focus."""
        if self.isVisible() and (self.has_focus or not self.tabs.count()):
            self.hide()
            self.left.emit()
        else:
            self._show()

    def _show(self) -> None:
        if not self.isVisible():
            self.show()
            height = int(str(self._memory.value(HEIGHT) or AT_FIRST))
            self._parts.setSizes([self._parts.height() - height, height])
        self._focus()

    def _focus(self) -> None:
        if self.current is not None and self.isVisible():
            self.current.setFocus()
