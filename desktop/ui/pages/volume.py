"""One volume: its files, the containers that use it, and the engine's description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QToolButton

from desktop.ui.context import Context
from desktop.ui.models.volumes import VolumeLine, volume_rows
from desktop.ui.pages.detail import DetailPage, InspectPanel
from desktop.ui.pages.files import FilesPanel
from desktop.ui.widgets.basics import tool
from engine.client.volume_files import VolumeFiles

OPENING = "Opening the volume …"


class VolumePage(DetailPage):
    """The page of one volume."""

    def __init__(self, context: Context, line: VolumeLine) -> None:
        super().__init__(context, "volumes", "Back to volumes")
        self.line, self.offered = line, list[QToolButton]()
        self._name = name = line.volume.name
        self.heading.set_full(name)
        engine = context.engine
        self.add_tab("files", "Files", lambda: FilesPanel(context, VolumeFiles(engine, name), OPENING))
        self.add_tab(
            "inspect",
            "Inspect",
            lambda: InspectPanel(
                context, lambda engine: engine.volumes.inspect(name), lambda event: event.actor == name
            ),
        )
        for found in (context.lists.volumes, context.lists.containers):
            found.changed.connect(self._refresh)
        self._refresh()
        self.show_tab("files")

    def offer(self, text: str, picture: str, run: Callable[[list[VolumeLine]], object]) -> None:
        """Add an operation on the volume; it gets it as it is then."""
        made = tool(picture, text, lambda: run([self.line]), framed=True)
        self.actions_row.addWidget(made)
        self.offered.append(made)

    def show_files_of(self, name: str) -> None:
        """The files of a volume have changed."""
        panel = self.tab("files")
        if name == self._name and isinstance(panel, FilesPanel):
            panel.refresh()

    def _refresh(self) -> None:
        lists = self.context.lists
        if not lists.volumes.known:
            return
        rows = volume_rows(lists.volumes.items, lists.containers.items, self.context.view.origin)
        mine = next((row.record for row in rows if row.record.volume.name == self._name), None)
        for made in self.offered:
            made.setEnabled(mine is not None)
        if mine is None:
            self.state.set_full("Removed")
            self.tabs.setEnabled(False)
        else:
            self.line = replace(mine, size=self.line.size)
            self.state.set_full(f"In use by {', '.join(mine.users)}" if mine.users else "Not used")
