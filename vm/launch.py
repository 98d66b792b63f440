"""Starting QEMU for a machine: ports that are free, leftovers out of the way, and failures with a type.

A forwarded port may be taken between our choice and QEMU's bind; then another one is chosen. When QEMU ends at
once for a reason that its messages do not make plain, the files it needs are checked: the image and the data disk.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vm.disk import DataDisk
from vm.errors import HostError, ImageError, MachineError, PortTaken, TransientError, UserError
from vm.guest.control import GuestControl
from vm.host import Host
from vm.host.paths import Paths
from vm.qemu.command import build_argv
from vm.qemu.failures import explain_start
from vm.qemu.monitor import Monitor
from vm.qemu.process import QemuProcess, tail
from vm.qemu.record import Record
from vm.session import END_SECONDS, Session, Subscribers, discard
from vm.shielded import shielded
from vm.spec import MachineSpec, PortForward
from vm.virtiofs import Servers

log = logging.getLogger(__name__)

GUEST_SSH_PORT = 22
PORT_ATTEMPTS = 5
CONNECT_SECONDS = 60.0
"""For QEMU to open its channels; it does within 0.1 s unless the computer is overloaded."""

PortChooser = Callable[[], int]


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
    spec: MachineSpec, paths: Paths, host: Host, subscribers: Subscribers, choose: PortChooser = free_port
) -> Session:
    """Start QEMU and connect to its monitor and its control port; on any failure no QEMU is left.

    :raise QemuEnded: QEMU crashed.
    :raise MachineError: QEMU did not start; also the more telling errors of :func:`find_cause`.
    """
    for attempt in range(1, PORT_ATTEMPTS + 1):
        filled, ssh_port = with_ports(spec, choose)
        try:
            return await _launch(filled, ssh_port, paths, host, subscribers)
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
        except TransientError:
            raise
        except MachineError as error:
            if not spec.shares:
                raise
            log.warning("no folder goes by virtiofs: %s\n%s", error.message, error.detail)
            spec = without_shares(spec)
    raise MachineError(
        f"No free port was found for the machine in {PORT_ATTEMPTS} attempts",
        "Another program takes every free port of 127.0.0.1. Find it with “ss -tlnp”.",
    )


def without_shares(spec: MachineSpec) -> MachineSpec:
    """The same machine without folders by virtiofs, which it does not start with."""
    return replace(spec, shares=(), unshared="the machine did not start with virtiofs (see the logs)")


async def find_cause(spec: MachineSpec, host: Host) -> UserError | None:
    """What is wrong with the files that QEMU needs; None when nothing is."""
    for path in (spec.boot.kernel, spec.boot.initramfs, spec.boot.root):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            return ImageError(
                f"The system image cannot be read: {error.strerror}",
                "Build it again: slipway image build --force",
                str(path),
            )
    try:
        return await DataDisk(spec.disk.path, host).fault()
    except HostError as error:
        log.warning("the data disk cannot be looked at: %s", error.message)
        return None


async def _launch(spec: MachineSpec, ssh_port: int, paths: Paths, host: Host, subscribers: Subscribers) -> Session:
    channels = [path for path in (spec.qmp_socket, spec.control_socket, spec.link_socket) if path is not None]
    spec = replace(spec, channels=await asyncio.to_thread(host.make_channels, channels, paths.channel_keys))
    for output in (paths.qemu_log, paths.console_log):
        keep_previous(output)
    with Servers(spec, host, paths) as started:
        argv = build_argv(started.spec)
        process = QemuProcess.spawn(argv, host, paths.qemu_log, started.descriptors)
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
    monitor = Monitor(host, spec.qmp_socket, subscribers.events)
    control = GuestControl(subscribers.stages, subscribers.asked)
    session = Session(process, monitor, control, record, started.running)
    try:
        record.write(paths.qemu_record)
        if not await _connect(session, spec, host):
            failure = explain_start(argv, tail(paths.qemu_log), process.exited.result())
            if type(failure) is MachineError:  # nothing that is known
                cause = await find_cause(spec, host)
                if cause is not None:
                    cause.detail = "\n".join(filter(None, [cause.detail, failure.detail]))
                    failure = cause
            raise failure
    except BaseException:
        await shielded(discard(session, paths))
        raise
    return session


async def _connect(session: Session, spec: MachineSpec, host: Host) -> bool:
    """Connect to QEMU's channels; whether it lived long enough.

    :raise MachineError: it does not open them in time.
    """

    async def channels() -> None:
        await session.monitor.connect(CONNECT_SECONDS)
        await session.control.connect(host, spec.control_socket, CONNECT_SECONDS)

    connecting = asyncio.create_task(channels(), name="connect to qemu")
    try:
        waiting: list[asyncio.Future[Any]] = [connecting, session.process.exited]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not session.process.exited.done() and connecting.exception() is None:
            return True
        if await session.process.wait(END_SECONDS):
            return False
        await connecting
        return True
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])
        if not connecting.cancelled():
            connecting.exception()  # a failure that QEMU's end explains better is taken note of


def keep_previous(log_file: Path) -> None:
    """Keep the last QEMU's log, which may show how it ended, as ``NAME.previous.log``."""
    try:
        log_file.replace(log_file.with_name(f"{log_file.stem}.previous.log"))
    except FileNotFoundError:
        pass
    except OSError as error:
        log.debug("%s is not kept: %s", log_file, error)
