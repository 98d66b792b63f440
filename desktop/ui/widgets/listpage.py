"""The frame of a page with a list: title, search, filter, operations, the table, and a text when it is empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.context import Context
from desktop.ui.icons import icon
from desktop.ui.memory import keep, memory, recall
from desktop.ui.models.collections import Collection, Collections
from desktop.ui.models.facts import Described
from desktop.ui.models.records import Column, Row
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import SearchField, action_tool, button, fill, heading, label, row, tool
from desktop.ui.widgets.chips import FilterChips
from desktop.ui.widgets.dialogs import ENGINE
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.widgets.missing_engine import EngineAway, MissingEngine
from desktop.ui.widgets.rowactions import RowAction, RowActions
from desktop.ui.widgets.sidepanel import SidePanel
from desktop.ui.widgets.table import Table

SEARCH_WIDTH = 300
EMPTY = 1
"""The index of the view without rows."""

MORE = RowAction("more", "More", "more")


@dataclass(frozen=True)
class Operation:
    """An operation on the selected objects.

    :ivar run: called with the records it applies to.    :ivar applies: whether it applies to a record.
    :ivar bar: whether it has a button above the table while several are selected; not with ``single``.
    :ivar single: whether it needs exactly one object.    :ivar pair: whether it needs exactly two.
    :ivar row: whether the row under the mouse has it.
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
    pair: bool = False
    divided: bool = False
    row: bool = False


