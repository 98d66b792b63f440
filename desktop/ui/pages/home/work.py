"""What the user works on: what failed, projects and running containers with their ports; and the newest images."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.deferred import deferred
from desktop.ui.models import images as image_model
from desktop.ui.models import work as model
from desktop.ui.models.containers import PROJECT, line, port_address
from desktop.ui.models.records import Row
from desktop.ui.theme import ROW_HEIGHT
from desktop.ui.widgets.basics import card, fill, label, link, local_key, row
from desktop.ui.widgets.table import Table

project_page, container_page = deferred("pages.project:ProjectPage"), deferred("pages.container:ContainerPage")

ROWS, IMAGE_ROWS = 6, model.NEWEST
"""The height of the lists, whatever is in them: nothing jumps while they are fetched."""


class HomeTable(Table):
    """A short list without a header, in the order in which it is given."""

    def __init__(self, columns: Any, name: str, rows: int) -> None:
        super().__init__(columns, name)
        self.setSortingEnabled(False)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.records.sort(-1)
        self.header().hide()
        self.setObjectName("flat")
        self.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.setFixedHeight(rows * ROW_HEIGHT + 2)


class WorkCard(QWidget):
    """Containers and projects."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._memory: dict[str, tuple[str, bool]] = {}
        self.title, self.count = label("", "section"), label("", "muted")
        self.table = HomeTable(model.COLUMNS, "Running, and what failed", ROWS)
        self.table.delegate.dots[model.NAME] = lambda work: "failed" if work.failed else work.line.colour
        self.table.delegate.links.add(model.PORTS)
        self.table.delegate.chips.add(model.PORTS)
        self.table.delegate.quiet.add(model.WHAT)
        self.table.opened.connect(self._open)
        self.table.linked.connect(self._open_port)
        local_key(self.table, "Ctrl+O", self._open_first_port)
        self.note = label("", "muted", wrap=True)
        self.run = link("Run a container…", lambda: context.places.show_place("containers", "run"))
        empty = QWidget()
        fill(QVBoxLayout(empty), None, row(None, self.note, None), row(None, self.run, None), None)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(empty)
        self.stack.setFixedHeight(self.table.height())
        every = link("All containers", lambda: context.places.show_place("containers"))
        fill(QVBoxLayout(self), card(row(self.title, self.count, None, every), self.stack))
        for one in context.both:
            one.lists.containers.changed.connect(self.refresh)
            one.lists.busy.changed.connect(self.refresh)
        context.view.exchanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show those of now."""
        lines, projects, known = [], dict[str, str](), False
        for one in self._context.both:
            doing = one.lists.busy.now()
            known = known or one.lists.containers.known
            for item in one.lists.containers.items:
                lines.append(line(item, origin=one.view.origin, doing=doing.get(item.id)))
                projects[item.id] = item.labels.get(PROJECT, "")
        self.title.setText(titled("Containers", self._context))
        self._ask_memory(model.failed(lines))
        memory = [key for key, (_, out) in self._memory.items() if out]
        rows = model.work_rows(lines, projects, memory)
        before = {found.key: found for found in self.table.records.rows()}
        rows = [old if (old := before.get(new.key)) and old.record == new.record else new for new in rows]
        self.table.records.update_rows(rows)
        running = sum(item.state == "running" for item in lines)
        self.count.setText(f"{running} of {len(lines)} running" if known else "")
        self.note.setText("No container is running." if known else "Containers are shown when the engine runs.")
        self.run.setVisible(known)
        self.stack.setCurrentIndex(0 if rows else 1)

    def _ask_memory(self, failed: list[Any]) -> None:
        """Ask of each that was killed whether memory had run out: the list does not say so."""
        for found in failed:
            key, status = found.containers[0].id, found.status.partition(")")[0]
            if self._memory.get(key, ("", False))[0] != status:
                self._memory[key] = status, False
                context = self._context.at(found)
                context.session.bridge.call(
                    context.engine.containers.inspect(key), self._take_inspection, lambda _: None, owner=self
                )

    def _take_inspection(self, values: dict[str, Any]) -> None:
        if (values.get("State") or {}).get("OOMKilled"):
            key = str(values.get("Id"))
            self._memory[key] = self._memory.get(key, ("", False))[0], True
            self.refresh()

    def _open(self, found: Row) -> None:
        item = found.record.line
        context = self._context.at(item)
        page = project_page(context, item.name) if item.group else container_page(context, item.containers[0])
        self._context.places.show_page(page)

    def _open_first_port(self) -> None:
        for found in self.table.chosen()[:1]:
            if found.record.line.ports:
                self._open_port(found, model.PORTS, 0)

    def _open_port(self, found: Row, column: int, number: int) -> None:
        item = found.record.line
        port = item.ports[number]
        if port.protocol == "tcp":
            QDesktopServices.openUrl(QUrl(port_address(port, self._context.at(item).connection.host)))


class ImagesCard(QWidget):
    """The newest images."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.table = HomeTable(model.IMAGE_COLUMNS, "Recent images", IMAGE_ROWS)
        self.table.delegate.quiet.update((1, 2))
        self.table.opened.connect(lambda _: context.places.show_place("images"))
        self.title = label("", "section")
        every = link("All images", lambda: context.places.show_place("images"))
        fill(QVBoxLayout(self), card(row(self.title, None, every), self.table, None))
        for one in context.both:
            one.lists.images.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show those of now."""
        self.title.setText(titled("Recent images", self._context))
        rows = []
        for one in self._context.both:
            rows += image_model.rows(one.lists.images.items, (), {}, origin=one.view.origin)
        self.table.records.update_rows(model.newest_rows(found.record for found in rows))


def titled(what: str, context: Context) -> str:
    """A title that says whose they are, unless it is Slipway's own engine."""
    chosen = context.session.chosen
    return what if chosen.own else f"{what} on “{chosen.title}”"
