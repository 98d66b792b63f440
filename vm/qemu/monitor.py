"""QEMU's monitor: the qemu.qmp library with our deadlines and our errors, nothing else.

Protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html. A monitor socket serves one client at a time and
accepts the next after a disconnect, which is what lets a new supervisor adopt a running QEMU.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qemu.qmp import EventListener, QMPClient, QMPError, Runstate
from qemu.qmp.qmp_client import ExecuteError

from vm.errors import MachineError
from vm.host import Host

log = logging.getLogger(__name__)
# the library logs each broken connection as an error of its own; here it becomes an exception, or is expected
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL + 1)

RETRY_SECONDS = 0.05
"""Pause between attempts to reach a socket that QEMU has not made yet: there is nothing to wait on."""

EventHandler = Callable[[str, Mapping[str, Any]], None]


class _Client(QMPClient):
    """QMPClient over a transport that the Host has opened (a Unix socket or a Windows pipe)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__("slipway")
        self._streams = (reader, writer)

    async def _do_connect(self, address: object, ssl: object = None) -> None:
        self._set_state(Runstate.CONNECTING)
        self._reader, self._writer = self._streams


async def open_channel(host: Host, path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a channel which a starting QEMU is about to make; the caller sets the deadline."""
    while True:
        try:
            return await host.connect(path)
        except OSError:
            await asyncio.sleep(RETRY_SECONDS)


class Monitor:
    """One connection to one QEMU's monitor.

    :param handler: called in the event loop with each event's name and data.
    """

    def __init__(self, host: Host, path: Path, handler: EventHandler | None = None) -> None:
        self._host = host
        self._path = path
        self._handler = handler
        self._client: _Client | None = None
        self._events: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether a session is established, as far as this end knows."""
        return self._client is not None and self._client.runstate is Runstate.RUNNING

    async def connect(self, timeout: float) -> None:
        """Connect and negotiate, waiting for the socket to appear.

        :param timeout: seconds for all of it.
        :raise MachineError: no answer in time, or one that is not QMP.
        """
        try:
            async with asyncio.timeout(timeout):
                client = _Client(*await open_channel(self._host, self._path))
                await client.connect(str(self._path))
        except TimeoutError as error:
            raise MachineError(
                f"QEMU's monitor did not answer within {timeout:g} s",
                "QEMU hangs or has been suspended. To end it: slipway stop",
                str(self._path),
            ) from error
        except QMPError as error:
            raise MachineError("QEMU's monitor did not speak QMP", detail=f"{self._path}: {error}") from error
        self._client = client
        self._events = asyncio.create_task(self._pump(client), name="qmp events")

    async def _pump(self, client: QMPClient) -> None:
        listener = EventListener()
        with client.listen(listener):
            async for message in listener:
                name = str(message.get("event", ""))
                data = message.get("data")
                log.debug("event %s %s", name, data)
                if self._handler is not None:
                    self._handler(name, data if isinstance(data, dict) else {})

    async def execute(
        self, command: str, arguments: Mapping[str, object] | None = None, timeout: float = 10
    ) -> Any:
        """Run a QMP command and return its result (JSON values).

        :param timeout: seconds until the answer.
        :raise MachineError: not connected, refused by QEMU, no answer in time, or the connection broke.
        """
        client = self._client
        if client is None:
            raise MachineError("QEMU's monitor is not connected", detail=command)
        try:
            async with asyncio.timeout(timeout):
                return await client.execute(command, dict(arguments) if arguments else None)
        except TimeoutError as error:
            raise MachineError(
                f"QEMU did not answer “{command}” within {timeout:g} s",
                "QEMU hangs or has been suspended.",
            ) from error
        except ExecuteError as error:
            raise MachineError(f"QEMU refused “{command}”: {error}", detail=error.error_class) from error
        except QMPError as error:
            raise MachineError(
                f"QEMU's monitor broke off during “{command}”", detail=f"{type(error).__name__}: {error}"
            ) from error

    async def close(self) -> None:
        """Disconnect; QEMU stays as it is. Idempotent, never raises."""
        if self._events is not None:
            self._events.cancel()
            await asyncio.wait([self._events])
            self._events = None
        client, self._client = self._client, None
        if client is not None:
            try:
                await client.disconnect()
            except (QMPError, OSError, EOFError) as error:
                log.debug("the monitor's connection had already broken: %s", error)
