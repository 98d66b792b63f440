"""The supervisor's process: ``python -m desktop.supervisor``; ends with 0 when another one holds the lock."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import os
import signal
import sys

from desktop.supervisor.app import Supervisor
from desktop.supervisor.lock import InstanceLock
from desktop.supervisor.server import serve
from vm.errors import UserError
from vm.host import allow_many_files, host, new_event_loop
from vm.host.paths import Paths

LOG_BYTES = 2 * 1024 * 1024
LOG_FILES = 3

log = logging.getLogger("desktop.supervisor")


async def supervise(paths: Paths, kind: type[Supervisor]) -> None:
    """Serve until told to end; the machine is stopped cleanly then."""
    supervisor = kind(paths, host())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, supervisor.ending.set)
        except NotImplementedError:  # Windows' event loop has no signals: there the control API ends us
            break
    await supervisor.open()
    try:
        async with serve(supervisor, paths.control_socket):
            log.info("supervisor %d is ready", os.getpid())
            await supervisor.ending.wait()
            log.info("supervisor %d ends", os.getpid())
            await supervisor.settle()
    finally:
        await supervisor.close()


def main(kind: type[Supervisor] = Supervisor) -> int:
    """Run the supervisor of this installation; the exit code is for the log only.

    :param kind: the supervisor, or its stand-in.
    """
    paths = host().paths()
    try:
        paths.prepare()
    except UserError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    handler = logging.handlers.RotatingFileHandler(paths.supervisor_log, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("paramiko", "qemu.qmp", "aiohttp.access", "httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    lock = InstanceLock(paths.lock)
    if not lock.acquire():
        print("another supervisor runs already")
        return 0
    log.info("files this process may open: %s", allow_many_files() or "any number")
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(supervise(paths, kind))
    except UserError as error:
        log.error("%s %s\n%s", error.message, error.hint, error.detail)
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
