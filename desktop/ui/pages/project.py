"""One compose project: what its containers print, as one log; what they use together; and the containers."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models import containers as model
from desktop.ui.models.containers import Line, line, project_line
from desktop.ui.models.records import Row
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.container_operations import operations
from desktop.ui.pages.detail import AWAY, DetailPage
from desktop.ui.pages.log import ContainerLogs, Source
from desktop.ui.pages.stats import StatsPanel
from desktop.ui.widgets.basics import tool
from desktop.ui.widgets.listpage import Operation
from desktop.ui.widgets.periodic_refresh import PeriodicRefresh
from desktop.ui.widgets.table import Table

COLUMNS = tuple(
    model.COLUMNS[number] for number in (model.NAME, model.IMAGE, model.STATUS, model.PORTS, model.CREATED)
)


class ProjectPage(DetailPage):
    """The page of one project."""

    def __init__(self, context: Context, project: str, tab: str = "logs") -> None:
        super().__init__(context, "containers", "Back to containers")
        self.project = project
        self.heading.set_full(project)
        self.line: Line | None = None
        self.operations = [(item, self._button(item)) for item in operations(self, context)]
        self.add_tab("logs", "Logs", lambda: ProjectLogs(context, project))
        self.add_tab("stats", "Stats", lambda: StatsPanel(context, self._keys))
        self.add_tab("containers", "Containers", lambda: MembersPanel(context, project))
        context.lists.containers.changed.connect(self._refresh)
        context.lists.busy.changed.connect(self._refresh)
        PeriodicRefresh(self, context.lists.containers.refresh_known)
        self._refresh()
        self.show_tab(tab)

    def _button(self, operation: Operation) -> QWidget:
        made = tool(operation.picture, operation.text, lambda: self._run(operation), framed=True)
        self.actions_row.addWidget(made)
        return made

    def _run(self, operation: Operation) -> None:
        if self.line is not None:
            operation.run([self.line])

    def _keys(self) -> list[str]:
        return [item.containers[0].id for item in lines_of(self.context, self.project)]

    def _refresh(self) -> None:
        members = lines_of(self.context, self.project)
        self.line = project_line(self.project, members) if members else None
        if self.line is None:
            self.state.set_full("Removed" if self.context.lists.containers.known else AWAY)
        else:
            self.state.set_full(self.line.status)
        paused = self.line is not None and any(item.state == "paused" for item in self.line.containers)
        for operation, made in self.operations:
            made.setEnabled(self.line is not None and operation.applies(self.line))
            if operation.name in ("pause", "unpause"):  # one place for both
                made.setVisible((operation.name == "unpause") == paused)


class ProjectLogs(ContainerLogs):
    """The logs of a project's containers, those that have ended too."""

    def __init__(self, context: Context, project: str) -> None:
        super().__init__(context, "The project's logs", context.view.origin.key(f"project {project}"))
        self._of, self._project = context, project
        context.lists.containers.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        found = [item.containers[0] for item in lines_of(self._of, self._project)]
        if found:  # otherwise the engine is away, or all are removed: their lines stay
            self.show_logs([Source(self._of, item.id, item.name) for item in found])


class MembersPanel(QWidget):
    """A project's containers; one opens its page."""

    def __init__(self, context: Context, project: str) -> None:
        super().__init__()
        self._context, self._project = context, project
        self.table = Table(COLUMNS, "Containers of the project")
        self.table.delegate.dots[0] = lambda item: item.colour
        self.table.delegate.quiet.update((1, 2, 4))
        self.table.opened.connect(self._open)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.table)
        self.setFocusProxy(self.table)
        context.lists.containers.changed.connect(self.refresh)
        context.lists.busy.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show those of now."""
        lines = lines_of(self._context, self._project)
        self.table.records.update_rows([Row(item.containers[0].id, item) for item in lines])

    def _open(self, found: Row) -> None:
        self._context.places.show_page(ContainerPage(self._context, found.record.containers[0]))


def lines_of(context: Context, project: str) -> list[Line]:
    """The containers of a project, by name."""
    doing = context.lists.busy.now()
    found = [item for item in context.lists.containers.items if item.labels.get(model.PROJECT) == project]
    made = [line(item, origin=context.view.origin, doing=doing.get(item.id)) for item in found]
    return sorted(made, key=lambda item: item.name)
