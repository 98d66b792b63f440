"""FastLink: all streams into the guest over one virtio-serial port, as HTTP/2 (RFC 9113); nothing listens on TCP.

The guest's end is ``vm/image/native/agent.c``, which says what can be asked for. Each stream is a CONNECT request
with a window of its own. A serial port has no connections, so each begins with the control port's ``link``, which
empties the port, and a line with a nonce which the agent sends back: bytes of an earlier connection never get into
this one. The end and the start of an agent are reported on the control port, and the link that led to it is lost.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes

from vm.errors import LinkError, MachineError
from vm.guest.control import GuestControl, GuestStage
from vm.guest.link_stream import LinkStream
from vm.guest.run import run
from vm.guest.stream import Completed, Link
from vm.host import Host
from vm.tasks import fail

log = logging.getLogger(__name__)

AGENT = "agent"
"""The stage that is reported when the agent starts, and as failed when it has ended."""

HELLO = "slipway-link"
PIECE = 256 * 1024
"""Bytes taken from the port at once."""

FRAME = 128 * 1024
"""Longest DATA we ask for: what a short message may have to wait for."""

WINDOW = 256 * 1024
"""Bytes the guest may send on a stream before they are read here."""

WIDE_WINDOW = 1024 * 1024
"""The same for a stream that has shown that it moves much."""

LARGEST_WINDOW = 2**31 - 1
KEEP_ALIVE, PING_TIMEOUT = 15.0, 60.0
"""Seconds between questions whether the guest is there, and for the answer: emulation can be slow."""

HIGH_WATER = 256 * 1024
"""Bytes queued for the port above which streams wait before sending more."""


class FastLink:
    """A :class:`vm.guest.stream.Link` over the agent's port; it belongs to the loop that connected it.

    :ivar closed: set once the link is gone, for whatever reason; then ``failure`` says why.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, control: GuestControl, rest: bytes
    ) -> None:
        """Use :meth:`connect`."""
        self._control = control
        control.followers.append(self._stage_told)
        self.closed = asyncio.Event()
        self.failure: LinkError | None = None
        self._writer = writer
        self._streams: dict[int, LinkStream] = {}
        self._received: dict[int, int] = {}
        self._pings: dict[bytes, asyncio.Future[None]] = {}
        self._flush_due = False
        self._http = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        self._http.initiate_connection()
        # through this call, not before: the guest learns of settings only from what is sent
        self._http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: WINDOW, SettingCodes.MAX_FRAME_SIZE: FRAME})
        self._http.increment_flow_control_window(LARGEST_WINDOW - self._http.inbound_flow_control_window)
        self._flush()
        log.info("the fast link is there")
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._read(reader, rest), name="fast link"),
            loop.create_task(self._keep_alive(), name="fast link's keep-alive"),
        ]

    @classmethod
    async def connect(cls, host: Host, path: Path, control: GuestControl, timeout: float) -> FastLink:
        """Take over the port at ``path`` from any earlier link.

        :param control: the same machine's control port.
        :raise LinkError: no agent answers within ``timeout`` seconds.
        """
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await host.connect(path)
                await control.command("link", timeout)
                hello = f"{HELLO} {secrets.token_hex(16)}\n".encode()
                if writer.is_closing():
                    raise ConnectionResetError("QEMU has closed the port")
                writer.write(hello)
                return cls(reader, writer, control, await _echo(reader, hello))
        except BaseException as error:
            if writer is not None:
                writer.close()
            if isinstance(error, LinkError) or not isinstance(error, OSError | TimeoutError | MachineError):
                raise
            detail = f"{path}: {error or type(error).__name__}"
            raise LinkError("The machine's agent does not answer", detail=detail) from error

    # -- what callers use -----------------------------------------------------------------------------------------

    async def open_unix(self, path: str) -> LinkStream:
        """Connect to the guest's Unix socket ``path``.

        :raise LinkError: the link is down, or nothing listens there.
        """
        return await self._open([*_extended("unix"), (":path", path)], path)

    async def open_tcp(self, address: str, port: int) -> LinkStream:
        """Connect to a TCP port the guest can reach.

        :raise LinkError: the link is down, or nothing listens there.
        """
        authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        return await self._open([(":method", "CONNECT"), (":authority", authority)], authority)

    async def open_udp(self, address: str, port: int) -> LinkStream:
        """Exchange datagrams with a UDP port the guest can reach (RFC 9298); see capsules.py for the stream.

        :raise LinkError: the link is down, or the guest refuses.
        """
        path = f"/.well-known/masque/udp/{quote(address, safe='')}/{port}/"
        headers = [*_extended("connect-udp"), (":path", path), ("capsule-protocol", "?1")]
        return await self._open(headers, f"{address} port {port}")

    async def open_accept(self, path: str) -> LinkStream:
        """Have the guest listen at the Unix socket ``path``; the stream is the next who connects, after one byte.

        :raise LinkError: the link is down, or the guest refuses.
        """
        return await self._open([*_extended("accept"), (":path", path)], path)

    async def open_exec(self, command: str) -> LinkStream:
        """Run ``command`` by the guest's shell; the stream is its standard input and output.

        :raise LinkError: the link is down, or the guest refuses.
        """
        return await self._open([*_extended("exec"), (":path", "/"), ("command", one_line(command))], "its shell")

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        """Run ``command`` by the guest's shell; both outputs are kept in memory.

        :raise LinkError: the link broke, or the command did not end within ``timeout`` seconds.
        """
        return await run(self, command, input, timeout)

    async def ping(self, timeout: float) -> None:
        """One round trip to the agent. :raise LinkError: no answer within ``timeout`` seconds."""
        if self.failure is not None:
            raise self.failure.copy()
        token = secrets.token_bytes(8)
        answer = self._pings[token] = asyncio.get_running_loop().create_future()
        self._http.ping(token)
        self._flush_soon()
        try:
            async with asyncio.timeout(timeout):
                await answer
        except TimeoutError as error:
            raise LinkError(
                f"The machine's agent has not answered for {timeout:g} seconds",
                "The machine may be suspended or overloaded.",
            ) from error
        finally:
            self._pings.pop(token, None)

    def _stage_told(self, stage: GuestStage) -> None:
        if stage.name == AGENT:
            self._give_up("the agent has ended" if stage.failure else "the agent has started again")

    def _give_up(self, reason: str) -> None:
        self._lost(LinkError("The link to the machine broke", detail=reason))

    async def close(self) -> None:
        """Close the link and all its streams. Idempotent, never raises."""
        self._lost(LinkError("The link to the machine was closed"))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def streams(self) -> int:
        """Streams in use."""
        return len(self._streams)

    async def _open(self, headers: list[tuple[str, str]], what: str) -> LinkStream:
        if self.failure is not None:
            raise self.failure.copy()
        identity = self._http.get_next_available_stream_id()
        stream = self._streams[identity] = LinkStream(self, identity)
        try:
            self._http.send_headers(identity, headers)
            self._flush_soon()
            refusal = await stream.answered
            if refusal is not None:
                raise LinkError(f"Nothing answers at {what} in the machine", detail=refusal)
        except BaseException:
            await stream.close()
            self._forget(identity)
            raise
        return stream

    # -- the Wire of link_stream ----------------------------------------------------------------------------------

    def send(self, identity: int, data: bytes, *, last: bool = False) -> int:
        """Queue what the windows allow of ``data``."""
        if self.failure is not None:
            raise self.failure.copy()
        try:
            size = min(
                len(data), self._http.local_flow_control_window(identity), self._http.max_outbound_frame_size
            )
            if size > 0 or last:
                self._http.send_data(identity, data[:size], end_stream=last)
        except StreamClosedError as error:
            raise LinkError("The machine has ended the stream") from error
        if last:
            self._settle(identity)
        self._flush_soon()
        return size

    def taken(self, identity: int, size: int) -> None:
        """Let the guest send ``size`` more bytes."""
        if self.failure is not None:
            return
        self._http.acknowledge_received_data(size, identity)
        before = self._received.get(identity, 0)
        self._received[identity] = before + size
        if before < WIDE_WINDOW <= before + size and identity in self._streams:
            self._widen(identity)
        self._settle(identity)
        self._flush_soon()

    def reset(self, identity: int) -> None:
        """End both directions."""
        if self.failure is None:
            try:
                self._http.reset_stream(identity, ErrorCodes.CANCEL)
            except StreamClosedError:
                log.debug("stream %d had ended", identity)
            self._flush_soon()
        self._forget(identity)

    async def room(self) -> None:
        """Wait until the port has taken what is queued. :raise LinkError: it is gone."""
        if self.failure is None and self._writer.transport.get_write_buffer_size() > HIGH_WATER:
            try:
                await self._writer.drain()
            except OSError as error:
                self._give_up(str(error))
        if self.failure is not None:
            raise self.failure.copy()

    # -- the connection -------------------------------------------------------------------------------------------

    def _widen(self, identity: int) -> None:
        try:
            self._http.increment_flow_control_window(WIDE_WINDOW - WINDOW, identity)
        except (StreamClosedError, ValueError):
            log.debug("stream %d had ended", identity)

    def _settle(self, identity: int) -> None:
        stream = self._streams.get(identity)
        if stream is not None and stream.over:
            self._forget(identity)

    def _forget(self, identity: int) -> None:
        self._streams.pop(identity, None)
        self._received.pop(identity, None)

    def _flush_soon(self) -> None:
        """Write at the end of this turn of the loop, everything at once."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self.failure is None and not self._writer.is_closing():
            self._writer.write(self._http.data_to_send())

    async def _read(self, reader: asyncio.StreamReader, rest: bytes) -> None:
        try:
            data = rest
            while True:
                if data:
                    for event in self._http.receive_data(data):
                        self._handle(event)
                    self._flush_soon()
                data = await reader.read(PIECE)
                if not data:
                    self._give_up("QEMU has closed the port")
                    return
        except (OSError, ProtocolError) as error:
            self._give_up(f"{type(error).__name__}: {error}")

    def _handle(self, event: Event) -> None:
        if isinstance(event, WindowUpdated | RemoteSettingsChanged):
            chosen = self._streams.get(getattr(event, "stream_id", None) or 0)
            for stream in (chosen,) if chosen is not None else tuple(self._streams.values()):
                stream.widened()
        elif isinstance(event, PingAckReceived):
            answer = self._pings.get(event.ping_data)
            if answer is not None and not answer.done():
                answer.set_result(None)
        elif isinstance(event, ConnectionTerminated):
            self._give_up(f"the agent said goodbye: error {event.error_code}")
        elif isinstance(event, DataReceived | ResponseReceived | StreamEnded | StreamReset):
            self._handle_stream(event)

    def _handle_stream(self, event: DataReceived | ResponseReceived | StreamEnded | StreamReset) -> None:
        identity = event.stream_id
        stream = self._streams.get(identity)
        if stream is None:
            if isinstance(event, DataReceived):  # for a stream given up meanwhile
                self._http.acknowledge_received_data(event.flow_controlled_length, identity)
            return
        if isinstance(event, DataReceived):
            stream.feed(event.data)
        elif isinstance(event, ResponseReceived):
            fields = {str(name): str(value) for name, value in event.headers}
            stream.answered.set_result(None if fields.get(":status") == "200" else fields.get("reason", "refused"))
        elif isinstance(event, StreamEnded):
            stream.end()
            self._settle(identity)
        elif event.error_code == ErrorCodes.NO_ERROR:
            stream.deafen()
            self._settle(identity)
        else:
            stream.lose(LinkError("The other end closed the connection", detail=f"error {event.error_code}"))
            self._forget(identity)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE)
            try:
                await self.ping(PING_TIMEOUT)
            except LinkError as error:
                self._give_up(error.message)
                return

    def _lost(self, failure: LinkError) -> None:
        if self.failure is not None:
            return
        self.failure = failure
        log.info("link lost: %s (%s)", failure.message, failure.detail)
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.lose(failure)
        for answer in self._pings.values():
            fail(answer, failure.copy())
        self._control.followers.remove(self._stage_told)
        self._writer.transport.abort()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        self.closed.set()


def _extended(protocol: str) -> list[tuple[str, str]]:
    """The head of an extended CONNECT (RFC 8441)."""
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":authority", "guest")]


def one_line(command: str) -> str:
    """The same command without line breaks, which a header's value cannot have (RFC 9110, 5.5).

    For a shell that knows ``$'…'``, as BusyBox' does.
    """
    if "\n" not in command:
        return command
    escaped = command.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"eval $'{escaped}'"


async def _echo(reader: asyncio.StreamReader, hello: bytes) -> bytes:
    """Read until our own line has come back, and return what follows; what came before it is dropped.

    :raise OSError: the port was closed.
    """
    data = b""
    while (at := data.find(hello)) < 0:
        more = await reader.read(PIECE)
        if not more:
            raise ConnectionResetError("QEMU has closed the port")
        data = data[-len(hello) :] + more
    return data[at + len(hello) :]


def _check_protocol(link: FastLink) -> Link:
    """Let the type checker prove that it is a Link."""
    return link
