"""A stand-in for the guest's agent: HTTP/2 on a Unix socket in place of the virtio-serial port.

What a stream does is its ``:path``: ``/echo`` says back what it hears and ends with it, ``/refuse`` is refused,
``/stall`` hears nothing, ``/early`` ends its direction and goes on listening, ``/break`` breaks off in the middle,
``/enough`` ends and takes no more, ``/flood`` sends :data:`FLOOD` bytes. What was heard is in ``heard``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes

from vm.errors import MachineError
from vm.guest.control import GuestControl
from vm.guest.link import FastLink
from vm.host import host

FLOOD = 3 * 1024 * 1024
WINDOW = 128 * 1024


class StandInControl(GuestControl):
    """A control port that answers ``link`` at once."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[str] = []
        self.refuse = False

    async def command(self, line: str, timeout: float = 10) -> str:
        self.commands.append(line)
        if self.refuse:
            raise MachineError("The guest could not do “link”: the agent does not run")
        return ""


class Agent:
    """The agent's side of one port.

    :ivar awake: cleared, it takes no notice of anything.
    :ivar junk: what it says before it sends the hello back, as if left by an earlier connection.
    """

    def __init__(self, junk: bytes = b"") -> None:
        self.junk = junk
        self.deaf = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.heard: dict[str, bytearray] = {}
        self.resets: list[int] = []
        self.writer: asyncio.StreamWriter | None = None
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._paths: dict[int, str] = {}
        self._owed: dict[int, int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        task = asyncio.current_task()
        assert task is not None
        self._serving[writer] = task
        hello = await reader.readline()
        if not hello:
            writer.close()
            return
        writer.write(self.junk + (b"" if self.deaf else hello))
        config = H2Configuration(client_side=False, header_encoding="utf-8", validate_inbound_headers=False)
        http = H2Connection(config)
        http.initiate_connection()
        http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: WINDOW, SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
        http.increment_flow_control_window(2**31 - 1 - http.inbound_flow_control_window)
        writer.write(http.data_to_send())
        while data := await self._next(reader):
            for event in http.receive_data(data):
                self._handle(http, event)
            for identity in list(self._owed):
                self._flood(http, identity)
            writer.write(http.data_to_send())
        writer.close()

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self._serving)

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        try:
            data = await reader.read(65536)
            await self.awake.wait()
            return data
        except ConnectionError:  # the link was given up
            return b""

    async def close(self) -> None:
        """Hang up on everybody."""
        for writer in self._serving:
            writer.transport.abort()
        await asyncio.gather(*self._serving.values())
        await asyncio.gather(*(writer.wait_closed() for writer in self._serving), return_exceptions=True)

    def _handle(self, http: H2Connection, event: object) -> None:
        if isinstance(event, RequestReceived):
            self._begin(http, event.stream_id, {str(name): str(value) for name, value in event.headers})
        elif isinstance(event, StreamReset):
            self.resets.append(event.stream_id)
            self._owed.pop(event.stream_id, None)
        elif isinstance(event, DataReceived):
            path = self._paths[event.stream_id]
            self.heard[path] += event.data
            if path == "/break":
                http.reset_stream(event.stream_id, ErrorCodes.INTERNAL_ERROR)
            elif path != "/stall":
                http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if path == "/echo":
                http.send_data(event.stream_id, event.data)
        elif isinstance(event, StreamEnded) and self._paths[event.stream_id] == "/echo":
            http.end_stream(event.stream_id)
        elif isinstance(event, WindowUpdated) and event.stream_id in self._owed:
            self._flood(http, event.stream_id)

    def _begin(self, http: H2Connection, identity: int, headers: dict[str, str]) -> None:
        path = self._paths[identity] = headers.get(":path") or headers[":authority"]
        self.heard[path] = bytearray()
        if path == "/refuse":
            http.send_headers(identity, [(":status", "502"), ("reason", "nobody home")], end_stream=True)
            return
        http.send_headers(identity, [(":status", "200")])
        if path == "/early":
            http.send_data(identity, b"bye", end_stream=True)
        elif path == "/enough":
            http.send_data(identity, b"enough", end_stream=True)
            http.reset_stream(identity, ErrorCodes.NO_ERROR)
        elif path == "/flood":
            self._owed[identity] = FLOOD

    def _flood(self, http: H2Connection, identity: int) -> None:
        try:
            while (owed := self._owed.get(identity, 0)) > 0:
                size = min(owed, http.local_flow_control_window(identity), http.max_outbound_frame_size)
                if size <= 0:
                    return
                self._owed[identity] = owed - size
                http.send_data(identity, bytes(size), end_stream=owed == size)
        except StreamClosedError:  # reset in the same breath
            self._owed[identity] = 0
        self._owed.pop(identity, None)


@asynccontextmanager
async def linked(path: Path, agent: Agent) -> AsyncIterator[tuple[FastLink, StandInControl]]:
    """A link to ``agent`` at the socket ``path``."""
    server = await asyncio.start_unix_server(agent.serve, path)
    control = StandInControl()
    link = await FastLink.connect(host(), path, control, 5)
    try:
        yield link, control
    finally:
        await link.close()
        server.close()
        await agent.close()
