"""Makes the engines of this computer, each with its lifecycle, and what leads the user's socket to one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from desktop.control.schema import Boot
from desktop.settings.schema import Settings
from desktop.supervisor.engines.engines import Engines
from desktop.supervisor.engines.main_gate import MainGate
from desktop.supervisor.engines.record import EngineRecord
from desktop.supervisor.engines.switch import Switch, Unit
from desktop.supervisor.engines.windows import HINT, NAME, TITLE, absent, windows_engine
from desktop.supervisor.lifecycle.lifecycle import Attachments, Lifecycle
from desktop.supervisor.settings import LiveSettings
from engine.backends.base import Backend, Guest
from engine.backends.linux_guest import LinuxGuest
from engine.client.link_transport import RouteDialler
from engine.client.transport import Dialler
from engine.endpoint import Endpoint
from engine.endpoint.admission import Admission, PlatformAdvice
from engine.linux import LinuxEngine
from vm.errors import UserError
from vm.host import Host
from vm.host.paths import Paths, docker_address

LINUX, LINUX_TITLE = "linux", "Linux containers"


class NoParts:
    """Of an engine without a machine of ours: what it has is this computer's."""

    def attach(self, guest: Guest) -> None:
        """Nothing is attached."""

    def detach(self, *, ended: bool) -> None:
        """Nothing was."""

    async def prepare_stop(self) -> None:
        """Nothing has to be prepared."""


class EngineMaker:
    """Around what the engines of one supervisor share.

    :param admission: what the Linux engine's requests pass.
    :ivar endpoint: the user's own, which leads to the engine in use.
    :ivar windows: the engine of Windows containers; None where there can be none.
    """

    def __init__(
        self,
        paths: Paths,
        host: Host,
        settings: LiveSettings,
        admission: Admission,
        notify: Callable[[], None],
    ) -> None:
        self._paths = paths
        self._host = host
        self._settings = settings
        self._notify = notify
        self.windows = windows_engine(paths, host, settings.get().windows_service)
        self._record = EngineRecord(paths.engine_record, LINUX)
        wait = settings.get().wait_seconds
        advice = PlatformAdvice(self.use_other)
        self.endpoint = Endpoint(paths.docker_socket, wait, admission=admission, advice=advice)
        own = Endpoint(paths.linux_socket, wait, admission=admission, advice=PlatformAdvice(self.use_context))
        self._own = own if self.windows is not None else None
        known = (LINUX, self.windows.name) if self.windows is not None else (LINUX,)
        recorded = self._record.read()
        self._gate = MainGate(self.endpoint, recorded if recorded in known else LINUX)
        settings.subscribe(self._configure)

    @property
    def contexts(self) -> dict[str, str]:
        """Name of a Docker context → the address of the one engine it leads to; none where there is only one."""
        if self.windows is None:
            return {}
        windows = docker_address(self.windows.address)
        return {
            "slipway-linux": docker_address(self._paths.linux_socket),
            f"slipway-{self.windows.name}": windows,
        }

    async def listen(self) -> None:
        """Listen at the user's socket, and where there are several engines at the Linux engine's own.

        :raise UserError: a socket cannot be made.
        """
        for endpoint in self._endpoints:
            await endpoint.start()

    async def close(self) -> None:
        """Listen no more. Idempotent."""
        for endpoint in self._endpoints:
            await endpoint.close()

    @property
    def _endpoints(self) -> list[Endpoint]:
        return [self.endpoint, self._own] if self._own is not None else [self.endpoint]

    async def use_other(self, os: str) -> str:
        """What to do so that containers of an operating system can run; empty where nothing can be done."""
        return await self._advise(os, f"Switch to {_title(os)}: slipway engine use {os}")

    async def use_context(self, os: str) -> str:
        """The same for a client of a context that leads to one engine, whichever is in use."""
        return await self._advise(os, f"Use the engine of {_title(os)}: docker --context slipway-{os}")

    async def _advise(self, os: str, otherwise: str) -> str:
        if os == NAME and self.windows is None:
            return HINT
        if os not in (LINUX, NAME):
            return ""
        try:
            if os == NAME and self.windows is not None:
                await self.windows.require()
        except UserError as error:
            return f"{error.message}. {error.hint}"
        return otherwise

    def _configure(self, settings: Settings) -> None:
        for endpoint in self._endpoints:
            endpoint.set_wait_timeout(settings.wait_seconds)

    def make(self, linux: LinuxGuest[Any], parts: Attachments, keep: Callable[[Boot], object]) -> Engines:
        """All of them.

        :param parts: of the machine.    :param keep: called with the timings of each of its starts.
        """
        life = self._life(linux, parts, keep, self._own)
        linux.listen(life)
        units = [Unit(LINUX, LINUX_TITLE, "linux", life, _nothing, self._named(self._paths.linux_socket))]
        if self.windows is not None:
            windows = self.windows
            life = self._life(windows, NoParts(), lambda boot: None, None)
            windows.listen(life)
            units.append(
                Unit(windows.name, TITLE, windows.os, life, windows.require, self._named(windows.address))
            )

        def keep_both() -> bool:
            return self._settings.get().keep_engines

        engine = LinuxEngine(self._paths.docker_socket)
        switch = Switch(self._gate, self.endpoint, self._record, engine, keep_both, self._notify)
        others = () if self.windows is not None else (absent(self._host),)
        made = Engines(units, others, self._gate, switch, keep_both, self._record.used, self._notify)
        self._settings.subscribe(lambda _: made.arrange())
        return made

    def _named(self, socket: Path) -> str:
        """Where one engine always answers; empty where there is no other."""
        return str(socket) if self.windows is not None else ""

    def _life(
        self, backend: Backend, parts: Attachments, keep: Callable[[Boot], object], own: Endpoint | None
    ) -> Lifecycle:
        def way() -> Path | Dialler:
            """As the user reaches it, if it is in use."""
            if self._gate.in_use == backend.name:
                return self._paths.docker_socket
            return RouteDialler(backend.route())

        engine = LinuxEngine(self._paths.docker_socket, way)
        return Lifecycle(backend, engine, self._gate.of(backend.name, own), parts, keep, self._notify)


def _title(os: str) -> str:
    return LINUX_TITLE if os == LINUX else TITLE


async def _nothing() -> None:
    """It can always be tried."""
