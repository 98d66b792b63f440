"""The process in which the supervisor, or its stand-in, lives: lock, log, signals, control API.

It ends with 0 when told to, when another supervisor holds the lock, and when nobody needs it: a query, such as
``slipway settings get``, starts a supervisor that is not asked to start anything. With 1 when it cannot begin.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from desktop.control.calls import Route
from desktop.control.lock import InstanceLock, holder
from desktop.control.schema import CallerEnvironment
from desktop.supervisor.server import Clients, serve
from vm.errors import UserError
from vm.host import Host, SessionListener, allow_many_files, host, new_event_loop, watch_session
from vm.host.paths import Paths

LOG_BYTES = 2 * 1024 * 1024
LOG_FILES = 3

UNUSED_SECONDS = 10.0
"""Without clients, until a supervisor ends that was never asked to start anything."""

log = logging.getLogger("desktop.supervisor")


class Service(Protocol):
    """What lives in this process, behind the control API.

    :ivar ending: set when the process shall end.
    """

    ending: asyncio.Event

    def wanted(self) -> bool:
        """Whether something runs here, or somebody has asked for that since this process began."""
        ...

    async def open(self) -> None:
        """Begin.

        :raise UserError: it cannot.
        """
        ...

    def notice(self, caller: CallerEnvironment) -> None:
        """A client with this environment asks for something."""
        ...

    def woke(self) -> None:
        """The computer has slept, or its clock was set."""
        ...

    async def settle(self) -> None:
        """Stop whatever runs, while the control API still answers."""
        ...

    async def close(self) -> None:
        """Give everything up."""
        ...


Make = Callable[[Paths, Host], tuple[Service, Sequence[Route]]]
"""Makes the service, inside the event loop, and says what does each call of the control API."""


async def supervise(paths: Paths, make: Make) -> None:
    """Serve until told to end; the machine is stopped cleanly then."""
    service, routes = make(paths, host())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, service.ending.set)
        except NotImplementedError:  # Windows' event loop has no signals; messages to a window end us there
            break
    with _session_watched(service, loop):
        await _serve(service, routes, paths)


async def _serve(service: Service, routes: Sequence[Route], paths: Paths) -> None:
    await service.open()
    try:
        async with serve(routes, paths.control_socket, service.notice) as clients:
            log.info("supervisor %d is ready", os.getpid())
            await _until_end(service, clients)
            log.info("supervisor %d ends", os.getpid())
            await service.settle()
    finally:
        await service.close()


@contextlib.contextmanager
def _session_watched(service: Service, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """While this lasts, the end of the user's session ends the service, and waits for that."""
    ended = threading.Event()

    def call(act: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: so has the service
            loop.call_soon_threadsafe(act)

    def wait() -> None:
        ended.wait()

    listener = SessionListener(lambda: call(service.ending.set), wait, lambda: call(service.woke))
    with contextlib.ExitStack() as watching:
        try:
            watching.callback(watch_session(listener))
        except OSError as error:
            log.warning("the end of the session will not be noticed: %s", error)
        watching.callback(ended.set)
        yield


async def _until_end(service: Service, clients: Clients) -> None:
    """Wait until the process shall end, or until it is of no use to anybody."""
    while True:
        unused = 0.0 if service.wanted() else clients.absent_seconds
        if unused >= UNUSED_SECONDS:
            log.info("it was not asked to start anything, and has no clients")
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNUSED_SECONDS - unused):
                await service.ending.wait()
                return


def main(make: Make) -> int:
    """Be the supervisor of this installation; the exit code.

    :param make: makes the supervisor, or its stand-in.
    """
    paths = host().paths()
    try:
        paths.prepare()
    except UserError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    handler = logging.handlers.RotatingFileHandler(
        paths.supervisor_log, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("paramiko", "qemu.qmp", "aiohttp.access", "httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    lock = InstanceLock(paths.lock)
    if not lock.acquire():
        print(f"another supervisor runs already: process {holder(paths.lock)}")
        return 0
    log.info("files this process may open: %s", allow_many_files() or "any number")
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(supervise(paths, make))
    except UserError as error:
        log.error("%s %s\n%s", error.message, error.hint, error.detail)
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    return 0
