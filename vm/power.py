"""A running machine's power: pause and resume its processors, give it the time, shut it down."""

from __future__ import annotations

import asyncio
import logging

from vm.disk import DataDisk
from vm.errors import LinkError, MachineError
from vm.guest.clock import synchronise
from vm.host.paths import Paths
from vm.session import Session
from vm.virtiofs import end_servers

log = logging.getLogger(__name__)

QUIT_SECONDS = 3.0
"""For QEMU to answer a command while it is being stopped, and to end after the command quit."""


async def pause(session: Session) -> None:
    """Stop the virtual processors; nothing in the guest notices. :raise MachineError: QEMU refused."""
    await session.monitor.execute("stop")


async def resume(session: Session, disk: DataDisk) -> None:
    """Let the virtual processors run again.

    :raise DiskError: the host's disk is still full.    :raise MachineError: QEMU refused.
    """
    disk.require_space()
    await session.monitor.execute("cont")


async def set_time(session: Session) -> None:
    """Give the guest the host's time; a guest that does not answer is only logged."""
    try:
        await synchronise(session.control.command)
    except LinkError as error:  # reported by what noticed it first
        log.info("the guest cannot be given the time: %s", error)
    except (MachineError, ValueError) as error:
        log.warning("the guest did not take the time: %s", error)


async def shut_down(session: Session, paths: Paths, timeout: float) -> str:
    """End QEMU as gently as it lets us: the guest's own shutdown, then QMP quit, then kill.

    :param timeout: seconds for the guest's own shutdown.
    :return: the step that did it, for the log: "poweroff", "quit" or "kill".
    :raise MachineError: nothing ended it.
    """
    process = session.process
    if process.suspended:
        log.warning("QEMU %d is suspended: waking it up so that it can shut down", process.pid)
        process.wake()
    step = "poweroff"
    log.info("stopping: asking the guest to power off (up to %g s)", timeout)
    if not await _power_off(session, timeout):
        step = "quit"
        log.warning("stopping: the guest did not power off; telling QEMU to quit")
        try:
            await session.monitor.execute("quit", timeout=QUIT_SECONDS)
        except MachineError as error:
            log.warning("stopping: %s %s", error.message, error.detail)
        if not await process.wait(QUIT_SECONDS):
            step = "kill"
            log.warning("stopping: QEMU did not quit; killing it")
            await process.kill()
    log.info("stopped by %s", step)
    await session.disconnect()
    await end_servers(session.servers)
    paths.qemu_record.unlink(missing_ok=True)
    return step


async def _power_off(session: Session, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            status = await session.monitor.execute("query-status", timeout=QUIT_SECONDS)
            if status.get("status") == "paused":
                await session.monitor.execute("cont", timeout=QUIT_SECONDS)
            await session.control.send("poweroff")
            return await session.process.wait(timeout)
    except TimeoutError:
        return session.process.exited.done()
    except MachineError as error:
        log.warning("stopping: %s", error.message)
    return await session.process.wait(0.2)
