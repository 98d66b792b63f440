"""The frame of one object's page: back button, name, state, actions, and tabs that are made when first shown.

While the engine is not running, the page says so and is disabled. Its contents stay and are fetched again later.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.theme import GAP, MARGIN
from desktop.ui.widgets.basics import Elided, fill, row, tool
from desktop.ui.widgets.dialogs import ENGINE
from desktop.ui.widgets.jsontree import JsonView
from engine.client import EngineClient, Event

AWAY, NO_CONNECTION = "The engine is not running", "No connection to the engine"


class DetailPage(QWidget):
    """The page of one object; pages inherit from it."""

    def __init__(self, context: Context, place: str, back: str) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.context = context
        if context.where:
            self.setProperty(ENGINE, context.where)
        self.heading = Elided("", "title", snug=True)
        self.state = Elided("", "muted", snug=True)
        self.back = tool("back", back, lambda: context.places.show_place(place))
        self.actions_row = row(gap=6)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName("Views")
        self._makers: dict[int, Callable[[], QWidget]] = {}
        self._names: list[str] = []
        self._contents: dict[int, QWidget] = {}
        head = row(self.back, self.heading, None, self.state)
        head.addSpacing(GAP)
        head.addLayout(self.actions_row)
        outer = fill(QVBoxLayout(self), head, self.tabs, gap=GAP)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setStretch(1, 1)
        self.tabs.currentChanged.connect(self._shown)
        self.tabs.tabBarClicked.connect(self._focus_contents, Qt.ConnectionType.QueuedConnection)
        context.view.gone.connect(self._engine_gone)
        context.view.ready.connect(self._engine_back)  # no lambda: it would outlive the page

    def add_tab(self, name: str, title: str, make: Callable[[], QWidget]) -> None:
        """Add a tab; ``make`` is called when it is first shown."""
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, GAP, 0, 0)
        self._makers[len(self._names)] = make
        self._names.append(name)
        self.tabs.addTab(holder, title)

    def show_tab(self, name: str) -> None:
        """Show a tab."""
        self.tabs.setCurrentIndex(self._names.index(name))
        self._shown(self.tabs.currentIndex())
        self._focus_contents(self.tabs.currentIndex())

    def tab(self, name: str) -> QWidget | None:
        """The contents of a tab; None before it is first shown."""
        return self._contents.get(self._names.index(name))

    @property
    def tab_names(self) -> tuple[str, ...]:
        """Those of all tabs."""
        return tuple(self._names)

    def _shown(self, place: int) -> None:
        make = self._makers.pop(place, None)
        holder = self.tabs.widget(place)
        layout = holder.layout() if holder is not None else None
        if make is not None and layout is not None:
            self._contents[place] = make()
            layout.addWidget(self._contents[place])

    def _focus_contents(self, place: int) -> None:
        """What a tab is about takes the keys: a log's lines, a terminal."""
        contents = self._contents.get(place)
        if contents is not None:
            self.setFocusProxy(contents)
            contents.setFocus()

    def _engine_back(self) -> None:
        self.tabs.setEnabled(True)

    def _engine_gone(self) -> None:
        self.tabs.setEnabled(False)
        self.state.set_full(AWAY if self.context.connection.own else NO_CONNECTION)


class InspectPanel(JsonView):
    """The engine's description of an object, kept current.

    :param concerns: whether an event may have changed the object.
    """

    def __init__(
        self,
        context: Context,
        fetch: Callable[[EngineClient], Coroutine[Any, Any, dict[str, Any]]],
        concerns: Callable[[Event], bool],
    ) -> None:
        super().__init__("Inspect")
        self._context, self._fetch, self._concerns = context, fetch, concerns
        context.view.events_received.connect(self._on_events)
        context.view.ready.connect(self._ask)
        self._ask()

    def _ask(self) -> None:
        session = self._context.session
        session.bridge.call(self._fetch(self._context.engine), self.show_value, lambda _: None, owner=self)

    def _on_events(self, events: list[Event]) -> None:
        if any(self._concerns(event) for event in events):
            self._ask()
