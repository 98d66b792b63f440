"""The scaffold of one object's page: a way back, name and state, actions, and tabs made when first shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.theme import GAP, MARGIN
from desktop.ui.widgets.basics import Elided, fill, label, row, tool


class DetailPage(QWidget):
    """See the module."""

    def __init__(self, context: Context, place: str, back: str) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.context = context
        self.heading = Elided("", "title")
        self.state = label("", "muted")
        self.back = tool("back", back, lambda: context.places.show_place(place))
        self.actions_row = row(gap=6)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName("Views")
        self._makers: dict[int, Callable[[], QWidget]] = {}
        self._names: list[str] = []
        head = row(self.back)
        head.addWidget(self.heading, 1)
        head.addWidget(self.state)
        head.addSpacing(GAP)
        head.addLayout(self.actions_row)
        outer = fill(QVBoxLayout(self), head, self.tabs, gap=GAP)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setStretch(1, 1)
        self.tabs.currentChanged.connect(self._shown)

    def add_tab(self, name: str, title: str, make: Callable[[], QWidget]) -> None:
        """Offer a tab; its contents are made when it is first shown."""
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, GAP, 0, 0)
        self._makers[len(self._names)] = make
        self._names.append(name)
        self.tabs.addTab(holder, title)

    def show_tab(self, name: str) -> None:
        """Go to a tab."""
        self.tabs.setCurrentIndex(self._names.index(name))
        self._shown(self.tabs.currentIndex())

    def tab(self, name: str) -> QWidget | None:
        """What a tab shows; None before it was first shown."""
        layout = self.tabs.widget(self._names.index(name)).layout()
        item = layout.itemAt(0) if layout is not None else None
        return item.widget() if item is not None else None

    def _shown(self, place: int) -> None:
        make = self._makers.pop(place, None)
        holder = self.tabs.widget(place)
        layout = holder.layout() if holder is not None else None
        if make is not None and layout is not None:
            layout.addWidget(make())