class ListPage(QWidget):
    """A page with a list; pages inherit from it and add columns, operations and rows.

    Where two engines run it has the objects of both, with their platforms, and a filter for one of them.

    :ivar commands: Docker's name of a command → what opens its dialog.
    :ivar several: the operations on several selected rows.
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
        platform: int = -1,
        both: bool = False,
        away: QWidget | None = None,
        within: bool = False,
    ) -> None:
        """
        :param platform: the column that is shown only where there are two engines; -1: none.
        :param both: the page has the objects of both engines, where there are two.
        :param away: shown while the list is not known; by default the reason why there is no engine.
        :param within: it is a tab of another page, which has title and margins.
        """
        super().__init__()
        self.setObjectName("page")
        self.context = context
        self.title, self.count = heading(title), label("", "muted")
        self.table = Table(columns, title, tree=tree, unfolded=unfolded)
        self.search = SearchField(f"Search {title.lower()}", SEARCH_WIDTH)
        self.search.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.filters = FilterChips(f"Filter {title.lower()}")
        self._name = f"{'tab/' if within else ''}{title.lower()}"
        self.engines = _choice("Engine")
        self.actions_by_name: dict[str, QAction] = {}
        self.commands: dict[str, Callable[[], object]] = {}
        self._operations: list[tuple[Operation, QAction]] = []
        self._need_engine: list[QWidget] = []
        self._tools = row(gap=6)
        self._buttons = row()
        self._beside_search = row()
        self._choices: list[Callable[[Any], bool]] = []
        self._test: Callable[[Any], bool] = lambda record: True
        self._platform, self._both = platform, both or platform >= 0
        self._picture = picture
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._away = away or EngineAway(context)
        self.missing = MissingEngine(context, wanted=self._both)
        self._stack.addWidget(self._away)
        show_all = button("Show all", self.show_all)
        self.unmatched = EmptyState("search", "No matches", f"No {title.lower()} match.", show_all)
        self._stack.addWidget(self.unmatched)
        self._known = False
        self._prepare_rows()
        self._arrange(within=within)
        self.search.textChanged.connect(self._searched)
        self.filters.chosen.connect(self._filtered)
        self.engines.currentIndexChanged.connect(self._engine_chosen)
        self.table.chosen_changed.connect(self._enable)
        for one in context.both:
            one.view.changed.connect(self._show_engines)
            one.view.exchanged.connect(self._show_engines)
        self._show_engines()

    def _prepare_rows(self) -> None:
        """Be ready for what rows offer: under the mouse, above the list for several, and beside it."""
        self.several, self._selected = QWidget(), label("", "muted")
        self._bar = fill(QHBoxLayout(self.several), self._selected, gap=6)
        self.several.hide()
        self.table.delegate.actions = RowActions(self._row_actions)
        self.table.acted.connect(self._act_on_row)
        self.side: SidePanel | None = None
        self._side_tool = tool("panel", "Side panel", self._toggle_side, framed=True, checkable=True)
        self._side_tool.hide()
        self._delay = QTimer(self, singleShot=True, interval=QApplication.doubleClickInterval())
        self._delay.timeout.connect(self._show_side)

    def _arrange(self, *, within: bool) -> None:
        beside = (self.several, self._tools, self._columns_button(), self._side_tool)
        tools = row(self.search, self.engines, self._beside_search, None, *beside)
        outer = QVBoxLayout(self)
        outer.setSpacing(PAD)
        if within:
            outer.setContentsMargins(0, PAD, 0, 0)
            tools.insertWidget(tools.count() - 5, self.count)
        else:
            outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
            outer.addLayout(row(self.title, self.count, None, self._buttons))
        outer.addLayout(tools)
        outer.addWidget(self.filters)
        outer.addWidget(self._stack, 1)
        outer.addWidget(self.missing)
        self.setFocusProxy(self.table)

    def _columns_button(self) -> QToolButton:
        """The choice of columns; what the user changes there, or in the header, is kept."""
        made = tool("columns", "Columns", lambda: made.showMenu(), framed=True)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu, columns = QMenu(made), self.table.columns
        menu.setAccessibleName("Columns")
        menu.aboutToShow.connect(lambda: columns.fill(menu))
        made.setMenu(menu)
        key, home = f"columns/{self._name}", self.context.session.paths.home
        columns.restore(recall(memory(home), key))
        columns.changed.connect(lambda: keep(memory(home), key, columns.state()))
        return made

    # -- engines ------------------------------------------------------------------------------------------------

    @property
    def engine_away(self) -> EngineAway:
        """What a list of an engine's objects shows while there is none."""
        assert isinstance(self._away, EngineAway)
        return self._away

    @property
    def target(self) -> Context:
        """For what is new and for prunes: the engine that the list is limited to, else the one in use."""
        wanted = self.engines.currentData()
        return next((one for one in self.context.both if wanted and one.view.origin.os == wanted), self.context)

    def follow(self, refresh: Callable[[], None], *pick: Callable[[Collections], Collection[Any]]) -> None:
        """Call ``refresh`` when one of these lists changes, of any engine."""
        for one in self.context.both:
            for choose in pick:
                choose(one.lists).changed.connect(refresh)

    def known(self, pick: Callable[[Collections], Collection[Any]]) -> bool:
        """Whether the list of any engine has been fetched."""
        return any(pick(one.lists).known for one in self.context.both)

    def _show_engines(self) -> None:
        """Offer the choice of an engine while there are two."""
        origins = [one.view.origin for one in self.context.both] if self.context.session.several else []
        offered = sorted({origin.os: origin.os.title() for origin in origins if origin.os}.items())
        offered = [("", "Both"), *offered] if len(offered) > 1 and self._both else []
        if [os for os, _ in offered] != [self.engines.itemData(place) for place in range(self.engines.count())]:
            chosen = self.engines.currentData()
            self.engines.clear()
            for os, title in offered:
                self.engines.addItem(title, os)
            self.engines.setCurrentIndex(max(0, self.engines.findData(chosen)))
        self.engines.setVisible(bool(offered))
        if self._platform >= 0:
            self.table.columns.set_missing(self._platform, not offered)
        self._name_target()
        self._enable()

    def _engine_chosen(self) -> None:
        self.keep(self._test)
        self._count(self.table.records.rows())
        self._name_target()
        self._enable()

    def _name_target(self) -> None:
        """Have dialogs say which engine they act on."""
        self.setProperty(ENGINE, self.target.where or None)

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

    def add_filters(self, *choices: tuple[str, Callable[[Any], bool]], rare: Sequence[str] = ()) -> None:
        """Add filters to choose from; the first is the default.

        :param rare: those that are only there while they have something.
        """
        self._choices = [test for _, test in choices]
        self.filters.add([name for name, _ in choices], rare)
        self.filters.show()

    def add_beside_search(self, made: QWidget) -> None:
        """Add a widget after the search field and the filter."""
        self._beside_search.addWidget(made)

    def operation(self, name: str) -> Operation:
        """An operation of this page, by its name."""
        return next(operation for operation, _ in self._operations if operation.name == name)

    def add_operations(self, *operations: Operation) -> None:
        """Add operations: entries of the table's menu, shortcuts, actions of rows, buttons for several rows."""
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
            if operation.bar and not operation.single:
                self._bar.addWidget(action_tool(action, framed=True))
        self._enable()

    def add_side(self, body: QWidget | None = None) -> SidePanel:
        """Add the panel beside the list, after the operations. :param body: what it has below the facts."""
        made = self.side = SidePanel(self._name, memory(self.context.session.paths.home), body)
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)
        outer.insertWidget(outer.indexOf(self._stack), made.beside(self._stack), 1)
        for operation, action in self._operations:
            if operation.row or (operation.bar and not operation.single):
                made.add_action(action)
        made.facts.followed.connect(self._follow_fact)
        made.changed.connect(self._show_side)
        self.table.chosen_changed.connect(self._choice_changed)
        self.table.opened.connect(self._delay.stop)
        self._side_tool.show()
        self._show_side()
        return made

    def explain_empty(self, title: str, text: str, *buttons: QPushButton) -> None:
        """Set what is shown when the list is empty."""
        self._stack.insertWidget(EMPTY, EmptyState(self._picture, title, text, *buttons))

    # -- showing --------------------------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Row], known: bool) -> None:
        """Show rows. :param known: False while the engine is not available."""
        self.table.records.update_rows(rows)
        self.count.setText(f"{len(rows)}" if known else "")
        self._known = known
        self._count(rows)
        self._show_view()
        for part in (self.search, self.filters):
            part.setEnabled(known)
        self._enable()
        self._show_side()

    # -- beside the list ------------------------------------------------------------------------------------------

    def describe(self, record: Any) -> Described:
        """What the side panel says of a record."""
        return Described(*self.told(record))

    def follow_fact(self, record: Any, name: str, number: int) -> None:
        """Go where a link of a fact leads."""

    def fill_side(self, records: list[Any]) -> None:
        """Fill the side panel's body. :param records: those of the selected rows."""

    def close_side(self) -> None:
        """Close the side panel, if it is shown."""
        if self.side is not None and self.side.isVisible():
            self.side.dismiss()
            self.table.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_side()

    def _choice_changed(self) -> None:
        """A panel that opens moves the columns: not between the two clicks that open a page."""
        opens = self.side is not None and not self.side.isVisible() and self.table.pressing
        self._delay.start() if opens else self._show_side()

    def _show_side(self) -> None:
        side = self.side
        if side is None:
            return
        records = [found.record for found in self.table.chosen()]
        if len(records) == 1:
            side.show_object(self.describe(records[0]))
        elif records:
            side.show_object(Described(f"{len(records)} selected"))
        side.place(shown=bool(records) and self._stack.currentWidget() is self.table)
        self.fill_side(records if side.isVisible() else [])
        self._side_tool.setChecked(side.wanted)
        self._side_tool.setEnabled(side.fits)
        words = "Side panel: about the selected row" if side.fits else "Side panel: the window is too narrow"
        self._side_tool.setToolTip(words)

    def _toggle_side(self) -> None:
        if self.side is not None:
            self.side.want(wanted=not self.side.wanted)

    def _follow_fact(self, name: str, number: int) -> None:
        for found in self.table.chosen()[:1]:
            self.follow_fact(found.record, name, number)

    # -- showing rows ---------------------------------------------------------------------------------------------

    def counted(self, row: Row) -> Iterable[Any]:
        """The records of a row that filters count."""
        return (row.record,)

    def _count(self, rows: Sequence[Row]) -> None:
        """Show how many objects each filter has, of the engine that the list is limited to."""
        if not self._known:
            self.filters.forget_counts()
            return
        wanted = self.engines.currentData()
        found = [
            record for row in rows for record in self.counted(row) if not wanted or record.origin.os == wanted
        ]
        self.filters.show_counts(sum(map(test, found)) for test in self._choices)

    def show_all(self) -> None:
        """Clear search and filter."""
        self.search.clear()
        if self._choices:
            self.filters.choose_place(0)
        self.engines.setCurrentIndex(0)
        self.search.setFocus()

    def _show_view(self) -> None:
        """Show the list, or the reason why it is empty."""
        records = self.table.records
        view: QWidget = self.table if records.rowCount() else self.unmatched
        unasked = self.filters.place <= 0 and not self.search.text() and not self.engines.currentData()
        if not records.rows() or (not records.rowCount() and unasked):
            view = self._stack.widget(EMPTY) if self._known else self._away
        self._stack.setCurrentWidget(view)

    def keep(self, test: Callable[[Any], bool]) -> None:
        """Show only records that pass the test."""
        self._test, wanted = test, self.engines.currentData()
        self.table.records.keep((lambda record: record.origin.os == wanted and test(record)) if wanted else test)
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

    def every(self) -> list[Any]:
        """The records of all rows, whatever is searched for."""
        return [row.record for top in self.table.records.rows() for row in (top, *top.children)]

    def told(self, record: Any) -> tuple[str, str]:
        """A record's name, and what tells it from others."""
        columns = self.table.records.columns
        return columns[0].text(record), columns[1].text(record)

    def offered(self, record: Any) -> list[tuple[str, Callable[[], object]]]:
        """What can be done with a record, each with its words."""
        each = (operation for operation, _ in self._operations if not operation.pair)
        operations = [operation for operation in each if operation.applies(record)]
        return [(operation.text, partial(self._act, operation, [record])) for operation in operations]

    def lead_to(self, record: Any) -> None:
        """Show the page of a record's object."""
        self.table.opened.emit(Row("", record))

    def show_subject(self, subject: str) -> None:
        """Open the dialog of a command."""
        self.commands[subject]()

    def _run(self, operation: Operation) -> None:
        records = self.records(operation)
        if records:
            self._act(operation, records)

    def _act(self, operation: Operation, records: list[Any]) -> None:
        if self._both:  # dialogs name the engine of what they act on, which the filter need not
            origins = list(dict.fromkeys(record.origin for record in records))
            named = self.context.at(records[0]).where if len(origins) == 1 else "In both engines"
            self.setProperty(ENGINE, named if self.context.session.several else None)
        operation.run(records)
        self._name_target()

    def _row_actions(self, record: Any) -> list[RowAction]:
        found = [one for one, _ in self._operations if one.row and one.applies(record)]
        return [*(RowAction(one.name, one.text, one.picture) for one in found), MORE]

    def _act_on_row(self, found: Row, name: str, place: QPoint) -> None:
        if name == MORE.name:
            self.table.choose(found.key)
            self.table.popup_menu().popup(self.table.viewport().mapToGlobal(place))
        else:
            self._act(next(one for one, _ in self._operations if one.name == name), [found.record])

    def _enable(self) -> None:
        chosen = [found.record for found in self.table.chosen()]
        self.several.setVisible(len(chosen) > 1)
        self._selected.setText(f"{len(chosen)} selected")
        for operation, action in self._operations:
            able = len(chosen) == 2 if operation.pair else len(chosen) == 1 or not operation.single
            action.setEnabled(able and any(operation.applies(record) for record in chosen))
        for part in self._need_engine:
            part.setEnabled(self._known and self.target.connection.connected)


def _choice(name: str) -> QComboBox:
    """A choice that is not offered yet."""
    made = QComboBox()
    made.setAccessibleName(name)
    made.hide()
    return made
