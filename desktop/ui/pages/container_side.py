"""What the panel beside the list says of a container or a project: facts with links, and what it prints."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from desktop.ui.context import Context
from desktop.ui.models.containers import PROJECT, Line, port_text
from desktop.ui.models.facts import Described, Fact
from desktop.ui.models.format import age, binary_size, short_id
from desktop.ui.models.volumes import volume_rows
from desktop.ui.pages.log import ContainerLogs, Source
from desktop.ui.pages.volume import VolumePage

SETTLE_MS = 150
"""Until a log is fetched: the arrow keys pass many rows."""

PORTS, VOLUMES, CONTAINERS = "Ports", "Volumes", "Containers"


def describe(line: Line) -> Described:
    """A container, or a project."""
    usage = line.usage
    load = f"{usage.cpu:.1f} % CPU, {binary_size(usage.memory)}" if usage else ""
    ports = Fact(PORTS, links=tuple(port_text(port) for port in line.ports))
    if line.group:
        members = Fact(CONTAINERS, links=tuple(item.name for item in line.containers))
        return Described(line.name, line.status, (members, ports, Fact("Uses", load)))
    item = line.containers[0]
    binds = (mount for mount in item.mounts if mount.get("Type") == "bind")
    facts = (
        Fact("Image", item.image),
        ports,
        Fact(VOLUMES, links=volumes(line)),
        Fact("Folders", ", ".join(f"{bind.get('Source')} → {bind.get('Destination')}" for bind in binds)),
        Fact("Networks", ", ".join(item.networks)),
        Fact("Project", item.labels.get(PROJECT, "")),
        Fact("Uses", load),
        Fact("Command", item.command),
        Fact("Created", age(item.created)),
        Fact("ID", short_id(item.id)),
    )
    return Described(line.name, line.status, facts)


def volumes(line: Line) -> tuple[str, ...]:
    """The names of the volumes that a container mounts."""
    mounts = (mount for item in line.containers for mount in item.mounts if mount.get("Type") == "volume")
    return tuple(dict.fromkeys(str(mount.get("Name")) for mount in mounts))


def show_volume(context: Context, name: str) -> None:
    """Show the page of the volume with this name, if there is one."""
    rows = volume_rows(context.lists.volumes.items, context.lists.containers.items, context.view.origin)
    found = next((row.record for row in rows if row.record.volume.name == name), None)
    if found is not None:
        context.places.show_page(VolumePage(context, found))


class SideLog(ContainerLogs):
    """What is printed, without tools: those are on the page."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Log of the selected container")
        self._of = context
        self._wanted_sources: tuple[Source, ...] = ()
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(lambda: self.show_logs(self._wanted_sources))
        tools: tuple[QWidget, ...] = (self.search, self.regex, self.only, self.previous, self.next, self.found)
        for part in (*tools, self.range, self.level, self.times, self.wrap, self.follow, self.menu_button):
            part.hide()
        self.times.setChecked(False)
        self._columns_changed()
        self.wrap.setChecked(True)
        self._wrap_changed()

    def follow_lines(self, lines: list[Line]) -> None:
        """Follow what these print."""
        found = tuple(
            Source(self._of.at(line), item.id, item.name)
            for line in lines
            for item in line.containers
            if not line.is_new
        )
        if found != self._wanted_sources:
            self._wanted_sources = found
            self.follow.setChecked(True)
            self._settle.start()
