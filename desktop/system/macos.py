"""macOS: a launch agent of the user's, launchd.plist(5). The menu is the business of the installer."""

from __future__ import annotations

import plistlib
from pathlib import Path

from desktop.system.base import Launch
from vm.errors import HostError
from vm.files import write_atomically


class MacSystem:
    """A Mac.

    :param agents: the folder of the user's launch agents; tests give another.
    """

    no_menu = "The installer puts Slipway into the Applications folder"

    def __init__(self, agents: Path | None = None) -> None:
        self._agents = agents or Path.home() / "Library" / "LaunchAgents"

    def starts_at_login(self, launch: Launch) -> bool:
        try:
            found = plistlib.loads(self._agent(launch).read_bytes())
        except (FileNotFoundError, plistlib.InvalidFileException):
            return False
        return isinstance(found, dict) and found == self._describe(launch)

    def switched_off(self, launch: Launch) -> str:
        return ""  # launchd's own list of disabled agents is not read

    def start_at_login(self, launch: Launch, wanted: bool) -> None:
        agent = self._agent(launch)
        if not wanted:
            agent.unlink(missing_ok=True)
            return
        try:
            agent.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(agent, plistlib.dumps(self._describe(launch)), 0o644)
        except OSError as error:
            raise HostError(
                f"{agent} cannot be written: {error.strerror}", "Check its folder's owner.", str(error)
            ) from error

    def add_to_menu(self, launch: Launch) -> tuple[Path, ...]:
        raise HostError(self.no_menu)

    def remove_from_menu(self, launch: Launch) -> bool:
        return False

    def _label(self, launch: Launch) -> str:
        return f"org.slipway.{launch.name}"

    def _agent(self, launch: Launch) -> Path:
        return self._agents / f"{self._label(launch)}.plist"

    def _describe(self, launch: Launch) -> dict[str, object]:
        return {
            "Label": self._label(launch),
            "ProgramArguments": list(launch.command),
            "EnvironmentVariables": dict(launch.environment),
            "RunAtLoad": True,
            "LimitLoadToSessionType": "Aqua",
            "ProcessType": "Interactive",
        }
