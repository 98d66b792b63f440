"""Starting the supervisor where there is none, once, however many clients need it and however long it takes.

The supervisor is a detached process, which holds a lock for its life. Under load it may take a minute to come up.
It is waited for as long as its process lives, and the client that starts it holds a second lock meanwhile, so that
no other client starts one more. The supervisor inherits that lock, where locks can be inherited, and the lock's
file names its process: so one whose starter was killed is waited for too, and ``slipway stop`` leaves none behind.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

from desktop.control.errors import ControlError, SupervisorSilent
from desktop.control.lock import InstanceLock, holder, is_held, written
from vm.host import host, programs
from vm.host.paths import Paths

FAKE = "SLIPWAY_FAKE"
"""When set, a scripted stand-in (desktop/supervisor/fake) is started instead of the supervisor."""

POLL_SECONDS = 0.03
"""A socket that is about to listen has no event."""

FIRST_WORD, NEXT_WORD = 3.0, 5.0
"""Seconds until the waiting is reported, and between two reports."""


def start_supervisor(paths: Paths, turn: InstanceLock) -> subprocess.Popen[bytes]:
    """Start a supervisor, detached; its output goes to a file, and it holds the lock ``turn`` too."""
    module = "desktop.supervisor.fake" if os.environ.get(FAKE) else "desktop.supervisor"
    flags = {**host().spawn_flags(), **host().keep_open(turn.descriptor)}
    return programs.start(module, flags=flags, output=_output(paths))


async def bring_up(
    paths: Paths,
    answers: Callable[[], Awaitable[bool]],
    tell: Callable[[str], object] = lambda _: None,
    start: Callable[[Paths, InstanceLock], subprocess.Popen[bytes]] = start_supervisor,
) -> None:
    """Wait until a supervisor answers; start one unless one is starting, or ending, already.

    :param answers: asks whether one does.    :param tell: gets a sentence now and then while it takes long.
    :raise ControlError: the one that was started ended with an error.    :raise HostError: no folder for it.
    """
    paths.prepare()
    waiting = _Waiting(paths, tell)
    turn = InstanceLock(paths.starting_lock)
    process: subprocess.Popen[bytes] | None = None
    try:
        while not await _tried(answers):
            if process is not None:
                code = process.poll()
                if code:
                    raise _not_started(paths)
                if code == 0:  # it found the lock taken, by one that is about to answer or to end
                    process = None
            elif coming(paths) is None and turn.acquire() and not is_held(paths.lock):
                process = start(paths, turn)
                turn.write(f"{process.pid} {host().birth(process.pid)}\n")
            waiting.report()
            await asyncio.sleep(POLL_SECONDS)
    finally:
        turn.release()


async def joined(
    paths: Paths, answers: Callable[[], Awaitable[bool]], tell: Callable[[str], object] = lambda _: None
) -> bool:
    """Wait for the supervisor that another client is starting, or has started; whether it answers.

    One that is ending already is waited for as well.
    """
    waiting = _Waiting(paths, tell)
    while is_held(paths.starting_lock) or coming(paths) is not None:
        waiting.report()
        await asyncio.sleep(POLL_SECONDS)
        if await _tried(answers):
            return True
    return await _tried(answers)


def coming(paths: Paths) -> int | None:
    """The process of the supervisor that was started last, if it lives: it answers, will do so, or is ending."""
    number, _, birth = written(paths.starting_lock).strip().partition(" ")
    if not number.isdecimal() or host().birth(int(number)) != birth:
        return None
    return int(number)


async def _tried(answers: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await answers()
    except SupervisorSilent:  # it listens already, and has not had the processor since
        return False


def _output(paths: Paths) -> Path:
    return paths.logs / "supervisor.out"


def _not_started(paths: Paths) -> ControlError:
    output = _output(paths)
    try:
        end = output.read_text(errors="replace")[-3000:]
    except OSError as error:
        end = f"{output}: {error.strerror}"
    return ControlError(
        "Slipway's supervisor did not start",
        f"Its output is in {output}, its log in {paths.supervisor_log}.",
        end,
    )


class _Waiting:
    """Reports a long wait, a sentence every few seconds."""

    def __init__(self, paths: Paths, tell: Callable[[str], object]) -> None:
        self._paths = paths
        self._tell = tell
        self._began = asyncio.get_running_loop().time()
        self._next = self._began + FIRST_WORD

    def report(self) -> None:
        """Say how long it has taken, when it is time to."""
        now = asyncio.get_running_loop().time()
        if now < self._next:
            return
        self._next = now + NEXT_WORD
        pid = holder(self._paths.lock) if is_held(self._paths.lock) else coming(self._paths)
        process = f" (process {pid})" if pid is not None else ""
        self._tell(f"Waiting for Slipway's supervisor{process} to start, for {now - self._began:.0f} s so far")
