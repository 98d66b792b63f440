"""Changes of shared folders reach file watchers in containers."""

from __future__ import annotations

from pathlib import Path

from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.parts.base import LinkedPart
from engine.events import EngineEvents
from engine.file_events import FileEventForwarder
from vm.host.paths import Paths


class FileEvents(LinkedPart):
    """Around :class:`engine.file_events.FileEventForwarder`."""

    name = "file events"

    def __init__(self, paths: Paths, settings: CurrentSettings, events: EngineEvents) -> None:
        # what Slipway itself writes, the data disk above all, must not become work for the machine
        ignored: tuple[Path, ...] = (paths.home, paths.cache)
        self._forwarder = FileEventForwarder(events, lambda: settings.get().shares(), tuple(map(str, ignored)))
        super().__init__(self._forwarder)

    def unwatched(self) -> dict[str, str]:
        """Mounted folders whose changes are not all forwarded, and why."""
        return self._forwarder.unwatched
