"""The control API's client, and starting the supervisor where there is none.

The supervisor is a detached process; whoever needs it starts it and waits until its socket answers. Two who start
one at the same time are harmless: the second finds the lock taken and ends, and both talk to the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
import psutil

from desktop.control.schema import (
    PROTOCOL,
    Boot,
    BundleFile,
    Check,
    ContextReport,
    DiskReport,
    ErrorReport,
    Event,
    FolderReport,
    ImageReport,
    Note,
    PortReport,
    ResetLevel,
    SettingsReport,
    SshReport,
    Status,
    load,
)
from engine.cancellation import CancelSafeTransport
from vm.errors import UserError
from vm.host import host
from vm.host.paths import Paths

T = TypeVar("T")

SPAWN_SECONDS = 30.0
CALL_SECONDS = 30.0
LOG_SOURCES = ("supervisor", "console", "qemu", "dockerd", "containerd", "sshd")


FAKE = "SLIPWAY_FAKE"
"""When set, a scripted stand-in (desktop/supervisor/fake) is started instead of the supervisor."""


def own_paths() -> Paths:
    """Where this user's installation is."""
    return host().paths()


class SupervisorAbsent(UserError):
    """No supervisor runs, and none was to be started."""


class ControlError(UserError):
    """The supervisor does not answer as it should."""


