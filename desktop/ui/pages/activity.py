"""The activity: what runs, and what came of what has ended; with details, cancel, and another try."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from desktop.ui.build_history import BuildHistory
from desktop.ui.context import Context
from desktop.ui.jobs import again
from desktop.ui.models import activity as model
from desktop.ui.models.activity import DOTS, Activity, Kind, State
from desktop.ui.models.build_history import is_past
from desktop.ui.models.builds import Builds
from desktop.ui.models.format import duration
from desktop.ui.models.records import Row
from desktop.ui.models.transfer import Transfer
from desktop.ui.theme import GAP, MARGIN, PAD, ROW_HEIGHT
from desktop.ui.widgets.basics import Elided, SearchField, button, heading, label, row, tool
from desktop.ui.widgets.buildview import BuildView
from desktop.ui.widgets.chips import FilterChips
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.widgets.logview import LogView
from desktop.ui.widgets.progress import LayerBars
from desktop.ui.widgets.table import Table

REFRESH_MS, TICK_MS = 100, 1000
"""After a change, so that those of a burst share it; and while something runs, for its time."""

LEAST_ROWS = 5
"""The header, and four activities."""

FILTERS: tuple[tuple[str, Callable[[Activity], bool]], ...] = (
    ("All", lambda item: True),
    ("Running", lambda item: item.running),
    ("Failed", lambda item: item.state in (State.FAILED, State.BROKEN_OFF)),
    ("Builds", lambda item: item.kind is Kind.BUILD),
)


class ActivityPage(QWidget):
    """The list of activities, with the chosen one below it."""

    def __init__(self, context: Context, back: Callable[[], object]) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.context = context
        self._activities = context.session.activities
        self.details = Details(context)
        self.table = Table(model.COLUMNS, "Activity")
        self.table.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.table.sortByColumn(model.BEGAN, Qt.SortOrder.AscendingOrder)
        self.table.delegate.dots[model.TITLE] = lambda item: DOTS.get(item.state, "")
        self.table.delegate.quiet.update({model.STATE, model.NOTE, model.TOOK, model.BEGAN})
        self.table.records.search_in(lambda item: item.text)
        self.table.chosen_changed.connect(self._show_chosen)
        self.search = SearchField("Search the activity")
        self.search.textChanged.connect(self.table.search)
        self.filters = FilterChips("Filter the activity")
        self.filters.add([name for name, _ in FILTERS])
        self.filters.show()
        self.filters.chosen.connect(lambda place: self.table.records.keep(FILTERS[place][1]))
        self.clear = button("Clear history", self._activities.clear, tip="Removes what has ended from this list")
        self._arrange(back)
        self._soon = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._soon.timeout.connect(self.refresh)
        self._asked: set[str] = set()
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self.table.viewport().update)
        self._activities.changed.connect(self._change)
        self.past = {one: BuildHistory(one, self) for one in context.both}
        for past in self.past.values():
            past.changed.connect(self._change)
        self.setFocusProxy(self.table)
        self.refresh()
        if rows := self.table.visible_rows():
            self.choose(rows[0].key)

    def _arrange(self, back: Callable[[], object]) -> None:
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.setChildrenCollapsible(False)
        parts.setHandleWidth(1)
        parts.addWidget(self.table)
        parts.addWidget(self.details)
        parts.setSizes([260, 240])
        self.table.setMinimumHeight(LEAST_ROWS * ROW_HEIGHT)
        self._stack = QStackedWidget()
        self._stack.addWidget(parts)
        text = "What is pulled, built, started or changed here is listed, with what came of it."
        self._stack.addWidget(EmptyState("activity", "Nothing yet", text))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addLayout(row(tool("back", "Back", back), heading("Activity"), None, self.clear))
        outer.addLayout(row(self.search, self.filters, None))
        outer.addWidget(self._stack, 1)

    def choose(self, key: str) -> None:
        """Choose an activity."""
        self.table.choose(key)
        self.table.scrollTo(self.table.index_of(key))

    def refresh(self) -> None:
        """Show those of now."""
        items = [*self._activities.log.items, *(item for past in self.past.values() for item in past.items())]
        self.table.records.update_rows(Row(item.key, item) for item in items)
        self.filters.show_counts(sum(map(test, items)) for _, test in FILTERS)
        self._stack.setCurrentIndex(0 if items else 1)
        running = any(item.running for item in items)
        if running != self._tick.isActive():
            self._tick.start() if running else self._tick.stop()
        self.clear.setEnabled(any(not item.running for item in self._activities.log.items))
        self._show_chosen()

    def showEvent(self, event: object) -> None:
        self._activities.look()

    def hideEvent(self, event: object) -> None:
        self._activities.look()

    def _change(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _show_chosen(self) -> None:
        chosen = self.table.chosen()
        item: Activity | None = chosen[0].record if chosen else None
        self.details.show_activity(item)
        if item is not None and is_past(item) and not item.running and not item.steps:
            self._ask_steps(item)

    def _ask_steps(self, item: Activity) -> None:
        """Of a build that others have begun."""
        if item.key not in self._asked:
            self._asked.add(item.key)
            past = next(past for past in self.past.values() if item in past.items())
            past.fetch_steps(item, lambda _: self._change())


class Details(QWidget):
    """One activity: how it has ended, why, what was said, and what can be done about it."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._activities = context.session.activities
        self._item: Activity | None = None
        self.title, self.state = Elided("", "section"), Elided("", "muted")
        self.why, self.hint = label("", "", wrap=True, select=True), label("", "muted", wrap=True, select=True)
        self.cancel = button("Cancel", self._cancel)
        self.again = button("Try again", self._again, picture="refresh")
        self.copy = button("Copy details", self._copy, picture="copy")
        self.log, self.build, self.layers = LogView("Output"), BuildView(side_by_side=True), LayerBars()
        self._stack = QStackedWidget()
        for part in (QWidget(), self.log, self.build, self.layers):
            self._stack.addWidget(part)
        head = row(self.cancel, self.again, self.copy)
        top = row()
        top.addWidget(self.title, 1)
        top.addLayout(head)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, PAD, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(top)
        for part in (self.state, self.why, self.hint):
            outer.addWidget(part)
        outer.addWidget(self._stack, 1)

    def show_activity(self, item: Activity | None) -> None:
        """Show one; None: none is chosen."""
        before, self._item = self._item, item
        self.setVisible(item is not None)
        if item is None or item is before:
            return
        self.title.set_full(item.title)
        when = time.strftime("%d %b %H:%M", time.localtime(item.began))
        parts = [item.words, when, duration(item.seconds), item.engine, item.note]
        self.state.set_full("  ·  ".join(part for part in parts if part))
        failure = item.failure
        self.why.setText(failure.message if failure else "")
        self.hint.setText(failure.hint if failure else "")
        for part in (self.why, self.hint):
            part.setVisible(bool(part.text()))
        job = self._activities.job(item.key)
        self.cancel.setVisible(job is not None and job.order.can_be_cancelled)
        self.again.setVisible(again(self._context, item) is not None)
        self.copy.setVisible(not item.running)
        self._show_body(before, item)

    def _show_body(self, before: Activity | None, item: Activity) -> None:
        job = self._activities.job(item.key)
        live = job.reader if job is not None else None
        if isinstance(live, Builds) or item.steps:
            same = before is not None and (before.key, before.running) == (item.key, item.running)
            if not same or (before is not None and before.steps != item.steps):
                self.build.show_builds(live if isinstance(live, Builds) else Builds.of(item.steps, item.ended))
            self.build.refresh()
            self._stack.setCurrentIndex(2)
            return
        if isinstance(live, Transfer):
            self.layers.show_transfer(live)
            self._stack.setCurrentIndex(3)
            return
        detail = item.failure.detail if item.failure else ""
        text = "\n".join(filter(None, (item.output, detail)))
        self.log.clear()
        self.log.append(text)
        self.log.finish()
        self._stack.setCurrentIndex(1 if text else 0)

    def _cancel(self) -> None:
        job = self._activities.job(self._item.key) if self._item is not None else None
        if job is not None:
            job.cancel()

    def _again(self) -> None:
        order = again(self._context, self._item) if self._item is not None else None
        if order is not None:
            self._activities.begin(order)

    def _copy(self) -> None:
        if self._item is not None:
            QGuiApplication.clipboard().setText(self._item.text)
            self._context.banners.show_message("done", "Details copied")
