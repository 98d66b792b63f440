"""One volume: its files, the containers that use it, and the engine's description."""

from __future__ import annotations

from desktop.ui.context import Context
from desktop.ui.models.volumes import VolumeLine, volume_rows
from desktop.ui.pages.detail import DetailPage, InspectPanel
from desktop.ui.pages.files import FilesPanel
from engine.client.files import Volume

OPENING = "Opening the volume …"


class VolumePage(DetailPage):
    """The page of one volume."""

    def __init__(self, context: Context, line: VolumeLine) -> None:
        super().__init__(context, "volumes", "Back to volumes")
        self._name = name = line.volume.name
        self.heading.set_full(name)
        engine = context.engine
        self.add_tab("files", "Files", lambda: FilesPanel(context, Volume(engine, name), OPENING))
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

    def _refresh(self) -> None:
        lists = self.context.lists
        if not lists.volumes.known:
            return
        rows = volume_rows(lists.volumes.items, lists.containers.items)
        mine = next((row.record for row in rows if row.record.volume.name == self._name), None)
        if mine is None:
            self.state.set_full("Removed")
            self.tabs.setEnabled(False)
        else:
            self.state.set_full(f"In use by {', '.join(mine.users)}" if mine.users else "Not used")
