"""Session: one running QEMU and its two channels; connecting to one that runs, and ending one at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vm.guest.control import Asked, GuestControl, Listener
from vm.host import Host
from vm.host.paths import Paths
from vm.qemu.monitor import EventHandler, Monitor
from vm.qemu.process import QemuProcess
from vm.qemu.record import Record
from vm.shielded import shielded
from vm.virtiofs import end_servers, find_servers

END_SECONDS = 1.0
"""For the end of a QEMU to be noticed after its channels have broken."""


@dataclass(frozen=True)
class Subscribers:
    """Who is called in the event loop with what comes through a session's channels.

    :ivar events: with each QMP event.
    :ivar stages: with each stage of the guest.
    :ivar asked: with each request of the guest.
    """

    events: EventHandler
    stages: Listener
    asked: Asked | None = None


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


async def attach(record: Record, host: Host, subscribers: Subscribers, timeout: float) -> Session | None:
    """Connect to the QEMU of ``record``, which another supervisor started.

    :param timeout: seconds for each channel.
    :return: None when that process is gone.
    :raise MachineError: it lives but does not answer; it is left as it is.
    """
    process = QemuProcess.find(record.pid, record.birth, host)
    if process is None:
        return None
    monitor = Monitor(host, Path(record.qmp_socket), subscribers.events)
    control = GuestControl(subscribers.stages, subscribers.asked)
    session = Session(process, monitor, control, record, find_servers(record, host))
    try:
        await monitor.connect(timeout)
        await control.connect(host, Path(record.control_socket), timeout)
        await control.send("stages")
    except BaseException:
        await shielded(session.disconnect())
        raise
    return session


async def discard(session: Session, paths: Paths) -> None:
    """End QEMU at once, close its channels and remove its record.

    :raise MachineError: QEMU cannot be ended; the record stays, so that it is not forgotten.
    """
    await session.disconnect()
    await session.process.kill()
    await end_servers(session.servers)
    paths.qemu_record.unlink(missing_ok=True)


async def end_orphan(record: Record, paths: Paths, host: Host) -> None:
    """End the QEMU of ``record``, which does not answer, so it cannot be asked to.

    :raise MachineError: it cannot be ended; its record stays.
    """
    process = QemuProcess.find(record.pid, record.birth, host)
    if process is not None:
        await process.kill()
    await end_servers(find_servers(record, host))
    paths.qemu_record.unlink(missing_ok=True)
