"""The frame of a page with a list: title, search, filter, operations, the table, and a text when it is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from desktop.control.schema import RunState
from desktop.ui.context import Context
from desktop.ui.engine_connection import State
from desktop.ui.icons import icon
from desktop.ui.models.records import Column, Row
from desktop.ui.models.states import TITLES
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import ICON, SearchField, button, heading, label, row
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.widgets.table import Table

SEARCH_WIDTH = 300
EMPTY = 1
"""The index of the view without rows."""


@dataclass(frozen=True)
class Operation:
    """An operation on the selected objects.

    :ivar run: called with the records it applies to.    :ivar applies: whether it applies to a record.
    :ivar bar: whether it has a button above the table.    :ivar single: whether it needs exactly one object.
    :ivar divided: whether a line separates it from the operations above it in the menu.
    """

    name: str
    text: str
    picture: str
    run: Callable[[list[Any]], object]
    applies: Callable[[Any], bool] = lambda record: True
    shortcut: str = ""
    bar: bool = True
    single: bool = False
    divided: bool = False


class ListPage(QWidget):
    """A page with a list; pages inherit from it and add columns, operations and rows.

    :ivar commands: Docker's name of a command → what opens its dialog.
    """

    def __init__(
        self,
        context: Context,
        title: str,
        picture: str,
        columns: Sequence[Column],
        *,
        tree: bool = False,
        unfolded: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self.context = context
        self.title = heading(title)
        self.count = label("", "muted")
        self.table = Table(columns, title, tree=tree, unfolded=unfolded)
        self.search = SearchField(f"Search {title.lower()}", SEARCH_WIDTH)
        self.search.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.filters = QComboBox()
        self.filters.setAccessibleName(f"Filter {title.lower()}")
        self.filters.hide()
        self.actions_by_name: dict[str, QAction] = {}
        self.commands: dict[str, Callable[[], object]] = {}
        self._operations: list[tuple[Operation, QAction]] = []
        self._need_engine: list[QWidget] = []
        self._tools = row(gap=6)
        self._buttons = row()
        self._beside_search = row()
        self._choices: list[Callable[[Any], bool]] = []
        self._picture = picture
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self.engine_away = EngineAway(context)
        self._stack.addWidget(self.engine_away)
        unmatched = f"No {title.lower()} match the search and the filter."
        self.unmatched = EmptyState("search", "No matches", unmatched, button("Show all", self.show_all))
        self._stack.addWidget(self.unmatched)
        self._known = False
        head = row(self.title, self.count, None, self._buttons)
        tools = row(self.search, self.filters, self._beside_search, None, self._tools)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addLayout(head)
        outer.addLayout(tools)
        outer.addWidget(self._stack, 1)
        self.search.textChanged.connect(self._searched)
        self.filters.currentIndexChanged.connect(self._filtered)
        self.table.chosen_changed.connect(self._enable)

    # -- building -------------------------------------------------------------------------------------------------

    def add_button(self, made: QPushButton) -> QPushButton:
        """Add a button at the top right."""
        self._buttons.addWidget(made)
        self._need_engine.append(made)
        return made

    def add_prune(self, prune: Callable[[], object]) -> None:
        """Add the button that prunes."""
        made = button("Prune…", prune, picture="prune")
        self.commands["prune"] = prune
        self._tools.addWidget(made)
        self._need_engine.append(made)

    def add_filters(self, *choices: tuple[str, Callable[[Any], bool]]) -> None:
        """Add filters to choose from; the first is the default."""
        self._choices = [test for _, test in choices]
        self.filters.addItems([name for name, _ in choices])
        self.filters.show()

    def add_beside_search(self, made: QWidget) -> None:
        """Add a widget after the search field and the filter."""
        self._beside_search.addWidget(made)

    def add_operations(self, *operations: Operation) -> None:
        """Add operations: buttons above the table, entries of its menu, and shortcuts."""
        for operation in operations:
            action = QAction(icon(operation.picture), operation.text, self)
            action.setIconText(operation.text)
            if operation.shortcut:
                action.setShortcut(QKeySequence(operation.shortcut))
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, chosen=operation: self._run(chosen))
            self.table.addAction(action)
            if operation.divided:
                self.table.menu_actions.append(None)
            self.table.menu_actions.append(action)
            self.actions_by_name[operation.name] = action
            self._operations.append((operation, action))
            if operation.bar:
                self._tools.addWidget(_tool(action))
        self._enable()

    def explain_empty(self, title: str, text: str, *buttons: QPushButton) -> None:
        """Set what is shown when the list is empty."""
        self._stack.insertWidget(EMPTY, EmptyState(self._picture, title, text, *buttons))

    # -- showing --------------------------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Row], known: bool) -> None:
        """Show rows. :param known: False while the engine is not available."""
        self.table.records.update_rows(rows)
        self.count.setText(f"{len(rows)}" if known else "")
        self._known = known
        self._show_view()
        for part in (self.search, self.filters, *self._need_engine):
            part.setEnabled(known)
        self._enable()

    def show_all(self) -> None:
        """Clear search and filter."""
        self.search.clear()
        self.filters.setCurrentIndex(0)
        self.search.setFocus()

    def _show_view(self) -> None:
        """Show the list, or the reason why it is empty."""
        records = self.table.records
        view: QWidget = self.table if records.rowCount() else self.unmatched
        if not records.rows():
            view = self._stack.widget(EMPTY) if self._known else self.engine_away
        self._stack.setCurrentWidget(view)

    def keep(self, test: Callable[[Any], bool]) -> None:
        """Show only records that pass the test."""
        self.table.records.keep(test)
        self._show_view()

    def _searched(self, text: str) -> None:
        self.table.search(text)
        self._show_view()

    def _filtered(self, place: int) -> None:
        if 0 <= place < len(self._choices):
            self.keep(self._choices[place])

    # -- operations -----------------------------------------------------------------------------------------------

    def records(self, operation: Operation) -> list[Any]:
        """The selected records that an operation applies to."""
        return [found.record for found in self.table.chosen() if operation.applies(found.record)]

    def show_subject(self, subject: str) -> None:
        """Open the dialog of a command."""
        self.commands[subject]()

    def _run(self, operation: Operation) -> None:
        records = self.records(operation)
        if records:
            operation.run(records)

    def _enable(self) -> None:
        chosen = [found.record for found in self.table.chosen()]
        for operation, action in self._operations:
            able = len(chosen) == 1 or not operation.single
            action.setEnabled(able and any(operation.applies(record) for record in chosen))


WHILE_STOPPED = "Start the engine to see its contents here."


class EngineAway(EmptyState):
    """Shown in place of a list while its engine is not available: the reason, and what the user can do."""

    def __init__(self, context: Context) -> None:
        self.start = button("Start", lambda: context.session.start(), picture="play", primary=True)
        self.retry = button("Try again", lambda: context.session.chosen.retry(), picture="refresh", primary=True)
        super().__init__("machine", "", "", self.start, self.retry)
        self._session = context.session
        context.session.status_changed.connect(self.refresh)
        context.session.connection_changed.connect(self.refresh)
        context.session.engine_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Update from the status of Slipway's own engine, or the connection to another."""
        own = self._session.chosen.features.guest
        self.retry.setVisible(not own and self._session.chosen.state is State.LOST)
        if own:
            self._show_own()
            return
        chosen = self._session.chosen
        self.start.hide()
        title = f"{chosen.title}: {chosen.state.value}" if not chosen.connected else "Loading …"
        text = "" if chosen.error is None else f"{chosen.error.message}. {chosen.error.hint}".strip()
        if chosen.pause is not None:
            text += "\nSlipway keeps trying."
        self.set_text(title, text)

    def _show_own(self) -> None:
        status, error = self._session.status, self._session.error
        state = status.state if status else None
        title = TITLES[state] if state else "Slipway is not running" if error else "Connecting …"
        text = status.stage or status.summary if status else error.message if error else self._session.progress
        if status is not None and status.failure is not None:
            text = f"{status.summary}. {status.failure.hint}".strip()
        if state is RunState.RUNNING:
            title, text = "Loading …", ""
        elif state is RunState.STOPPED:
            text = WHILE_STOPPED
        self.set_text(title, text)
        self.start.setVisible(state in (None, RunState.STOPPED, RunState.FAILED))


def _tool(action: QAction) -> QToolButton:
    made = QToolButton()
    made.setObjectName("action")
    made.setDefaultAction(action)
    made.setIconSize(QSize(ICON))
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    made.setToolTip(f"{action.text()} ({keys})" if keys else action.text())
    made.setAccessibleName(action.text())
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made
