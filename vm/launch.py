"""Starting QEMU for a machine: ports that are free, leftovers out of the way, and failures put into words.

QEMU tells most of its start-up failures on stderr and by ending; :func:`explain` knows those which a person can do
something about. A forwarded port may be taken between our choice and QEMU's bind; then another one is chosen.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vm.errors import DiskError, HostError, ImageError, KernelCrash, MachineError, UserError
from vm.guest.control import Asked, GuestControl, Listener
from vm.host import Host
from vm.host.paths import Paths
from vm.qemu.command import build_argv
from vm.qemu.monitor import EventHandler, Monitor
from vm.qemu.process import QemuProcess, Record, describe_exit, tail
from vm.shielded import shielded
from vm.spec import MachineSpec, PortForward
from vm.virtiofs import Servers, end_servers, find_servers

log = logging.getLogger(__name__)

GUEST_SSH_PORT = 22
PORT_ATTEMPTS = 5
CONNECT_SECONDS = 20.0
"""For QEMU to open its channels; it does within 0.1 s unless the computer is overloaded."""

QUIT_SECONDS = 3.0
"""For QEMU to answer a command while it is being stopped, and to go once told to quit."""

_PORT_TAKEN = "Could not set up host forwarding rule"

PortChooser = Callable[[], int]


class PortTaken(MachineError):
    """QEMU could not bind a forwarded port."""


@dataclass
class Session:
    """One running QEMU and the two channels every QEMU has.

    :ivar servers: by tag, the processes that serve it shared folders.
    """

    process: QemuProcess
    monitor: Monitor
    control: GuestControl
    record: Record
    servers: Mapping[str, QemuProcess] = field(default_factory=dict)

    async def disconnect(self) -> None:
        """Close the channels; QEMU stays. Idempotent, never raises."""
        await self.control.close()
        await self.monitor.close()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def with_ports(spec: MachineSpec, choose: PortChooser) -> tuple[MachineSpec, int]:
    """Fill in the ports left to us (0) and add the forward to sshd if it is missing; return sshd's port too."""
    forwards = list(spec.forwards)
    if not any(forward.guest_port == GUEST_SSH_PORT for forward in forwards):
        forwards.append(PortForward(0, GUEST_SSH_PORT))
    filled = tuple(PortForward(forward.host_port or choose(), forward.guest_port) for forward in forwards)
    ssh_port = next(forward.host_port for forward in filled if forward.guest_port == GUEST_SSH_PORT)
    return replace(spec, forwards=filled), ssh_port


async def launch(
    spec: MachineSpec,
    paths: Paths,
    host: Host,
    *,
    events: EventHandler,
    listener: Listener,
    asked: Asked | None = None,
    choose: PortChooser = free_port,
) -> Session:
    """Start QEMU and connect to its monitor and its control port; on any failure no QEMU is left.

    :raise MachineError: QEMU did not start; also the more telling errors of :func:`explain`.
    """
    for attempt in range(1, PORT_ATTEMPTS + 1):
        filled, ssh_port = with_ports(spec, choose)
        try:
            return await _launch(filled, ssh_port, paths, host, events, GuestControl(listener, asked))
        except PortTaken as error:
            fixed = [forward.host_port for forward in spec.forwards if forward.host_port]
            if fixed:
                names = " or ".join(map(str, fixed))
                raise MachineError(
                    f"The machine's port {names} of 127.0.0.1 is in use",
                    f"End the program that uses it (“ss -tlnp 'sport = :{fixed[0]}'” names it).",
                    error.detail,
                ) from error
            log.warning("port %d is in use, choosing another (attempt %d)", ssh_port, attempt)
            log.debug("%s", error.detail)
        except MachineError as error:
            if not spec.shares:
                raise
            log.warning("no folder goes by virtiofs: %s\n%s", error.message, error.detail)
            spec = replace(spec, shares=(), unshared="the machine did not start with virtiofs (see the logs)")
    raise MachineError(
        f"No free port was found for the machine in {PORT_ATTEMPTS} attempts",
        "Another program takes ports of 127.0.0.1 as fast as they become free: see what it is with “ss -tlnp”.",
    )


async def _launch(
    spec: MachineSpec, ssh_port: int, paths: Paths, host: Host, events: EventHandler, control: GuestControl
) -> Session:
    for channel in (spec.qmp_socket, spec.control_socket, spec.link_socket):
        if channel is not None:
            channel.unlink(missing_ok=True)  # left by a QEMU that was killed
    with Servers(spec, host, paths) as started:
        argv = build_argv(started.spec, host.system)
        process = QemuProcess.spawn(argv, host, paths.qemu_log, started.descriptors)
    monitor = Monitor(host, spec.qmp_socket, events)
    record = Record(
        pid=process.pid,
        birth=process.birth,
        ssh_port=ssh_port,
        qmp_socket=str(spec.qmp_socket),
        control_socket=str(spec.control_socket),
        image=spec.boot.version,
        accelerator=str(spec.accelerator),
        started=time.time(),
        link_socket=str(spec.link_socket or ""),
        shares={tag: [server.pid, server.birth] for tag, server in started.running.items()},
        roots=started.roots,
        unshared=spec.unshared,
    )
    session = Session(process, monitor, control, record, started.running)
    try:
        record.write(paths.qemu_record)
        await _connect(session, spec, host, paths.qemu_log)
    except BaseException:
        await shielded(discard(session, paths))
        raise
    return session


