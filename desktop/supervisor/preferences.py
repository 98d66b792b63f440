"""The settings on the supervisor's side: checked, written, and carried out where they reach beyond the file."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from desktop.control.schema import Note, SettingsReport
from desktop.settings import shares
from desktop.settings.changes import with_values
from desktop.settings.schema import Applies, Settings, SettingsError, applies, changed, field
from desktop.system import Launch, system
from engine.linux import ENGINE_ROOTFS
from vm.errors import LinkError
from vm.state import MachineState

if TYPE_CHECKING:  # the supervisor makes the preferences, which work on the supervisor
    from desktop.supervisor.app import Supervisor

log = logging.getLogger(__name__)

VALIDATE_SECONDS = 60.0
"""For ``dockerd --validate`` in the machine; under emulation it takes one or two."""

VALIDATE = "cat >{file} && dockerd --validate --config-file={file} 2>&1; code=$?; rm -f {file}; exit $code"
PREAMBLE = re.compile(r"^.*? with file \S+: (merged configuration validation .*? failed: )?")
DRAFT = "/run/slipway/daemon.draft.json"


class Preferences:
    """Works on the parts the supervisor put together."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._store = supervisor.store
        self._machine = supervisor.machine
        self._host = supervisor.host

    def report(self) -> SettingsReport:
        """All there is to know about the settings.

        :raise SettingsError: the file cannot be understood.
        """
        stored = self._store.load()
        return SettingsReport(
            stored.to_json(),
            self._resolved(stored).to_json(),
            self._resolved(Settings()).to_json(),
            self._host.cpu_count,
            self._host.memory_mib,
            system().no_menu,
        )

    async def change(self, changes: Mapping[str, str]) -> Note:
        """Set some settings, all or none; the whole is checked, also against this computer and by dockerd.

        :raise SettingsError: one is refused, with the reason; nothing has changed.
        """
        before = self._store.load()
        after = with_values(before, changes)
        self._resolved(after)
        await asyncio.to_thread(
            _require_folders, [path for path in after.shared_folders if path not in before.shared_folders]
        )
        if after.daemon != before.daemon:
            await self._ask_dockerd(after.daemon)
        names = changed(before, after)
        if "disk_gib" in names and self._supervisor.paths.data_disk.exists():
            await self._supervisor.upkeep.grow_disk(after.disk_gib)
        if "start_at_login" in {path.partition(".")[0] for path in changes}:
            await asyncio.to_thread(self.set_login, after.start_at_login)
        self._store.save(after)
        self._supervisor.take_up(after)
        told = sorted(names or {path.partition(".")[0] for path in changes})
        verb = ("is" if len(told) == 1 else "are") + (" set" if names else " as before")
        restart = applies(names) is Applies.RESTART and self._supervisor.in_use
        return Note(f"{', '.join(told)} {verb}", restart)

    def set_login(self, wanted: bool) -> None:
        """Have Slipway started at login, or see that nothing is left which does.

        :raise HostError: the desktop's own list cannot be written.
        """
        system().start_at_login(Launch.of(self._supervisor.paths, background=True), wanted)

    def set_menu(self, wanted: bool) -> Note:
        """Put Slipway into the desktop's menu, or take it away, where that is not the installer's business.

        :raise HostError: it cannot be written.
        """
        if system().no_menu:
            return Note(system().no_menu)
        launch = Launch.of(self._supervisor.paths)
        if wanted:
            entry, *_ = system().add_to_menu(launch)
            return Note(f"Slipway is among the applications ({entry})")
        removed = system().remove_from_menu(launch)
        return Note("Slipway is not among the applications " + ("any more" if removed else "anyway"))

    def _resolved(self, settings: Settings) -> Settings:
        return settings.resolved(self._host.cpu_count, self._host.memory_mib)

    async def _ask_dockerd(self, daemon: Mapping[str, Any]) -> None:
        """Have the machine's own dockerd look at what its daemon.json would be, if it runs.

        :raise SettingsError: it would not start with that.
        """
        if self._machine.state is not MachineState.RUNNING:
            return
        command = VALIDATE.format(file=shlex.quote(DRAFT))
        text = json.dumps(merged(daemon)).encode()
        try:
            told = await self._machine.link.run(command, input=text, timeout=VALIDATE_SECONDS)
        except LinkError as error:  # it may be this very setting that is to mend it
            log.warning("dockerd could not be asked about its settings: %s", error.message)
            return
        if told.exit_code != 0:
            output = (told.stdout + told.stderr).decode(errors="replace").strip()
            raise SettingsError(
                f"dockerd refuses these settings: {reason(output)}", "Nothing was changed.", output
            )


def merged(daemon: Mapping[str, Any]) -> dict[str, Any]:
    """The daemon.json that the machine is given: the image's own with the user's additions."""
    defaults = json.loads((ENGINE_ROOTFS / "etc" / "docker" / "daemon.json").read_text("utf-8"))
    return {**defaults, **daemon}


def reason(output: str) -> str:
    """The last thing ``dockerd --validate`` says, without its preamble."""
    last = output.splitlines()[-1] if output else "it does not say why"
    return PREAMBLE.sub("", last)


def _require_folders(paths: Sequence[str]) -> None:
    problem = shares.missing(paths)
    if problem is not None:
        raise field("shared_folders").error(problem)