class ControlClient:
    """One client; use it as an async context manager. Errors of the supervisor arrive as :class:`RemoteError`."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._spawning = asyncio.Lock()
        transport = CancelSafeTransport(httpx.AsyncHTTPTransport(uds=str(paths.control_socket)))
        self._http = httpx.AsyncClient(
            transport=transport, base_url=f"http://slipway/v{PROTOCOL}", timeout=CALL_SECONDS
        )

    @classmethod
    async def connect(cls, paths: Paths | None = None, *, spawn: bool = True) -> ControlClient:
        """A client whose supervisor answers.

        :param spawn: start the supervisor if none runs. Otherwise one is started only where a machine was left
            without one, which it then takes over.
        :raise SupervisorAbsent: none runs and ``spawn`` is False.
        :raise ControlError: it was started and does not answer, or is of another version.
        """
        client = cls(paths or host().paths())
        try:
            await client.ensure(spawn=spawn)
        except BaseException:
            await client.close()
            raise
        return client

    async def ensure(self, *, spawn: bool = True) -> None:
        """Make sure that a supervisor answers, for a client that is kept while supervisors come and go.

        Parameters and errors are those of :meth:`connect`.
        """
        if await self.answers():
            return
        if not spawn and not self.paths.qemu_record.exists():
            raise SupervisorAbsent("Slipway is not running", "Start it: slipway start")
        async with self._spawning:  # several calls of one client start one supervisor
            if not await self.answers():
                await self._spawn()

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

        :raise ControlError: one answers, but of another version, or not within 10 s.
        """
        try:
            reply = await self._http.get("/hello", timeout=10)
        except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
            return False
        except httpx.TimeoutException as error:
            raise ControlError(
                "Slipway's supervisor does not answer",
                "End it and start again: its process id is in run/supervisor.lock.",
            ) from error
        if reply.status_code == httpx.codes.OK:
            return True
        raise ControlError(
            "The supervisor that runs is of another version of Slipway",
            "Stop it with its own version (slipway stop), then start again.",
            reply.text[:500],
        )

    async def _spawn(self) -> None:
        process, output = self._start_supervisor()
        loop = asyncio.get_running_loop()
        end = loop.time() + SPAWN_SECONDS
        while not await self.answers():
            code = process.poll()
            # one that found the lock taken ends with 0, and the other one answers soon
            if code not in (None, 0) or loop.time() > end:
                raise ControlError(
                    "Slipway's supervisor did not start",
                    f"Its output is in {output}, its log in {self.paths.supervisor_log}.",
                    output.read_text(errors="replace")[-3000:],
                )
            await asyncio.sleep(0.03)

    def _start_supervisor(self) -> tuple[subprocess.Popen[bytes], Path]:
        self.paths.prepare()
        output = self.paths.logs / "supervisor.out"
        flags: dict[str, Any] = dict(host().spawn_flags())
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "desktop.supervisor.fake" if os.environ.get(FAKE) else "desktop.supervisor",
                ],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
                **flags,
            )
        # wait for it, whenever it ends: where we live longer, it would stay behind as a zombie
        threading.Thread(target=process.wait, name="supervisor's end", daemon=True).start()
        return process, output

    # -- calls ------------------------------------------------------------------------------------

    async def status(self) -> Status:
        """The truth now; takes up to a few seconds when a hop does not answer."""
        return _as(Status, await self._get("/status"))

    async def watch(self, every: float = 3.0) -> AsyncIterator[Status]:
        """The status now, whenever something happens, and at least ``every`` so many seconds, for ever.

        :raise ControlError: the supervisor has gone.
        """
        async for values in self._lines("GET", "/watch", query={"every": str(every)}):
            yield _as(Status, values)

    async def boots(self) -> list[Boot]:
        """Past starts, oldest first."""
        return [_as(Boot, item) for item in await self._get("/boots")]

    def start(self) -> AsyncIterator[Event]:
        """Start, or join the start under way; done when an API call through the user's socket has answered."""
        return self._stream("/start")

    def stop(self) -> AsyncIterator[Event]:
        """Stop the machine; the supervisor stays."""
        return self._stream("/stop")

    def restart(self) -> AsyncIterator[Event]:
        """Stop if it runs, then start."""
        return self._stream("/restart")

    def build_image(self, arch: str | None, force: bool) -> AsyncIterator[Event]:
        """Build the system image for ``arch`` (``amd64``, ``arm64``; None: this computer's)."""
        return self._stream("/images/build", {"arch": arch, "force": force})

    def reset(self, level: ResetLevel) -> AsyncIterator[Event]:
        """Stop, and delete what :meth:`reset_plan` says."""
        return self._stream("/reset", {"level": level})

    async def reset_plan(self, level: ResetLevel) -> list[str]:
        """What a reset would delete, undo and keep, one sentence each."""
        reply: list[str] = await self._get("/reset/plan", {"level": level})
        return reply

    async def shutdown(self) -> None:
        """Stop the machine and end the supervisor; returns when its process has ended."""
        pid = (await self.status()).supervisor_pid
        with contextlib.suppress(ControlError):  # it may end while it answers, which is what was asked for
            async for _ in self._stream("/shutdown"):
                pass
        if pid is not None:
            await _ended(pid)

    async def settings(self) -> dict[str, Any]:
        """All settings, with the defaults filled in."""
        reply: dict[str, Any] = await self._get("/settings")
        return reply

    async def set_setting(self, path: str, text: str) -> Note:
        """Set the setting at a dotted path from text (JSON or a plain word)."""
        return await self.set_settings({path: text})

    async def set_settings(self, changes: Mapping[str, str]) -> Note:
        """Set several, all or none."""
        return _as(Note, await self._call("PUT", "/settings", {"changes": dict(changes)}, timeout=90))

    async def settings_report(self) -> SettingsReport:
        """The settings as they were set and as they are used, and what this computer has."""
        return _as(SettingsReport, await self._get("/settings/report"))

    async def disk(self) -> DiskReport:
        """The data disk's figures."""
        return _as(DiskReport, await self._get("/disk"))

    async def grow_disk(self, gib: int) -> Note:
        """Enlarge the data disk to ``gib`` GiB; nothing is lost."""
        return _as(Note, await self._call("POST", "/disk/grow", {"gib": gib}, timeout=600))

    async def check_disk(self, repair: bool) -> DiskReport:
        """Check the stopped machine's disk, and mend what can be mended."""
        return _as(DiskReport, await self._call("POST", "/disk/check", {"repair": repair}, timeout=900))

    async def images(self) -> list[ImageReport]:
        """The system images in the cache."""
        return [_as(ImageReport, item) for item in await self._get("/images")]

    async def ports(self) -> list[PortReport]:
        """What containers publish on this computer."""
        return [_as(PortReport, item) for item in await self._get("/ports")]

    async def folders(self) -> list[FolderReport]:
        """The folders of this computer that the machine has."""
        return [_as(FolderReport, item) for item in await self._get("/folders")]

    async def ssh(self) -> SshReport:
        """How to reach the guest with ``ssh``; the machine has to run."""
        return _as(SshReport, await self._get("/ssh"))

    async def guest_log(self, source: str, offset: int = 0) -> tuple[str, int]:
        """A log kept in the guest (dockerd, containerd, sshd) from byte ``offset``: text and the next offset."""
        reply = await self._get("/logs", {"source": source, "offset": str(offset)})
        return reply["text"], reply["next"]

    async def diagnose(self) -> list[Check]:
        """Run every check."""
        return [_as(Check, item) for item in await self._get("/diagnose", timeout=120)]

    async def bundle(self) -> list[BundleFile]:
        """What a support bundle would hold, without secrets."""
        return [_as(BundleFile, item) for item in await self._get("/bundle", timeout=120)]

    async def menu(self, wanted: bool) -> Note:
        """Put Slipway into the desktop's menu, or take it away."""
        return _as(Note, await self._call("POST", "/menu", {"wanted": wanted}))

    async def context(self) -> ContextReport:
        """Which engine the docker command talks to; it is asked."""
        return _as(ContextReport, await self._get("/context"))

    async def use_context(self) -> Note:
        """Make ``slipway`` the current Docker context, and remember the one before."""
        return _as(Note, await self._call("POST", "/context/use"))

    async def change_helpers(self, repair: bool) -> Note:
        """Take missing credential helpers out of Docker's configuration, or put back what was taken out."""
        return _as(Note, await self._call("POST", "/helpers", {"repair": repair}))

    async def restore_context(self) -> Note:
        """Make the remembered Docker context current again."""
        return _as(Note, await self._call("POST", "/context/restore"))

    # -- transport --------------------------------------------------------------------------------

    async def _get(self, path: str, query: Mapping[str, str] | None = None, timeout: float = CALL_SECONDS) -> Any:
        return await self._call("GET", path, query=query, timeout=timeout)

    async def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        timeout: float = CALL_SECONDS,
    ) -> Any:
        try:
            reply = await self._http.request(method, path, json=body, params=query, timeout=timeout)
        except httpx.HTTPError as error:
            raise _broken(error) from error
        return _decode(reply)

    async def _stream(self, path: str, body: Any = None) -> AsyncIterator[Event]:
        """The events of long work; an ``error`` event is raised, ``done`` is the last one yielded."""
        async with aclosing(self._lines("POST", path, body)) as lines:
            async for values in lines:
                event = _as(Event, values)
                if event.kind == "error" and event.error is not None:
                    raise event.error.to_error()
                yield event
                if event.kind == "done":
                    return
        raise ControlError("The supervisor ended before the work was done", "See: slipway logs")

    async def _lines(
        self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Any]:
        """The values of a stream of JSON lines."""
        timeout = httpx.Timeout(CALL_SECONDS, read=None)
        try:
            async with self._http.stream(method, path, json=body, params=query, timeout=timeout) as reply:
                if reply.status_code != httpx.codes.OK:
                    await reply.aread()
                    _decode(reply)
                async for line in reply.aiter_lines():
                    if line.strip():
                        yield _json(line)
        except httpx.HTTPError as error:
            raise _broken(error) from error


async def _ended(pid: int) -> None:
    """Wait for a process that is not ours to wait for: where it was started from, it may be left as a zombie.

    :raise ControlError: it still runs after 30 s.
    """
    end = asyncio.get_running_loop().time() + SPAWN_SECONDS
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if asyncio.get_running_loop().time() > end:
                raise ControlError("Slipway's supervisor does not end", f"End process {pid} by hand.")
            await asyncio.sleep(0.02)


def _broken(error: httpx.HTTPError) -> ControlError:
    return ControlError(
        "The connection to Slipway's supervisor broke",
        "See what happened: slipway logs",
        f"{type(error).__name__}: {error}",
    )


def _as(kind: type[T], values: Any) -> T:
    try:
        return load(kind, values)
    except ValueError as error:
        raise ControlError(
            "The supervisor's answer cannot be understood",
            "The two ends of the control API differ: restart Slipway with one version.",
            str(error),
        ) from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ControlError("The supervisor's answer cannot be understood", detail=text[:500]) from error


def _decode(reply: httpx.Response) -> Any:
    values = _json(reply.text)
    if reply.is_success:
        return values
    raise _as(ErrorReport, values).to_error()
