"""The daemon.json of the engine for Windows containers, where the service is Slipway's own.

It lies where only administrators write. So a change is checked here, then an administrator's process takes it
over, for which Windows asks the user (desktop/windows_engine/manage.py).
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from desktop.control.schema import Note
from desktop.settings.fields import SettingsError
from desktop.settings.validation import reason
from desktop.supervisor.context import Change
from desktop.supervisor.engines.windows import HINT, OTHER, WindowsEngine
from desktop.windows_engine import manage
from desktop.windows_engine.commands import run
from vm.errors import UserError
from vm.host import Host
from vm.host.paths import WINDOWS_ENGINE, bundled_docker
from vm.services.state import ServiceState
from vm.services.windows import WindowsService

log = logging.getLogger(__name__)

NAME = "windows_daemon"
"""The setting."""

CHECK_SECONDS = 30.0
"""For ``dockerd.exe --validate``."""

Apply = Callable[[Mapping[str, Any]], None]


class WindowsSettings:
    """An effect of settings (:class:`desktop.supervisor.settings.Effect`).

    :param engine: None where there can be none.    :param apply: has an administrator apply them; blocks.
    """

    def __init__(self, host: Host, engine: WindowsEngine | None, apply: Apply = manage.configure) -> None:
        self._host = host
        self._engine = engine
        self._administrator = apply
        self._applied = False

    async def obstacle(self) -> str:
        """Why these settings are not used now; empty where they are.

        :raise HostError: the service cannot be looked at.
        """
        if self._engine is None:
            return f"{self._host.no_windows_containers}. {HINT}"
        service = self._engine.service
        if not isinstance(service, WindowsService):
            return f"The variable {WINDOWS_ENGINE} names a program in the place of the service"
        if service.name == OTHER:
            return f"The service “{OTHER}” of another installation is used, which has a daemon.json of its own"
        if await service.state() is ServiceState.ABSENT:
            return "They are used once Windows containers are set up"
        return ""

    async def apply(self, change: Change) -> None:
        """Have Windows' dockerd look at them, then an administrator's process use them.

        The engine restarts with them if it runs.

        :raise SettingsError: dockerd would not start with them.
        :raise HostError: that was refused, or the engine does not start with them; the old ones count.
        """
        self._applied = False
        if NAME not in change.names:
            return
        if (program := bundled_docker() / "dockerd.exe").is_file():
            await asyncio.to_thread(_require_valid, program, change.after.windows_daemon)
        if self._engine is not None and not await self.obstacle():
            async with self._engine.held():
                await asyncio.to_thread(self._administrator, change.after.windows_daemon)
            self._applied = True

    async def revert(self, change: Change) -> None:
        """Have the old ones used again, if the new ones were."""
        if self._applied and self._engine is not None:
            try:
                async with self._engine.held():
                    await asyncio.to_thread(self._administrator, change.before.windows_daemon)
            except UserError as error:
                log.error("the engine for Windows containers keeps its new settings: %s", error.message)

    async def noted(self, note: Note, change: Change) -> Note:
        """The outcome of a change, with why it has no effect yet."""
        if NAME in change.names and (why := await self.obstacle()):
            return replace(note, text=f"{note.text}. {why}")
        return note


def _require_valid(program: Path, settings: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        file = Path(folder) / "daemon.json"
        file.write_text(json.dumps(dict(settings)), encoding="utf-8")
        try:
            code, said = run(str(program), "--validate", "--config-file", str(file), seconds=CHECK_SECONDS)
        except OSError as error:  # the administrator's process asks again
            log.warning("dockerd.exe could not check its settings: %r", error)
            return
    if code != 0:
        said = said.strip()
        raise SettingsError(
            f"dockerd refuses these settings: {reason(said)}", "Nothing was changed.", said, path=NAME
        )
