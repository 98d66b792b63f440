"""Kubernetes as a part: on and off, through the loss of a link and a restart, with the user's kubeconfig."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from desktop.control.schema import CallerEnvironment, Event
from desktop.settings.store import SettingsStore
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.parts.kubernetes import KubernetesCluster
from desktop.supervisor.settings import LiveSettings
from desktop.supervisor.warnings import Warnings
from engine.backends.base import Guest
from engine.kubernetes.cluster import ClusterError, free_port
from tests.unit.engine.no_link import NoLink
from tests.unit.sshd import eventually
from tests.unit.vm.qemu.test_slot import Qemu
from vm.errors import HostError, LinkError
from vm.guest.forward import Forward
from vm.guest.stream import Completed
from vm.host import host
from vm.host.paths import Paths
from vm.image.kubernetes.build import DISK, KUBERNETES
from vm.image.kubernetes.recipe import load_kubernetes_recipe
from vm.image.store import ImageStore
from vm.qemu.slot import SpareSlot

API_UP = {"name": "kube-apiserver", "state": "running", "restarts": 0, "error": ""}
WORDS = (
    *("mount -t", "/up", "down reset", "down clean", "/down ", "admin.conf"),
    *("backups", "cluster backup", "cluster restore"),
)
"""How the machine's commands are told apart."""
BACKUPS = b"20512 000007-v1.37.2-20261201T020000Z.db\n20544 000008-v1.37.2-20261201T030000Z.db\n9 notes.db\n"
WEB = {"namespace": "default", "name": "web", "protocol": "tcp", "port": 30080, "target": 30080}


def admin(number: int) -> bytes:
    """The administrator's kubeconfig of one start of the cluster."""
    key = base64.b64encode(f"-----BEGIN {number}".encode()).decode()
    names = ("certificate-authority-data", "client-certificate-data", "client-key-data")
    return "".join(f"    {name}: {key}\n" for name in names).encode()


class StatusStream:
    """The machine's status socket."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self, limit: int) -> bytes:
        return await self.lines.get()

    async def close(self) -> None:
        pass

    def report(
        self, phase: str, node: str, *parts: dict[str, Any], ports: Iterable[Any] = (), **more: str
    ) -> None:
        value = {"phase": phase, "version": "v1.37.2", "error": "", "node": node, **more}
        self.lines.put_nowait(json.dumps({**value, "parts": parts, "ports": list(ports)}).encode() + b"\n")


class Hearing(StatusStream):
    """A connection to the status socket by which the machine is told something."""

    def __init__(self, told: list[Any]) -> None:
        super().__init__()
        self.told = told

    async def write(self, data: bytes) -> None:
        self.told.append(json.loads(data))

    async def write_eof(self) -> None:
        self.lines.put_nowait(b"")


class Machine(NoLink):
    """Runs what it is asked to, and has one cluster."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.commands: list[str] = []
        self.status = StatusStream()
        self.followed = False
        self.told: list[Any] = []
        self.starts = 0
        self.fails = ""

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        word = next(word for word in WORDS if word in command)
        self.commands.append(word)
        if word == self.fails:
            return Completed(1, b"", b"no")
        if word == "/up":
            self.followed = False  # what followed it before has ended with the cluster
        said = {"admin.conf": admin(self.starts), "backups": BACKUPS}.get(word, b"")
        return Completed(0, said, b"")

    async def open_unix(self, path: str) -> Any:
        if self.closed.is_set():
            raise LinkError("lost")
        if self.followed:
            return Hearing(self.told)
        self.followed = True
        return self.status


