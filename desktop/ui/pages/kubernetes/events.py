"""Events of the cluster, or of one object."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes import events as model
from desktop.ui.models.kubernetes.meta import Meta, rows
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import label
from desktop.ui.widgets.table import Table
from engine.kubernetes.client.kinds import BY_NAME, EVENTS, Kind

QUIET = (model.SPACE, model.REASON, model.COUNT, model.LAST)


def _colour(item: model.Happened) -> str:
    return "failed" if item.warning else ""


class EventList(ObjectList):
    """The tab with all events, the latest first."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared, "Events", "clock", model.COLUMNS, model.searched)
        self.table.delegate.dots[model.OBJECT] = _colour
        self.table.delegate.quiet.update(QUIET)
        self.table.sortByColumn(model.LAST, Qt.SortOrder.AscendingOrder)
        self.add_filters(("All", lambda item: True), ("Warnings", lambda item: item.warning))
        self.add_common(delete=False)
        self.explain_empty("No events", "The cluster forgets events after an hour.")
        self.watch(EVENTS, model.happened)
        self.refresh()

    def lead_to(self, record: model.Happened) -> None:
        """Show the page of the object that the event is about, if it has one."""
        kind = BY_NAME.get(record.about[0])
        if kind is not None:
            self.shared.find(kind, record.meta.namespace, record.about[1])

    def kind_of(self, record: Any) -> Kind:
        return EVENTS


class EventsPanel(QWidget):
    """The events of one object."""

    def __init__(self, shared: Shared, kind: Kind, meta: Meta) -> None:
        super().__init__()
        self.table = Table(model.COLUMNS, "Events")
        self.table.delegate.dots[model.OBJECT] = _colour
        self.table.delegate.quiet.update(QUIET)
        self.table.sortByColumn(model.LAST, Qt.SortOrder.AscendingOrder)
        self.table.setColumnHidden(model.SPACE, True)
        self.nothing = label("", "muted")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addWidget(self.nothing)
        outer.addWidget(self.table, 1)
        self.setFocusProxy(self.table)
        which = f"involvedObject.name={meta.name},involvedObject.kind={kind.name}"
        self.events = Objects(shared.cluster, self, EVENTS, model.happened, meta.namespace, fieldSelector=which)
        self.events.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known."""
        self.table.records.update_rows(rows(self.events.items.values(), self.table.records.rows()))
        words = "No events. The cluster forgets them after an hour." if self.events.known else "Loading …"
        self.nothing.setText(words)
        self.nothing.setVisible(not self.events.items)