async def _connect(session: Session, spec: MachineSpec, host: Host, output: Path) -> None:
    async def channels() -> None:
        await session.monitor.connect(CONNECT_SECONDS)
        await session.control.connect(host, spec.control_socket, CONNECT_SECONDS)

    connecting = asyncio.create_task(channels(), name="connect to qemu")
    try:
        waiting: list[asyncio.Future[Any]] = [connecting, session.process.exited]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if session.process.exited.done():
            raise explain(tail(output), session.process.exited.result())
        await connecting
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])
        if not connecting.cancelled():
            connecting.exception()  # a failure that QEMU's end explains better is taken note of


async def attach(
    record: Record,
    host: Host,
    *,
    events: EventHandler,
    listener: Listener,
    timeout: float,
    asked: Asked | None = None,
) -> Session | None:
    """Connect to the QEMU of ``record``, which another supervisor started.

    :return: None when that process is gone.
    :raise MachineError: it lives but does not answer; it is left as it is.
    """
    process = QemuProcess.find(record.pid, record.birth, host)
    if process is None:
        return None
    monitor, control = Monitor(host, Path(record.qmp_socket), events), GuestControl(listener, asked)
    session = Session(process, monitor, control, record, find_servers(record, host))
    try:
        await monitor.connect(timeout)
        await control.connect(host, Path(record.control_socket), timeout)
        await control.send("stages")
    except BaseException:
        await shielded(session.disconnect())
        raise
    return session


async def end_orphan(record: Record, paths: Paths, host: Host) -> None:
    """End the QEMU of ``record``, which does not answer, so it cannot be asked to.

    :raise MachineError: it cannot be ended; its record stays.
    """
    process = QemuProcess.find(record.pid, record.birth, host)
    if process is not None:
        await process.kill()
    await end_servers(find_servers(record, host))
    paths.qemu_record.unlink(missing_ok=True)


async def discard(session: Session, paths: Paths) -> None:
    """End QEMU at once, close its channels and remove its record.

    :raise MachineError: QEMU cannot be ended; the record stays, so that it is not forgotten.
    """
    await session.disconnect()
    await session.process.kill()
    await end_servers(session.servers)
    paths.qemu_record.unlink(missing_ok=True)


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


def explain_end(session: Session, paths: Paths, last_words: str = "") -> MachineError:
    """Why QEMU ended later, from what it and the guest's kernel printed.

    :param last_words: what is known of it already.
    """
    how = last_words or describe_exit(session.process.exited.result())
    detail = "\n".join(filter(None, [tail(paths.qemu_log).strip(), tail(paths.console_log).strip()]))
    if "Kernel panic" in detail:
        return KernelCrash("The machine's kernel crashed", "Starting it again usually helps.", detail)
    return MachineError(f"QEMU ended unexpectedly: {how}", "Starting it again usually helps.", detail)


def explain(output: str, code: int | None) -> UserError:
    """Why QEMU ended at its start, from what it printed."""
    detail = f"QEMU: {describe_exit(code)}\n{output}".strip()
    if _PORT_TAKEN in output:
        return PortTaken("A port that leads into the machine is in use", "", detail)
    if "Failed to get" in output and "lock" in output:
        return DiskError(
            "The data disk is in use by another process",
            "Another Slipway or another QEMU uses it. End that one first.",
            detail,
        )
    if "Cannot allocate memory" in output or "cannot set up guest memory" in output:
        return HostError(
            "This computer has too little free memory for the machine",
            "Close other programs, or give the machine less: slipway settings set memory_mib …",
            detail,
        )
    if "not in qcow2 format" in output or "qcow2: " in output or "Image is corrupt" in output:
        return DiskError(
            "The data disk is damaged and cannot be opened",
            "It is left as it is. “slipway diagnose” tells more; a backup of its file is a good idea now.",
            detail,
        )
    if "No space left on device" in output:
        return HostError("The disk of this computer is full", "Free some space on it, then start again.", detail)
    if "could not load kernel" in output or "could not open kernel" in output or "root.erofs" in output:
        return ImageError("The system image cannot be read", "Make it again: slipway image build --force", detail)
    return MachineError("QEMU ended at its start", "What it printed tells more.", detail)
