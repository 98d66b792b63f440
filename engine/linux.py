"""The engine inside the machine: whether dockerd answers, through the user's own socket and from inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from engine.client import EngineClient, Version
from engine.client.transport import Dialler
from vm.errors import EngineError, LinkError, UserError
from vm.guest.stream import Carrier

ENGINE_ROOTFS = Path(__file__).parent / "rootfs"
"""The engine's files that go into the system image."""

GUEST_SOCKET = "/run/docker.sock"
GUEST_LOGS = "/var/lib/slipway/log"

RETRY_SECONDS = 0.2

ATTEMPT_SECONDS = 10.0
"""For one sign of life while dockerd starts: a connection that was made before it was ready may lead nowhere."""

VERSION_SECONDS = 30.0
"""How long the engine may take to tell its version once it has given a sign of life."""

PIECE = 1 << 16


class EngineAnswerError(EngineError):
    """dockerd has answered with an error.

    :ivar status: of HTTP; 0 when there is none.
    """

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__("dockerd answers with an error", detail=answer.decode(errors="replace"))
        self.status = status


class LinuxEngine:
    """dockerd, seen from the user's socket.

    :param socket: the endpoint's socket.
    :param way: another way to it, while the user's socket leads to another engine; None: there is only one.
    """

    def __init__(self, socket: Path, way: Callable[[], Path | Dialler] | None = None) -> None:
        self.socket = socket
        self._way = way or (lambda: socket)
        self._known: Version | None = None

    async def version(self, timeout: float) -> Version:
        """A sign of life through the user's socket, and what the engine has said of itself since its start.

        Once its version is known only ``/_ping`` is asked: to tell the version, dockerd runs other programs, which
        takes seconds on a busy machine.

        :raise EngineError: there was no sign of life within ``timeout`` seconds, or no version.
        """
        return await self._ask(timeout, VERSION_SECONDS)

    async def _ask(self, life_timeout: float, version_timeout: float) -> Version:
        limit = life_timeout
        try:
            async with EngineClient(self._way()) as client:
                async with asyncio.timeout(limit):
                    await client.ping()
                if self._known is None:
                    limit = version_timeout
                    async with asyncio.timeout(limit):
                        self._known = await client.version()
        except TimeoutError as error:
            raise EngineError(
                f"The engine did not answer within {limit:g} s", "See its log: slipway logs --source dockerd"
            ) from error
        return self._known

    async def wait_ready(self, timeout: float) -> Version:
        """Wait for the first answer through the user's socket; dockerd holds connections back until it is ready.

        :raise EngineError: none came within ``timeout`` seconds; the last reason is in the detail.
        """
        self._known = None  # another start may be of another version
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        reason: UserError | None = None
        while (left := end - loop.time()) > 0:
            try:
                return await self._ask(min(left, ATTEMPT_SECONDS), left)
            except UserError as error:
                reason = error
            await asyncio.sleep(min(RETRY_SECONDS, max(0.0, end - loop.time())))
        raise EngineError(
            f"dockerd did not answer within {timeout:g} s",
            "See its log: slipway logs --source dockerd",
            f"{reason.message} {reason.detail}" if reason else "",
        )


async def ask_inside(carrier: Carrier, timeout: float, path: str = "/_ping", method: str = "GET") -> bytes:
    """Ask dockerd without the user's socket, straight over the way into the guest; the answer's body.

    :raise EngineAnswerError: dockerd answers with an error.
    :raise EngineError: dockerd does not answer.
    """
    answer = b""
    try:
        async with asyncio.timeout(timeout):
            stream = await carrier.open_unix(GUEST_SOCKET)
            try:
                await stream.write(f"{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
                while piece := await stream.read(PIECE):
                    answer += piece
            finally:
                await stream.close()
    except TimeoutError as error:
        raise EngineError("dockerd does not answer", "See its log: slipway logs --source dockerd") from error
    except LinkError as error:
        raise EngineError(
            "dockerd does not listen",
            "Slipway restarts it. See: slipway logs --source dockerd",
            error.detail,
        ) from error
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status not in ([b"200"], [b"204"]):
        raise EngineAnswerError(int(status[0]) if status and status[0].isdigit() else 0, answer)
    return body
