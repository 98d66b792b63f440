"""What the next supervisor has to know about a running QEMU, in ``run/qemu.json``; found again when that is lost.

A supervisor that cannot read the record would neither adopt nor end a QEMU that holds the data disk. So a record
may have keys that are not known here and lack those that came later. Where it is of no use at all, the process
itself is looked for: its command line names this installation's sockets.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vm.channels import Channels
from vm.files import write_atomically
from vm.host import Host
from vm.host.paths import Paths
from vm.spec import Accelerator

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """A running QEMU.

    :ivar birth: :meth:`vm.host.base.Host.birth` of the process when it started.
    :ivar ssh_port: the forwarded port on 127.0.0.1 that leads to the guest's sshd.
    :ivar image: the version of the system image it was booted from; for display only.
    :ivar link_socket: the host end of the fast link's port; empty when this QEMU has none.
    :ivar started: seconds since the epoch, for display only.
    :ivar shares: tags of folders that virtiofs carries → pid and birth of their servers.
    :ivar roots: tag → device and inode of the folder, for as long as that is the one to be shared.
    :ivar unshared: why it does not carry others.
    """

    pid: int
    birth: str
    ssh_port: int
    qmp_socket: str
    control_socket: str
    image: str
    accelerator: str
    started: float
    link_socket: str = ""
    shares: dict[str, list[Any]] = field(default_factory=dict)
    roots: dict[str, list[int]] = field(default_factory=dict)
    unshared: str = ""

    def write(self, path: Path) -> None:
        """Replace ``path`` atomically."""
        values = {"schema": 1, **asdict(self)}
        write_atomically(path, (json.dumps(values, indent=2) + "\n").encode(), 0o600)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record in ``path``; None when there is none that can be understood."""
        try:
            values: Any = json.loads(path.read_text(encoding="utf-8"))
            return cls._from(values)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be used: %s: %s", path, type(error).__name__, error)
            return None

    @classmethod
    def _from(cls, values: dict[str, Any]) -> Record:
        """:raise KeyError, TypeError, ValueError, AttributeError: what cannot be done without is not there."""
        record = cls(
            pid=_required(values, "pid", int),
            birth=_required(values, "birth", str),
            ssh_port=_required(values, "ssh_port", int),
            qmp_socket=_required(values, "qmp_socket", str),
            control_socket=_required(values, "control_socket", str),
            image=str(values.get("image", "")),
            accelerator=Accelerator(values["accelerator"]).value,
            started=float(values.get("started", 0.0)),
            link_socket=str(values.get("link_socket", "")),
            unshared=str(values.get("unshared", "")),
        )
        for tag, (pid, birth) in values.get("shares", {}).items():
            record.shares[tag] = [int(pid), str(birth)]
        for tag, root in values.get("roots", {}).items():
            record.roots[tag] = [int(part) for part in root]
        return record


def _required(values: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = values[name]
    if not isinstance(value, kind):
        raise TypeError(f"“{name}” is {value!r}")
    return value


def find_record(paths: Paths, host: Host) -> Record | None:
    """The QEMU that was started for ``paths``, whether or not it still runs; None when there is none.

    Looks through the processes only where there is a record that cannot be used. Blocks.
    """
    record = Record.read(paths.qemu_record)
    if record is not None or not paths.qemu_record.exists():
        return record
    found = _find_process(paths, host)
    log.warning("the record of QEMU is of no use; %s", f"found process {found.pid}" if found else "no QEMU runs")
    return found


def _find_process(paths: Paths, host: Host) -> Record | None:
    ours = {
        Channels().listen("qmp", paths.qmp_socket)[-1],
        Channels(paths.channel_keys).credentials()[-1],
    }
    for process in psutil.process_iter(["cmdline", "create_time"]):
        argv = process.info["cmdline"] or []
        if ours.isdisjoint(argv):
            continue
        birth = host.birth(process.pid)
        if birth is not None:
            started = process.info["create_time"] or 0.0
            return from_command_line(process.pid, birth, argv, paths, started)
    return None


def from_command_line(pid: int, birth: str, argv: Sequence[str], paths: Paths, started: float) -> Record:
    """The record of a QEMU, by the arguments it was started with (see :mod:`vm.qemu.command`).

    It does not show which processes serve its folders, so they are not watched.
    """
    line = "\n".join(argv)

    def first(pattern: str, otherwise: str) -> str:
        match = re.search(pattern, line, re.MULTILINE)
        return match[1] if match else otherwise

    accelerator = first(r"-accel\n(\w+)", "")
    return Record(
        pid=pid,
        birth=birth,
        ssh_port=int(first(r"hostfwd=tcp:127\.0\.0\.1:(\d+)-:22\b", "0")),
        qmp_socket=str(paths.qmp_socket),
        control_socket=str(paths.guest_socket),
        image=Path(first(r"-kernel\n(.+)", "unknown/kernel")).parent.name,
        accelerator=accelerator if accelerator in set(Accelerator) else Accelerator.TCG.value,
        started=started,
        link_socket=str(paths.link_socket) if first(r"^socket,id=(link),", "") else "",
        shares={tag: [0, ""] for tag in re.findall(r"vhost-user-fs-pci,.*\btag=([^,\n]+)", line)},
    )
