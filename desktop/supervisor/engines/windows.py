"""The engine of Windows containers: Moby's dockerd.exe as a service of Windows, or why there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from desktop.control.schema import EngineState, RunState
from engine.backends.base import Features
from engine.backends.native import NativeEngine
from vm.errors import HostError
from vm.host import Host
from vm.host.paths import PIPES, Paths, docker_address
from vm.services.process import ProcessService
from vm.services.state import Service, ServiceState
from vm.services.windows import WindowsService

NAME, TITLE = "windows", "Windows containers"
FEATURES = Features(containers="windows", guest=False, pause=False, place="Windows engine")

SERVICE = "SlipwayWindowsEngine"
PIPE = Path(f"{PIPES}docker_slipway_windows")
"""Where the service listens, whoever uses it."""

PROGRAM = "SLIPWAY_WINDOWS_ENGINE"
"""The variable that names a program in the place of the service: its command line as a JSON list, in which
``{socket}`` is the path, and ``{address}`` the address, that it is to listen at. It need not be an engine of
Windows containers, nor this computer a Windows: so the switch can be tried anywhere (CONTRIBUTING.md)."""


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
        """See that it is set up. :raise HostError: it is not; with what sets it up."""
        if await self.service.state() is ServiceState.ABSENT:
            raise HostError(
                "Windows containers are not set up on this computer",
                "Set them up, for which you need an administrator once: slipway engine setup",
            )


def windows_engine(paths: Paths, host: Host, environment: Mapping[str, str] = os.environ) -> WindowsEngine | None:
    """The engine of Windows containers; None where there can be none.

    :raise HostError: the variable :data:`PROGRAM` is no command line.
    """
    if line := environment.get(PROGRAM, ""):
        argv = command_line(line, paths.windows_socket)
        service = ProcessService(argv, paths.engine_process, paths.engine_log, host)
        return WindowsEngine(service, paths.windows_socket, host, "")
    if host.no_windows_containers:
        return None
    return WindowsEngine(WindowsService(SERVICE), PIPE, host, NAME)


def command_line(line: str, socket: Path) -> list[str]:
    """The arguments in :data:`PROGRAM`. :raise HostError: it is no list of words."""
    try:
        words = json.loads(line)
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise HostError(f"The variable {PROGRAM} must be a JSON list of words, the program first", "", line)
    return [word.replace("{socket}", str(socket)).replace("{address}", docker_address(socket)) for word in words]


def absent(host: Host) -> EngineState:
    """What is reported where there can be none."""
    return EngineState(
        NAME, TITLE, "windows", RunState.STOPPED, "Not available", obstacle=host.no_windows_containers, hint=HINT
    )
