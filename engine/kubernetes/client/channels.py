"""Streams into pods: several channels over one WebSocket, as the Kubernetes API has them.

A message's first byte is the number of its channel (k8s.io/streaming, ``httpstream/wsstream``). Commands speak
``v5.channel.k8s.io``, whose channel 255 ends another one, or ``v4`` on older servers. A forwarded port speaks v4,
which cannot end one direction only. aiohttp is loaded with the first stream: the window begins without it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from engine.kubernetes.client.access import Access
from engine.kubernetes.client.errors import ClusterUnreachable, Refused, refused

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

    Socket = ClientWebSocketResponse
else:
    Socket = Any

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
"""A command's channels."""
CLOSE = 255
DATA, DATA_ERROR = 0, 1
"""A forwarded port's channels; the first message of each is the port's number."""

PORT_BYTES = 2
CONNECT_SECONDS = 10.0
HEARTBEAT_SECONDS = 30.0
"""A connection whose server says nothing to a ping for so long is dead."""

Query = Sequence[tuple[str, str]]


class Command:
    """A command that runs in a container.

    :ivar code: its exit code; None while it runs, and where the cluster does not say.
    :ivar failure: why it could not be run, or did not end by itself.
    """

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.code: int | None = None
        self.failure: Refused | None = None

    async def output(self) -> AsyncIterator[bytes]:
        """What it prints, until it ends. :raise ClusterUnreachable: the connection broke off."""
        async for channel, data in _messages(self._socket):
            if channel in (STDOUT, STDERR) and data:
                yield data
            elif channel == ERROR and data:
                self._take_status(json.loads(data))

    async def write(self, data: bytes) -> None:
        """Type something."""
        await _send(self._socket, STDIN, data)

    async def end_input(self) -> None:
        """Say that nothing more is typed; older servers do not hear of it."""
        if self._socket.protocol == V5:
            await _send(self._socket, CLOSE, bytes([STDIN]))

    async def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        await _send(self._socket, RESIZE, json.dumps({"Width": columns, "Height": rows}).encode())

    def _take_status(self, status: Mapping[str, Any]) -> None:
        if status.get("status") == "Success":
            self.code = 0
            return
        causes = (status.get("details") or {}).get("causes") or ()
        codes = [str(one.get("message")) for one in causes if one.get("reason") == "ExitCode"]
        if codes and codes[0].isdigit():
            self.code = int(codes[0])
        else:
            self.failure = refused(int(status.get("code") or 500), str(status.get("message") or ""), "exec")


class PodPort:
    """A connection to a port of a pod."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def received(self) -> AsyncIterator[bytes]:
        """What comes from the pod, until it ends the connection.

        :raise Refused: nothing listens there.    :raise ClusterUnreachable: the connection broke off.
        """
        unnamed = {DATA, DATA_ERROR}
        async for channel, data in _messages(self._socket):
            if channel in unnamed:
                unnamed.discard(channel)
                data = data[PORT_BYTES:]
            if channel == DATA_ERROR and data:
                raise refused(502, data.decode(errors="replace").strip(), "portforward")
            if channel == DATA and data:
                yield data

    async def send(self, data: bytes) -> None:
        """Send something to the pod."""
        await _send(self._socket, DATA, data)


@asynccontextmanager
async def open_channels(
    access: Access, tls: Any, path: str, query: Query, protocols: Sequence[str], headers: Mapping[str, str]
) -> AsyncIterator[Socket]:
    """A WebSocket to the API, for as long as the block lasts.

    :param tls: an :class:`ssl.SSLContext`.
    :raise Refused: the API refuses.    :raise ClusterUnreachable: there is no answer.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(headers=dict(headers), timeout=timeout, trust_env=False) as session:
        try:
            socket = await session.ws_connect(
                access.server.rstrip("/") + path,
                params=list(query),
                protocols=protocols,
                ssl=tls,
                server_hostname=access.server_name or None,
                max_msg_size=0,
                heartbeat=HEARTBEAT_SECONDS,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise refused(error.status, "", f"GET {path}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _broken(error) from error
        try:
            yield socket
        finally:
            await socket.close()


async def _messages(socket: Socket) -> AsyncIterator[tuple[int, bytes]]:
    import aiohttp

    while True:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY and message.data:
            yield message.data[0], message.data[1:]
        elif message.type is aiohttp.WSMsgType.ERROR:
            raise _broken(message.data)
        elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
            return


async def _send(socket: Socket, channel: int, data: bytes) -> None:
    import aiohttp

    try:
        await socket.send_bytes(bytes([channel]) + data)
    except (aiohttp.ClientError, OSError) as error:
        raise _broken(error) from error


def _broken(error: BaseException) -> ClusterUnreachable:
    return ClusterUnreachable(
        "The cluster cannot be reached", "Check that it runs.", f"{type(error).__name__}: {error}"
    )
