"""The stand-in's settings, which are real ones: their file, the start at login and the desktop's menu."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from desktop.control.schema import Note, SettingsReport
from desktop.settings.schema import NEEDS_RESTART, Settings, SettingsError, with_values
from desktop.settings.store import SettingsStore
from desktop.system import Launch, system
from vm.errors import MachineError
from vm.host import Host
from vm.host.paths import Paths


class FakeSettings:
    """The settings, changed without a machine to ask.

    :param changed: called after a change.    :ivar running: says whether a change may need a restart.
    """

    def __init__(self, paths: Paths, host: Host, changed: Callable[[], None]) -> None:
        self._paths = paths
        self._store = SettingsStore(paths.settings)
        self._changed = changed
        self.host = host
        self.running: Callable[[], bool] = lambda: False

    def stored(self) -> Settings:
        """As they were set."""
        return self._store.load()

    def resolved(self) -> Settings:
        """With this host's defaults filled in."""
        return self._resolve(self._store.load())

    def values(self) -> dict[str, Any]:
        """All of them by name."""
        return self.resolved().to_json()

    def report(self) -> SettingsReport:
        """The settings, for a form."""
        stored = self._store.load()
        return SettingsReport(
            stored.to_json(),
            self._resolve(stored).to_json(),
            self._resolve(Settings()).to_json(),
            self.host.cpu_count,
            self.host.memory_mib,
            system().no_menu,
        )

    def change(self, changes: Mapping[str, str]) -> Note:
        """Set some, all or none."""
        before = self._store.load()
        after = with_values(before, changes)
        for path in set(after.shared_folders) - set(before.shared_folders):
            if not Path(path).is_dir():
                raise SettingsError(f"shared_folders: “{path}” does not exist", "Make the folder first.")
        if self._resolve(after).disk_gib < self._resolve(before).disk_gib:
            raise MachineError("The data disk cannot shrink", "Choose a larger size.")
        names = {path.partition(".")[0] for path in changes}
        if "start_at_login" in names:
            self._start_at_login(after.start_at_login)
        self._store.save(after)
        self._changed()
        changed = {name for name in names if getattr(before, name) != getattr(after, name)}
        return Note(f"{', '.join(sorted(names))} set", self.running() and bool(NEEDS_RESTART & changed))

    def forget(self) -> None:
        """Set everything back to its default."""
        self._start_at_login(False)
        self._paths.settings.unlink(missing_ok=True)
        self._changed()

    def set_menu(self, wanted: bool) -> Note:
        """Be in the desktop's menu, or not."""
        if system().no_menu:
            return Note(system().no_menu)
        launch = Launch.of(self._paths)
        if wanted:
            entry, *_ = system().add_to_menu(launch)
            return Note(f"Slipway is among the applications ({entry})")
        system().remove_from_menu(launch)
        return Note("Slipway is not among the applications any more")

    def _resolve(self, settings: Settings) -> Settings:
        return settings.resolved(self.host.cpu_count, self.host.memory_mib)

    def _start_at_login(self, wanted: bool) -> None:
        system().start_at_login(Launch.of(self._paths, background=True), wanted)
