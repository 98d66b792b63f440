"""daemon.json of the engine: what Slipway needs, what the settings say, what an administrator has added by hand.

The file lies where only administrators write, so this runs as one. ``dockerd.exe --validate`` looks at a new file
before it takes the place of the old one, which comes back when the engine does not start with the new one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desktop.settings.windows_daemon import windows_problems
from desktop.windows_engine.commands import Commands
from desktop.windows_engine.files import told
from desktop.windows_engine.places import ADDRESS, GROUP, Places
from desktop.windows_engine.record import Changed
from vm.errors import HostError
from vm.files import write_atomically
from vm.services.state import Service, ServiceState


class Configuration:
    """:param service: the engine's, by which it is restarted."""

    def __init__(self, places: Places, commands: Commands, service: Service) -> None:
        self._places = places
        self._commands = commands
        self._service = service

    @property
    def _path(self) -> Path:
        return Path(self._places.configuration)

    def make(self, settings: Mapping[str, Any], changed: Changed) -> None:
        """Write it for the setup, which starts nothing.

        :raise HostError: dockerd refuses the settings, or the file cannot be understood or written.
        """
        owned = {
            "hosts": [ADDRESS],
            "data-root": str(self._places.data_root),
            "exec-root": str(self._places.data / "exec"),
            "pidfile": str(self._places.data / "docker.pid"),  # docker's own is another engine's
            # who is new in a group is in it after the next login only
            "group": ",".join((GROUP, *changed.users.values())),
        }
        self._replace({**self._others(changed), **settings, **owned}, settings, changed)

    def change(self, settings: Mapping[str, Any], changed: Changed) -> None:
        """Use other settings from now on; an engine that runs is restarted.

        :raise HostError: dockerd refuses them, or does not start with them; the old ones count.
        """
        if asyncio.run(self._service.state()) is ServiceState.ABSENT:
            raise HostError("Windows containers are not set up on this computer", "slipway engine setup")
        before, keys = self._path.read_bytes() if self._path.exists() else b"{}", list(changed.keys)
        self._replace({**self._others(changed), **settings}, settings, changed)
        try:
            asyncio.run(self._restart())
        except HostError as error:
            with told(f"{self._path} cannot be written"):
                write_atomically(self._path, before)
            changed.keys = keys
            self._record(changed)
            message = (
                f"The engine does not start with these settings, and has the old ones again{self._start_again()}"
            )
            raise HostError(
                f"{message}: {error.message}",
                error.hint,
                error.detail,
            ) from error

    def _start_again(self) -> str:
        """With the old settings; what is to be added to the message."""
        try:
            asyncio.run(self._service.start())
        except HostError as error:
            return f", with which it does not start either ({error.message})"
        return ""

    async def _restart(self) -> None:
        if await self._service.state() is not ServiceState.STOPPED:
            await self._service.stop()
            await self._service.start()

    def _others(self, changed: Changed) -> dict[str, Any]:
        """What the file has besides what came from the settings. :raise HostError: it cannot be understood."""
        try:
            kept = json.loads(self._path.read_bytes()) if self._path.exists() else {}
            if not isinstance(kept, dict):
                raise ValueError("it is no object")
        except (OSError, ValueError) as error:
            raise HostError(
                f"{self._path} cannot be understood", "Have an administrator fix or delete it.", str(error)
            ) from error
        return {key: value for key, value in kept.items() if key not in changed.keys}

    def _replace(self, values: Mapping[str, Any], settings: Mapping[str, Any], changed: Changed) -> None:
        """Write the file, once dockerd has said that it would start with it."""
        for problem in windows_problems(settings):
            raise HostError(f"{problem.below or 'daemon.json'} {problem.why}", problem.hint)
        draft = Path(self._places.data / "daemon.new.json")
        text = (json.dumps(values, indent=2) + "\n").encode()
        try:
            with told(f"{draft} cannot be written"):
                write_atomically(draft, text)
            self._commands.need_valid(str(self._places.program), str(draft))
            changed.keys = sorted({*changed.keys, *settings})
            self._record(changed)
            with told(f"{self._path} cannot be written"):
                draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)
        changed.keys = sorted(settings)
        self._record(changed)

    def _record(self, changed: Changed) -> None:
        with told(f"{self._places.record} cannot be written"):
            changed.write(Path(self._places.record))
