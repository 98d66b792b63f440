"""The control API's client: HTTP/1.1 with JSON over the supervisor's local socket.

One client is enough for a process: it is cheap to make, many tasks may use it at once, and it goes on with the
next supervisor when one has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import httpx
import psutil

from desktop.control.calls import CALL_SECONDS, PROTOCOL, Call, ControlApi, Declared, Stream
from desktop.control.codec import DecodeError, decode, dump
from desktop.control.errors import ControlError, SupervisorAbsent, SupervisorSilent
from desktop.control.schema import CallerEnvironment, ErrorReport, Event
from desktop.control.schema.caller import HEADER
from desktop.control.spawn import bring_up, joined
from engine.cancellation import CancelSafeTransport
from engine.client.local_http import local_transport
from vm.host import host, pipe_owner
from vm.host.paths import Paths

R = TypeVar("R")
Item = TypeVar("Item")

END_SECONDS = 30.0
LOG_SOURCES = ("supervisor", "console", "qemu", "dockerd", "containerd", "sshd", "windows")


def own_paths() -> Paths:
    """Where this user's installation is."""
    return host().paths()


class ControlClient(ControlApi):
    """Makes the calls of :class:`~desktop.control.calls.ControlApi`; use it as an async context manager.

    Each call raises :class:`~desktop.control.schema.RemoteError` for an error of the supervisor's, and
    :class:`ControlError` when it does not answer as it should.

    :param environment: for which it asks; by default this process's own.
    """

    def __init__(self, paths: Paths, environment: Mapping[str, str] | None = None) -> None:
        self.paths = paths
        caller = CallerEnvironment.of(os.environ if environment is None else environment)
        self._http = httpx.AsyncClient(
            transport=CancelSafeTransport(local_transport(paths.control_socket)),
            base_url=f"http://slipway/v{PROTOCOL}",
            headers={HEADER: caller.header()},
            timeout=CALL_SECONDS,
        )

    @classmethod
    async def connect(
        cls, paths: Paths | None = None, *, spawn: bool = True, tell: Callable[[str], object] = lambda _: None
    ) -> ControlClient:
        """A client whose supervisor answers; see :meth:`ready`."""
        client = cls(paths or own_paths())
        try:
            await client.ready(spawn=spawn, tell=tell)
        except BaseException:
            await client.close()
            raise
        return client

    async def ready(self, *, spawn: bool = True, tell: Callable[[str], object] = lambda _: None) -> None:
        """See that a supervisor answers.

        :param spawn: start one if none runs. Otherwise one that another client starts is waited for, and one is
            started only where a machine was left without one, which it then takes over.
        :param tell: gets a sentence each few seconds while a supervisor takes its time to start.
        :raise SupervisorAbsent: none runs and ``spawn`` is False.
        :raise ControlError: it was started and ended, it does not answer, or it is of another version.
        """
        if await self.answers():
            return
        if spawn or self.paths.qemu_record.exists():
            await bring_up(self.paths, self.answers, tell)
        elif not await joined(self.paths, self.answers, tell):
            raise SupervisorAbsent("Slipway is not running", "Start it: slipway start")

    async def __aenter__(self) -> ControlClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def answers(self) -> bool:
        """Whether a supervisor of our version answers.

        :raise ControlError: one answers, but of another version, or (SupervisorSilent) not within 10 s.
        """
        call = ControlApi.hello
        try:
            reply = await self._http.get(call.path, timeout=call.timeout)
        except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
            return False
        except httpx.TimeoutException as error:
            socket = self.paths.control_socket
            owner = await asyncio.to_thread(pipe_owner, socket)
            raise SupervisorSilent(
                "Slipway's supervisor does not answer" + (f": {owner} listens at {socket}" if owner else ""),
                "End its process, whose id is in run/supervisor.lock, then start again.",
            ) from error
        if reply.status_code == httpx.codes.OK:
            return True
        raise ControlError(
            "Another version of Slipway is running",
            "Stop it with that version's slipway stop, then start this one.",
            reply.text[:500],
        )

    async def shutdown(self) -> None:
        """Stop the machine and end the supervisor; returns when its process has ended."""
        pid = (await self.status()).supervisor_pid
        with contextlib.suppress(ControlError):  # it may end while it answers, which is what was asked for
            async for _ in self.end():
                pass
        if pid is not None:
            await _ended(pid)

    # -- transport --------------------------------------------------------------------------------

    async def send(self, call: Call[..., R], request: object) -> R:
        try:
            reply = await self._http.send(self._request(call, request, call.timeout))
        except httpx.HTTPError as error:
            raise _broken(error) from error
        if not reply.is_success:
            raise _as(ErrorReport, reply.content).to_error()
        return _as(call.reply, reply.content)

    async def receive(self, stream: Stream[..., Item], request: object) -> AsyncGenerator[Item]:
        asked = self._request(stream, request, None)
        try:
            reply = await self._http.send(asked, stream=True)
            try:
                if not reply.is_success:
                    raise _as(ErrorReport, await reply.aread()).to_error()
                async for line in reply.aiter_lines():
                    if (failure := _as(_Ending, line).error) is not None:
                        raise failure.to_error()
                    item = _as(stream.item, line)
                    yield item
                    if isinstance(item, Event) and item.kind == "done":
                        return
            finally:
                await reply.aclose()
        except httpx.HTTPError as error:
            raise _broken(error) from error
        if stream.item is Event:
            raise ControlError("The supervisor ended before the work was done", "See: slipway logs")

    def _request(self, call: Declared[...], request: object, timeout: float | None) -> httpx.Request:
        fields = dump(request)
        limits = httpx.Timeout(CALL_SECONDS, read=timeout)
        if call.method == "GET":
            return self._http.build_request(call.method, call.path, params=fields, timeout=limits)
        return self._http.build_request(call.method, call.path, json=fields, timeout=limits)


@dataclass(frozen=True)
class _Ending:
    """The line with which any stream may end: the error that ended it."""

    error: ErrorReport | None = None


async def _ended(pid: int) -> None:
    """Wait for a process that is not ours to wait for: where it was started from, it may be left as a zombie.

    :raise ControlError: it still runs after 30 s.
    """
    end = asyncio.get_running_loop().time() + END_SECONDS
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if asyncio.get_running_loop().time() > end:
                raise ControlError("Slipway's supervisor did not stop", f"End process {pid}.")
            await asyncio.sleep(0.02)


def _broken(error: httpx.HTTPError) -> ControlError:
    return ControlError(
        "The connection to Slipway's supervisor broke",
        "See: slipway logs",
        f"{type(error).__name__}: {error}",
    )


def _as(kind: type[R], data: bytes | str) -> R:
    try:
        return decode(kind, data)
    except DecodeError as error:
        raise ControlError(
            "The supervisor's answer cannot be understood",
            "Two versions of Slipway are running. Stop and start Slipway.",
            f"{error}\n{data[:500]!r}",
        ) from error


__all__ = ["LOG_SOURCES", "ControlClient", "ControlError", "SupervisorAbsent", "own_paths"]
