"""A page with a list: title, search, filter, actions on what is chosen, the table, and a word when it is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from desktop.control.schema import RunState
from desktop.ui.context import Context
from desktop.ui.icons import icon
from desktop.ui.models.records import Column, Row
from desktop.ui.models.states import TITLES
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import ICON, SearchField, button, heading, label, row
from desktop.ui.widgets.nothing import Nothing
from desktop.ui.widgets.table import Table

SEARCH_WIDTH = 300
EMPTY = 1
"""Where in the stack of views the one for no rows is."""


@dataclass(frozen=True)
class Operation:
    """Something that can be done to what is chosen.

    :ivar applies: whether it can be done to a record.    :ivar run: does it to those it applies to.
    :ivar bar: whether it has a button above the table.    :ivar single: whether it is for one object only.
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
    """The scaffold; a page of its own gives columns, operations and rows.

    :ivar commands: by Docker's names, what asks before it does something.
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
        self.filters.setAccessibleName(f"Which {title.lower()} are shown")
        self.filters.hide()
        self.actions_by_name: dict[str, QAction] = {}
        self.commands: dict[str, Callable[[], object]] = {}
        self._operations: list[tuple[Operation, QAction]] = []
        self._needy: list[QWidget] = []
        self._tools = row(gap=6)
        self._buttons = row()
        self._narrowing = row()
        self._choices: list[Callable[[Any], bool]] = []
        self._picture = picture
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self.away = Away(context)
        self._stack.addWidget(self.away)
        unfit = f"None of the {title.lower()} has all that was typed and chosen above."
        self.unfit = Nothing("search", "Nothing fits", unfit, button("Show all", self.show_all))
        self._stack.addWidget(self.unfit)
        self._known = False
        head = row(self.title, self.count, None, self._buttons)
        tools = row(self.search, self.filters, self._narrowing, None, self._tools)
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
        """Put a button at the top right."""
        self._buttons.addWidget(made)
        self._needy.append(made)
        return made

    def add_prune(self, prune: Callable[[], object]) -> None:
        """Offer to prune, beside the operations."""
        made = button("Prune…", prune, picture="prune")
        self.commands["prune"] = prune
        self._tools.addWidget(made)
        self._needy.append(made)

    def add_filters(self, *choices: tuple[str, Callable[[Any], bool]]) -> None:
        """Offer ways to narrow the list; the first is taken at first."""
        self._choices = [test for _, test in choices]
        self.filters.addItems([name for name, _ in choices])
        self.filters.show()

    def add_beside_search(self, made: QWidget) -> None:
        """Put something after the search field and the filter."""
        self._narrowing.addWidget(made)

    def add_operations(self, *operations: Operation) -> None:
        """Offer operations: above the table, in its menu, and by their keys."""
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
        """What to say when there is nothing to list."""
        self._stack.insertWidget(EMPTY, Nothing(self._picture, title, text, *buttons))

    # -- showing --------------------------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Row], known: bool) -> None:
        """Show rows; ``known`` False says that nobody knows what there is."""
        self.table.records.update_rows(rows)
        self.count.setText(f"{len(rows)}" if known else "")
        self._known = known
        self._show_view()
        for part in (self.search, self.filters, *self._needy):
            part.setEnabled(known)
        self._enable()

    def show_all(self) -> None:
        """Leave nothing out."""
        self.search.clear()
        self.filters.setCurrentIndex(0)
        self.search.setFocus()

    def _show_view(self) -> None:
        """The list, or why there is none."""
        records = self.table.records
        view: QWidget = self.table if records.rowCount() else self.unfit
        if not records.rows():
            view = self._stack.widget(EMPTY) if self._known else self.away
        self._stack.setCurrentWidget(view)

    def keep(self, test: Callable[[Any], bool]) -> None:
        """Show what passes the test."""
        self.table.records.keep(test)
        self._show_view()

    def _searched(self, text: str) -> None:
        self.table.search(text)
        self._show_view()

    def _filtered(self, place: int) -> None:
        if 0 <= place < len(self._choices):
            self.keep(self._choices[place])

    # -- doing ----------------------------------------------------------------------------------------------------

    def records(self, operation: Operation) -> list[Any]:
        """What of the chosen an operation applies to."""
        return [found.record for found in self.table.chosen() if operation.applies(found.record)]

    def show_subject(self, subject: str) -> None:
        """Ask what a command needs to know."""
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


WHEN = "What there is is shown here when the engine runs."


class Away(Nothing):
    """In place of a list while nobody knows what there is: why, and the way to have it."""

    def __init__(self, context: Context) -> None:
        self.start = button("Start", lambda: context.session.start(), picture="play", primary=True)
        super().__init__("machine", "", "", self.start)
        self._session = context.session
        context.session.status_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        status, trouble = self._session.status, self._session.trouble
        state = status.state if status else None
        title = TITLES[state] if state else "Slipway is not running"
        told = status.stage or status.summary if status else trouble.message if trouble else ""
        if status is not None and status.failure is not None:
            told = f"{status.summary}. {status.failure.hint}".strip()
        if state is RunState.RUNNING:
            title = "Looking …"
        self.say(title, {RunState.RUNNING: "", RunState.STOPPED: WHEN}.get(state, told) if state else told)
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
