"""Containers: the live table and its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from desktop.ui.context import Context
from desktop.ui.models import containers as model
from desktop.ui.models.containers import Line
from desktop.ui.models.disk import uses
from desktop.ui.models.facts import Described
from desktop.ui.models.format import size
from desktop.ui.models.lines import compose_file, docker_run
from desktop.ui.models.records import Row
from desktop.ui.models.recreate import Json
from desktop.ui.models.run import name_error
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.container_operations import ALIVE, IDLE, in_state, operations
from desktop.ui.pages.container_side import CONTAINERS, PORTS, VOLUMES, SideLog, describe, show_volume, volumes
from desktop.ui.pages.edit import DuplicateDialog, EditDialog
from desktop.ui.pages.project import ProjectPage
from desktop.ui.pages.run import RunDialog
from desktop.ui.pages.shell import ShellPanel, open_terminal
from desktop.ui.recreate import Original, read
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage, Operation
from desktop.ui.widgets.periodic_refresh import PeriodicRefresh
from engine.client.models import Container

SEARCH_TIP = (
    "Words, or the filters of docker ps: " + ", ".join(f"{name}=…" for name in model.FACETS) + ". All must match."
)


PODS = 3
"""The filter for the containers of pods, which are not in the others."""


class ContainersPage(ListPage):
    """The page with the list of containers."""

    def __init__(self, context: Context) -> None:
        super().__init__(
            context,
            "Containers",
            "containers",
            model.COLUMNS,
            tree=True,
            unfolded=True,
            platform=model.PLATFORM,
        )
        self.table.delegate.dots[model.NAME] = lambda line: line.colour
        self.table.delegate.links.add(model.PORTS)
        self.table.delegate.chips.add(model.PORTS)
        self.table.delegate.quiet.update(
            (model.IMAGE, model.PLATFORM, model.STATUS, model.CREATED, model.CPU, model.MEMORY)
        )
        self.table.delegate.trends.update(model.TRENDS)
        self.table.records.search_in(model.searched)
        self.table.records.facets_in(model.FACETS, model.facets)
        self.search.setToolTip(SEARCH_TIP)
        self.table.opened.connect(self._open_row)
        self.table.delegate.offers[model.STATUS] = _offer
        self.table.linked.connect(self._follow_link)
        self.add_button(button("Run a container…", self.run_dialog, picture="add", primary=True))
        self.commands["run"] = self.run_dialog
        self.add_filters(
            ("All", lambda line: not line.in_pod),
            ("Running", lambda line: not line.in_pod and in_state(line, ALIVE)),
            ("Not running", lambda line: not line.in_pod and in_state(line, IDLE)),
            ("In pods", lambda line: line.in_pod),
            rare=("In pods",),
        )
        self.filters.chosen.connect(self.refresh)
        self.add_operations(*operations(self, context))
        self._offer_more()
        self.log = SideLog(context)
        self.add_side(self.log)
        self.add_prune(self.prune)
        self.explain_empty(
            "No containers yet",
            "Run one from an image, or use “docker run” in a terminal. It appears here at once.",
            button("Run a container…", self.run_dialog, picture="add", primary=True),
        )
        self.follow(self.refresh, lambda lists: lists.containers)
        for one in context.both:
            one.lists.stats.changed.connect(self._refresh_seen)
            one.lists.busy.changed.connect(self.refresh)
            PeriodicRefresh(self, one.lists.containers.refresh_known)
        self.table.scrolled.connect(self._look)
        self.refresh()

    def _offer_more(self) -> None:
        """Add the operations for a single container, or project."""
        one = partial(Operation, single=True)
        self.add_operations(
            one("details", "Open details", "inspect", self._show_page, _is_there, divided=True),
            one("logs", "Show logs", "logs", self._show_page, _is_there, "Ctrl+G", row=True),
            one(
                "terminal",
                "Open a terminal",
                "terminal",
                lambda found: self.terminal(found[0]),
                lambda line: _is_one(line) and line.state == "running",
                "Ctrl+T",
                row=True,
            ),
            one(
                "browse",
                "Open in browser",
                "open",
                lambda found: self._open_port(found[0], 0),
                lambda line: bool(line.ports),
                "Ctrl+O",
            ),
            one("edit", "Edit…", "settings", self._edit, _is_one, "Ctrl+Shift+E", divided=True),
            one("duplicate", "Duplicate…", "copy", self._duplicate, _is_one, "Ctrl+D"),
            one("rename", "Rename…", "tag", self._rename, _is_one, "F2"),
            one("line", "Copy as docker run", "copy", self._copy_line, _is_one),
            one("compose", "Copy as compose file", "copy", self._copy_compose, _is_one),
            one("copy", "Copy ID", "copy", self._copy, _is_one, "Ctrl+C"),
        )

    def counted(self, row: Row) -> Iterable[Line]:
        return (child.record for child in row.children) if row.record.group else (row.record,)

    def refresh(self) -> None:
        """Show the current list."""
        before, rows, items = self.table.records.rows(), list[Row](), list[Container]()
        for one in self.context.both:
            found = one.lists.containers.items
            busy = one.lists.busy
            rows += model.rows([*found, *busy.new], one.lists.stats.latest, before, one.view.origin, busy.now())
            items += [item for item in found if model.is_in_pod(item) == (self.filters.place == PODS)]
        known = self.known(lambda lists: lists.containers)
        self.show_rows(rows, known)
        if known:
            running = sum(item.state == "running" for item in items)
            self.count.setText(f"{running} of {len(items)} running")

    def _refresh_seen(self) -> None:
        if self.isVisible():
            self.refresh()

    def describe(self, record: Line) -> Described:
        return describe(record)

    def fill_side(self, records: list[Line]) -> None:
        self.log.setVisible(len(records) == 1)
        self.log.follow_lines(records if len(records) == 1 else [])

    def follow_fact(self, record: Line, name: str, number: int) -> None:
        context = self.context.at(record)
        if name == PORTS:
            self._open_port(record, number)
        elif name == VOLUMES:
            show_volume(context, volumes(record)[number])
        elif name == CONTAINERS:
            context.places.show_page(ContainerPage(context, record.containers[number]))

    def _look(self) -> None:
        """Say which containers are on the screen."""
        for one in self.context.both:
            lines = (row.record for row in self.table.on_screen() if row.record.origin == one.view.origin)
            seen = (container.id for line in lines for container in line.containers)
            one.lists.stats.show(self, seen if self.isVisible() else ())

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.refresh()
        self._look()

    def hideEvent(self, event: Any) -> None:
        super().hideEvent(event)
        self._look()

    # -- operations -----------------------------------------------------------------------------------------------

    def prune(self) -> None:
        """Ask, naming the containers to remove and the space that frees."""
        target = self.target
        idle = [item for item in target.lists.containers.items if item.state in IDLE]
        if not idle:
            self.context.banners.show_message("info", "Nothing to prune: all containers are running")
            return
        session = self.context.session

        def ask(df: dict[str, Any]) -> None:
            freed = uses(df)["Containers"].reclaimable
            Question(
                self,
                "Prune containers?",
                "These containers are not running. Removing them frees"
                f" {size(freed)}. Files written in them and not in a volume will be lost.",
                "Prune",
                names=[item.name for item in idle],
            ).then(agreed)

        def agreed(_: bool) -> None:
            session.activities.call(
                "Pruning containers",
                target.engine.containers.prune,
                lambda gone: self.context.banners.show_message("done", f"Freed {size(gone.reclaimed)}"),
                engine=target.engine_words,
            )

        session.bridge.call(target.engine.df("container"), ask, self.context.banners.error, owner=self)

    def _rename(self, lines: list[Line]) -> None:
        container, context = lines[0].containers[0], self.context.at(lines[0])
        form = Form(self, f"Rename “{container.name}”", "Rename")
        field = form.field("New name", value=container.name, check=name_error)

        def accepted() -> None:
            new = field.text().strip()

            async def call(engine: Any, key: str) -> None:
                await engine.containers.rename(key, new)

            context.each([(container.id, container.name)], call, "{} could not be renamed", "Renaming")

        form.accepted.connect(accepted)
        form.open()

    def _edit(self, lines: list[Line]) -> None:
        self._with_original(lines[0], lambda context, original: EditDialog(self, context, original).open())

    def _duplicate(self, lines: list[Line]) -> None:
        self._with_original(lines[0], lambda context, original: DuplicateDialog(self, context, original).open())

    def _copy_line(self, lines: list[Line]) -> None:
        self._copy_text(lines[0], docker_run, "docker run line copied")

    def _copy_compose(self, lines: list[Line]) -> None:
        self._copy_text(lines[0], compose_file, "Compose file copied")

    def _copy_text(self, line: Line, text: Callable[[Json, Json], str], said: str) -> None:
        def copy(context: Context, original: Original) -> None:
            QGuiApplication.clipboard().setText(text(original.inspected, original.image))
            context.banners.show_message("done", said)

        self._with_original(line, copy)

    def _with_original(self, line: Line, then: Callable[[Context, Original], object]) -> None:
        """Read all about a container first."""
        context = self.context.at(line)
        context.session.bridge.call(
            read(context.engine, line.containers[0].id),
            lambda original: then(context, original),
            context.banners.error,
            owner=self,
        )

    def _copy(self, lines: list[Line]) -> None:
        QGuiApplication.clipboard().setText(lines[0].containers[0].id)
        self.context.banners.show_message("done", "ID copied")

    def _follow_link(self, found: Row, column: int, number: int) -> None:
        if column == model.PORTS:
            self._open_port(found.record, number)
        else:
            kill = next(operation for operation, _ in self._operations if operation.name == "kill")
            kill.run([found.record])

    def _open_port(self, line: Line, number: int) -> None:
        port = line.ports[number]
        if port.protocol == "tcp":
            QDesktopServices.openUrl(QUrl(model.port_address(port, self.context.at(line).connection.host)))

    # -- elsewhere ------------------------------------------------------------------------------------------------

    def run_dialog(self, image: str = "") -> RunDialog:
        """Open the dialog that runs a container."""
        dialog = RunDialog(self, self.target, image)
        dialog.open()
        return dialog

    def told(self, record: Line) -> tuple[str, str]:
        return record.name, record.status

    def _open_row(self, found: Any) -> None:
        if found.record.is_new:
            return
        if found.record.group:
            place = self.table.currentIndex().siblingAtColumn(0)
            self.table.setExpanded(place, not self.table.isExpanded(place))
        else:
            self.open(found.record)

    def _show_page(self, lines: list[Line]) -> None:
        if lines[0].group:
            self.context.places.show_page(ProjectPage(self.context.at(lines[0]), lines[0].name))
        else:
            self.open(lines[0])

    def open(self, line: Line, tab: str = "logs") -> ContainerPage:
        """Show the page of one container."""
        page = ContainerPage(self.context.at(line), line.containers[0], tab)
        self.context.places.show_page(page)
        return page

    def terminal(self, line: Line) -> ShellPanel:
        """Show a terminal in a container below the pages."""
        container = line.containers[0]
        return open_terminal(self.context.at(line), container.id, container.name)


def _offer(line: Line) -> str:
    return "Kill now" if line.doing is not None and line.doing.is_slow else ""


def _is_there(line: Line) -> bool:
    return not line.is_new


def _is_one(line: Line) -> bool:
    return not line.group and not line.is_new
