"""The engine of Windows containers: Moby's dockerd.exe as a service of Windows, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path

from desktop.control.schema import EngineState, RunState
from desktop.windows_engine.places import SERVICE
from engine.backends.features import Features
from engine.backends.native import NativeEngine
from vm.errors import HostError, NotSetUp
from vm.host import Host
from vm.host.paths import DEFAULT_PIPE, PIPES, WINDOWS_ENGINE, Paths, docker_address, windows_engine_program
from vm.services.process import ProcessService
from vm.services.state import Service, ServiceState
from vm.services.windows import WindowsService

NAME, TITLE = "windows", "Windows containers"
FEATURES = Features(containers="windows", guest=False, pause=False, place="Windows engine")

OTHER = "docker"
"""The service of Docker CE and of Mirantis Container Runtime; it has docker's default pipe."""

PIPE = Path(f"{PIPES}docker_slipway_windows")
"""Where the service listens, whoever uses it."""

HINT = "Windows containers run on Windows 10 and 11 Pro, Enterprise and Education, and on Windows Server."


class WindowsEngine(NativeEngine):
    """The service, or a program in its place.

    :param os: what it has to say of itself; empty: whatever it likes.
    """

    def __init__(self, service: Service, address: Path, host: Host, os: str) -> None:
        super().__init__(NAME, FEATURES, service, address, host)
        self.service = service
        self.os = os

    async def require(self) -> None:
        """See that it is set up. :raise NotSetUp: it is not.    :raise HostError: it cannot be looked at."""
        if (state := await self.service.state()) is not ServiceState.ABSENT:
            await self._require_usable(state)
            return
        hint = "Set them up, for which you need an administrator once: slipway engine setup"
        if isinstance(self.service, WindowsService) and self.service.name == OTHER:
            raise HostError(f"{self.service.title} is not there", "slipway settings set windows_service slipway")
        if self.os == NAME and await WindowsService(OTHER).state() is not ServiceState.ABSENT:
            hint += (
                f". Or use the service “{OTHER}” that this computer has: "
                f"slipway settings set windows_service {OTHER} && slipway stop"
            )
        raise NotSetUp("Windows containers are not set up on this computer", hint)

    async def _require_usable(self, state: ServiceState) -> None:
        """The setup enables the service last, for the user who runs it."""
        service = self.service
        if not isinstance(service, WindowsService) or service.name != SERVICE:
            return
        if state is ServiceState.STOPPED and await service.disabled():
            raise NotSetUp(
                f"{service.title} is disabled, as an interrupted setup leaves it",
                "Complete it: slipway engine setup",
            )
        if not await service.may_start():
            raise NotSetUp(
                f"{service.title} is another user's, who has set it up",
                "Let the setup add you, for which you need an administrator once: slipway engine setup",
            )


def windows_engine(paths: Paths, host: Host, service: str) -> WindowsEngine | None:
    """The engine of Windows containers; None where there can be none.

    :param service: as the setting ``windows_service`` has it.
    :raise HostError: the variable for a program in its place is no command line.
    """
    if line := windows_engine_program():
        argv = command_line(line, paths.windows_socket)
        program = ProcessService(argv, paths.engine_process, paths.engine_log, host)
        return WindowsEngine(program, paths.windows_socket, host, "")
    if host.no_windows_containers:
        return None
    if service == OTHER:
        return WindowsEngine(WindowsService(OTHER), DEFAULT_PIPE, host, NAME)
    return WindowsEngine(WindowsService(SERVICE), PIPE, host, NAME)


def command_line(line: str, socket: Path) -> list[str]:
    """The arguments in :data:`WINDOWS_ENGINE`. :raise HostError: it is no list of words."""
    try:
        words = json.loads(line)
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise HostError(f"The variable {WINDOWS_ENGINE} must be a JSON list of words, the program first", "", line)
    return [word.replace("{socket}", str(socket)).replace("{address}", docker_address(socket)) for word in words]


def absent(host: Host) -> EngineState:
    """What is reported where there can be none."""
    return EngineState(
        NAME, TITLE, "windows", RunState.STOPPED, "Not available", obstacle=host.no_windows_containers, hint=HINT
    )
