"""A service of Windows, by its Service Control Manager: asked by psutil, started and stopped by ``sc.exe``.

A user who is no administrator may do that where the service's security descriptor allows it (Microsoft, "Service
Security and Access Rights"). ``sc.exe`` ends with Windows' error code, whatever the language of what it prints.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psutil

from vm.errors import HostError
from vm.host.programs import NO_WINDOW
from vm.services.event_log import read_events
from vm.services.service_config import may_start
from vm.services.state import LogPart, ServiceState

log = logging.getLogger(__name__)

T = TypeVar("T")

ACCESS_DENIED, ALREADY_RUNNING, NO_SUCH_SERVICE, NOT_ACTIVE, DISABLED = 5, 1056, 1060, 1062, 1058
"""Errors (winerror.h); Wine keeps the lower eight bits of an exit code."""

START_SECONDS, STOP_SECONDS = 60.0, 60.0
"""For a service to run, and to have stopped."""

LOOK_SECONDS = 0.25
"""Between two looks at a service that changes: Windows has no event for another program's service."""

WATCH_SECONDS = 2.0
"""Between two looks at one that runs."""

STATES = {
    "running": ServiceState.RUNNING,
    "paused": ServiceState.RUNNING,
    "pause_pending": ServiceState.RUNNING,
    "continue_pending": ServiceState.RUNNING,
    "start_pending": ServiceState.STARTING,
    "stop_pending": ServiceState.STOPPING,
    "stopped": ServiceState.STOPPED,
}
"""As psutil calls them."""


class WindowsService:
    """One service. :param name: its key name, not the one that is shown."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def title(self) -> str:
        """The service."""
        return f"The service {self.name}"

    async def state(self) -> ServiceState:
        """What it is now. :raise HostError: that is not told."""
        return await asyncio.to_thread(self._state)

    async def start(self) -> None:
        """Start it and wait until it runs.

        :raise HostError: it is not there, may not be started, or does not start.
        """
        if await self.state() is ServiceState.STOPPED:
            await self._control("start", ALREADY_RUNNING)
        await self._reach(ServiceState.RUNNING, START_SECONDS)

    async def stop(self) -> None:
        """Stop it and wait until it has. :raise HostError: it may not be stopped, or does not stop."""
        if await self.state() in (ServiceState.ABSENT, ServiceState.STOPPED):
            return
        await self._control("stop", NOT_ACTIVE)
        await self._reach(ServiceState.STOPPED, STOP_SECONDS)

    async def wait_ended(self) -> str:
        """Wait until it has stopped, by itself or by somebody else's hand."""
        while await self.state() not in (ServiceState.STOPPED, ServiceState.ABSENT):
            await asyncio.sleep(WATCH_SECONDS)
        said = await asyncio.to_thread(self._last_words)
        return "\n".join(filter(None, ["the service has stopped", said]))

    async def disabled(self) -> bool:
        """Whether nobody can start it, as it is configured; also where there is none.

        :raise HostError: that is not told.
        """
        return await asyncio.to_thread(self._asked, lambda service: service.start_type() == "disabled", True)

    async def may_start(self) -> bool:
        """Whether this user may start it. :raise HostError: it is not there, or Windows does not tell."""
        return await asyncio.to_thread(may_start, self.name)

    def _state(self) -> ServiceState:
        return self._asked(lambda service: STATES[service.status()], ServiceState.ABSENT)

    def _asked(self, question: Callable[[Any], T], absent: T) -> T:
        """:param absent: the answer where there is no such service."""
        services: Any = psutil  # only Windows' psutil has them
        try:
            return question(services.win_service_get(self.name))
        except psutil.NoSuchProcess:
            return absent
        except (psutil.Error, OSError, KeyError) as error:
            raise HostError(f"{self.title} cannot be looked at", "", repr(error)) from error

    async def log(self, after: int) -> LogPart:
        """What it has written to Windows' event log after the record of that number; after 0 the newest.

        :raise HostError: that cannot be read.
        """
        events = await asyncio.to_thread(read_events, self.name, after)
        return LogPart("".join(f"{event}\n" for event in events), events[-1].number if events else after)

    def _last_words(self) -> str:
        """The last that it has written to the event log; empty where that is not told."""
        try:
            return "".join(event.message for event in read_events(self.name, newest=1))
        except HostError as error:
            log.warning("%s %s", error.message, error.detail)
            return ""

    async def _control(self, verb: str, harmless: int) -> None:
        """:param harmless: the error that says that it is so already."""
        done = await asyncio.to_thread(
            subprocess.run,
            ["sc.exe", verb, self.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            creationflags=NO_WINDOW,
        )
        code = done.returncode
        if code in (0, harmless, harmless & 0xFF):
            return
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise HostError(f"{self.title} does not {verb}: {_reason(code)}", "", said)

    async def _reach(self, wanted: ServiceState, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (state := await self.state()) is not wanted:
            if state is ServiceState.ABSENT:
                raise HostError(f"{self.title} is not there")
            if wanted is ServiceState.RUNNING and state is ServiceState.STOPPED:
                said = await asyncio.to_thread(self._last_words)
                reason = f": {said.splitlines()[-1].strip()}" if said else ""
                raise HostError(
                    f"{self.title} has ended at its start{reason}", "See Windows' event log: eventvwr.msc", said
                )
            if time.monotonic() > end:
                raise HostError(f"{self.title} is still {state} after {seconds:g} s")
            await asyncio.sleep(LOOK_SECONDS)


def _reason(code: int) -> str:
    reasons = {
        ACCESS_DENIED: "this user may not",
        NO_SUCH_SERVICE: "it is not there",
        DISABLED: "it is disabled",
    }
    return next((why for known, why in reasons.items() if code in (known, known & 0xFF)), f"Windows' error {code}")