class Kit:
    """The part with everything around it; the disk with Kubernetes is there."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "kube" / "config"
        self.caller = CallerEnvironment.of({"KUBECONFIG": str(self.config)})
        self.paths = Paths(folder / "home", folder / "cache")
        self.paths.home.mkdir()
        self.qemu = Qemu()
        self.machine = Machine()
        self.published: list[Forward] = []
        self.settings = LiveSettings(SettingsStore(self.paths.settings), host())
        environment = UserEnvironment()
        environment.use(self.caller)
        slot = SpareSlot(self.qemu.execute)
        self.waiting: dict[str, str] = {}
        self.handled: list[Callable[[], None]] = []
        self.warnings = Warnings()
        self.part = KubernetesCluster(
            self.paths,
            host(),
            self.settings,
            environment,
            slot,
            self,
            self.warnings,
            lambda: None,
        )
        self.settings.subscribe(self.part.configure)

    def follow(self, what: str, forwards: Iterable[Forward]) -> None:
        self.published = list(forwards)

    async def put_image(self) -> None:
        store = ImageStore(self.paths.kubernetes_images, KUBERNETES)
        version = load_kubernetes_recipe().version(host().arch)
        async with store.building(version) as work:
            (work / "made").mkdir()
            (work / "made" / DISK).write_bytes(b"erofs")
            store.add(work / "made", version, host().arch, {"created_by": "test", "packages": {}, "tools": {}})

    def attach(self) -> None:
        self.part.attach(Guest(self.machine, adopted=False))

    async def enable(self, *, use: bool = False) -> list[Event]:
        return [event async for event in self.part.enable(self.caller, use, rebuild=False)]

    async def restore(self, number: int) -> list[Event]:
        return [event async for event in self.part.restore(number)]

    async def run(self) -> Event:
        """Turn it on and let it come up; the last event."""
        self.attach()
        enabling = asyncio.create_task(self.enable())
        self.machine.status.report("starting", "?")
        self.machine.status.report("running", "ready", API_UP, ports=[WEB])
        return (await enabling)[-1]

    def take_port(self, reason: str) -> None:
        """Another program has the port of the service on the host, or none any more if there is no reason."""
        self.waiting = {"kubernetes-tcp-127.0.0.1-30080": reason} if reason else {}
        for call in self.handled:
            call()


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    made = Kit(tmp_path)
    await made.put_image()
    yield made
    await made.part.close()


async def test_it_comes_up_and_goes_down(kit: Kit) -> None:
    assert kit.part.show().state == "off"
    done = await kit.run()
    assert (done.kind, done.text.splitlines()[0]) == ("done", "Kubernetes v1.37.2 is running")
    assert kit.machine.commands == ["mount -t", "/up", "admin.conf"]
    assert [one["serial"] for one in kit.qemu.devices] == ["slipway-kubernetes"]
    report = kit.part.show()
    assert (report.state, report.text, report.kubeconfig) == ("running", "", str(kit.config))
    assert {(one.address, one.port) for one in kit.published} == {
        ("127.0.0.1", int(report.server.rpartition(":")[2])),
        ("127.0.0.1", 30080),
        ("::1", 30080),
    }
    assert "current-context: slipway\n" in kit.config.read_text()
    assert Path(report.own_file).stat().st_mode & 0o777 == 0o600

    (*_, off) = [event async for event in kit.part.disable()]
    assert off.kind == "done"
    assert kit.machine.commands[-1] == "down clean"
    assert kit.published == []
    assert not kit.config.exists()
    assert not Path(report.own_file).exists()
    assert kit.part.show().state == "off"
    assert not kit.settings.get().kubernetes


async def test_without_an_engine_it_waits_for_one(kit: Kit) -> None:
    (*_, done) = await kit.enable()
    assert (done.kind, "slipway start" in done.text) == ("done", True)
    assert kit.part.show().state == "waiting"
    kit.attach()
    await eventually(lambda: kit.machine.commands == ["mount -t", "/up"])


async def test_a_lost_link_keeps_the_cluster_and_the_ports(kit: Kit) -> None:
    await kit.run()
    ports = kit.published
    kit.part.detach(ended=False)
    assert kit.published == ports
    before = kit.config.read_bytes()
    kit.machine.status, kit.machine.followed = StatusStream(), False
    kit.machine.status.report("running", "ready", API_UP, ports=[WEB])
    kit.attach()
    await eventually(lambda: kit.part.show().state == "running")
    assert len(kit.qemu.devices) == 1
    assert kit.config.read_bytes() == before


async def test_a_machine_that_stops_is_prepared_and_the_next_one_has_other_certificates(kit: Kit) -> None:
    await kit.run()
    before = kit.config.read_text()
    await kit.part.prepare_stop()
    assert kit.machine.commands[-1] == "/down "
    kit.part.detach(ended=True)
    assert kit.published == []
    assert kit.part.show().state == "waiting"
    kit.machine, kit.qemu.nodes = Machine(), ["root"]
    kit.machine.starts = 1
    kit.machine.status.report("running", "ready", API_UP)
    kit.attach()
    await eventually(lambda: kit.part.show().state == "running")
    assert len(kit.qemu.devices) == 2
    assert kit.config.read_text() != before
    assert kit.config.read_text().count("name: slipway") == 3


async def test_a_failure_is_told_and_tried_again(kit: Kit) -> None:
    kit.attach()
    kit.machine.fails = "/up"
    (*_, last) = await kit.enable()
    assert last.kind == "error"
    assert last.error is not None
    assert last.error.message == "The cluster cannot be started"
    assert kit.part.show().state == "failed"
    kit.machine.fails = ""
    kit.machine.status.report("running", "ready", API_UP)
    await eventually(lambda: kit.part.show().state == "running")


async def test_a_port_that_is_taken_is_told_to_its_service(kit: Kit) -> None:
    await kit.run()
    kit.take_port("127.0.0.1:30080 is in use by nginx")
    taken = {"namespace": "default", "name": "web", "protocol": "tcp", "port": 30080}
    await eventually(
        lambda: kit.machine.told[-1:] == [[{**taken, "reason": "127.0.0.1:30080 is in use by nginx"}]]
    )
    (port,) = kit.part.show().ports
    assert "nginx" in port.error
    kit.take_port("")
    await eventually(lambda: kit.machine.told[-1] == [])
    (port,) = kit.part.show().ports
    assert not port.error


async def test_a_restored_backup_is_a_warning_until_the_next_start(kit: Kit) -> None:
    await kit.run()
    kit.machine.status.report("starting", "?", notice="The cluster's data was damaged")
    await eventually(lambda: bool(kit.warnings.list()))
    assert kit.warnings.list()[0].message == "The cluster's data was damaged"
    kit.machine.status.report("running", "ready", API_UP)
    await eventually(lambda: not kit.warnings.list())


async def test_what_is_not_tried_again_is_a_failure_with_a_way_out(kit: Kit) -> None:
    kit.attach()
    enabling = asyncio.create_task(kit.enable())
    kit.machine.status.report("failed", "?", error="The cluster's data is damaged")
    (*_, last) = await enabling
    assert last.error is not None
    assert last.error.message == "The cluster's data is damaged"
    assert "slipway kubernetes reset" in last.error.hint
    assert kit.part.show().state == "failed"
    kit.machine.status.report("running", "ready", API_UP)  # after a reset
    await eventually(lambda: kit.part.show().state == "running")


async def test_an_adopted_machine_keeps_its_image(kit: Kit) -> None:
    await kit.run()
    plugged = list(kit.qemu.devices)
    kit.part.detach(ended=False)
    kit.machine.status, kit.machine.followed = StatusStream(), False
    for image in (kit.paths.kubernetes_images).iterdir():
        if image.is_dir():
            shutil.rmtree(image)  # this version of Slipway would have to build it
    kit.machine.status.report("running", "ready", API_UP)
    kit.attach()
    await eventually(lambda: kit.part.show().state == "running")
    assert kit.qemu.devices == plugged


async def test_a_kubeconfig_that_cannot_be_edited_stops_nothing(kit: Kit) -> None:
    kit.config.parent.mkdir()
    kit.config.write_text('{"kind": "Config"}')
    done = await kit.run()
    assert done.kind == "done"
    assert "style" in done.text
    assert kit.part.show().own_file in done.text
    assert kit.config.read_text() == '{"kind": "Config"}'


async def test_a_reset_starts_a_new_cluster(kit: Kit) -> None:
    await kit.run()
    (*_, done) = [event async for event in kit.part.reset()]
    assert done.text == "The cluster was deleted, and a new one is starting"
    assert "down reset" in kit.machine.commands
    await eventually(lambda: kit.machine.commands[-1] == "/up")


async def test_backups_are_listed_the_newest_first(kit: Kit) -> None:
    with pytest.raises(ClusterError, match="The engine is not running"):
        await kit.part.backups()
    kit.attach()
    found = [(one.number, one.version, one.size) for one in await kit.part.backups()]
    assert found == [(8, "v1.37.2", 20544), (7, "v1.37.2", 20512)]


async def test_a_backup_is_restored(kit: Kit) -> None:
    await kit.run()
    before = kit.part.show()
    kit.machine.commands.clear()
    restoring = asyncio.create_task(kit.restore(7))
    await eventually(lambda: "/up" in kit.machine.commands)
    assert kit.part.show().state == "starting"
    kit.machine.status.report("running", "ready", API_UP, ports=[WEB])
    (*_, done) = await restoring
    assert kit.machine.commands == [
        *("backups", "cluster backup", "down clean", "cluster restore", "mount -t", "/up", "admin.conf")
    ]
    assert done.text.splitlines() == [
        "The backup 7 of 2026-12-01 02:00 UTC was restored",
        "What the cluster was until now is the newest backup: slipway kubernetes restore",
    ]
    assert kit.part.show() == before


@pytest.mark.parametrize(("fails", "commands"), [("cluster restore", 6), ("down clean", 5)])
async def test_a_restoration_that_fails_starts_the_cluster_again(kit: Kit, fails: str, commands: int) -> None:
    await kit.run()
    kit.machine.commands.clear()
    kit.machine.fails = fails
    (*_, last) = await kit.restore(8)
    assert last.error is not None
    assert last.error.message in ("The backup 8 cannot be restored", "The cluster cannot be stopped")
    await eventually(lambda: kit.machine.commands[-1] == "/up")
    assert len(kit.machine.commands) == commands
    kit.machine.status.report("running", "ready", API_UP)
    await eventually(lambda: kit.part.show().state == "running")


async def test_a_cluster_that_cannot_be_backed_up_can_be_restored(kit: Kit) -> None:
    await kit.run()
    kit.machine.commands.clear()
    kit.machine.fails = "cluster backup"
    restoring = asyncio.create_task(kit.restore(8))
    await eventually(lambda: "/up" in kit.machine.commands)
    kit.machine.status.report("running", "ready", API_UP)
    (*_, done) = await restoring
    assert "could not be backed up" in done.text


async def test_what_is_not_there_is_not_restored(kit: Kit) -> None:
    (*_, last) = await kit.restore(7)
    assert last.error is not None
    assert last.error.message == "The engine is not running"
    kit.attach()
    (*_, last) = await kit.restore(7)
    assert last.error is not None
    assert last.error.message == "Kubernetes is off"
    await kit.run()
    (*_, last) = await kit.restore(6)
    assert last.error is not None
    assert last.error.message == "There is no backup 6"
    assert "down clean" not in kit.machine.commands


async def test_enabling_waits_for_an_engine_that_is_being_taken_over(kit: Kit) -> None:
    adopted: list[Callable[[], object]] = []
    kit.part.when_idle = adopted.append
    enabling = asyncio.create_task(kit.enable())
    await eventually(lambda: bool(adopted))
    kit.machine.status.report("running", "ready", API_UP)
    kit.part.attach(Guest(kit.machine, adopted=True))
    adopted.pop()()
    events = await enabling
    assert [event.text.partition("\n")[0] for event in events][:1] == ["waiting for the engine"]
    assert events[-1].text.startswith("Kubernetes v1.37.2 is running")


async def test_enabling_does_not_wait_for_an_engine_that_did_not_come(kit: Kit) -> None:
    ends: list[Callable[[], object]] = []
    kit.part.when_idle = ends.append
    enabling = asyncio.create_task(kit.enable())
    await eventually(lambda: bool(ends))
    ends.pop()()
    assert "slipway start" in (await enabling)[-1].text


async def test_disabling_in_the_middle_of_enabling(kit: Kit) -> None:
    kit.attach()
    enabling = asyncio.create_task(kit.enable())
    await eventually(lambda: "/up" in kit.machine.commands)
    enabling.cancel()  # Ctrl-C
    await asyncio.gather(enabling, return_exceptions=True)
    assert kit.settings.get().kubernetes
    (*_, done) = [event async for event in kit.part.disable()]
    assert done.kind == "done"
    assert kit.machine.commands[-1] == "down clean"


async def test_disabling_from_elsewhere_ends_the_enabling(kit: Kit) -> None:
    kit.attach()
    enabling = asyncio.create_task(kit.enable())
    await eventually(lambda: "/up" in kit.machine.commands)
    (*_, done) = [event async for event in kit.part.disable()]
    assert done.kind == "done"
    assert kit.machine.commands[-1] == "down clean"
    (*_, told) = await enabling
    assert told.error is not None
    assert told.error.message == "The enabling of Kubernetes was cancelled"
    assert kit.part.show().state == "off"


def test_a_port_in_use_is_passed_over() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HostError, match="No port"):
            free_port([port])
        assert free_port([port, 0]) == 0
