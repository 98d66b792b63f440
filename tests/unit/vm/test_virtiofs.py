"""Folders by virtiofs: which server is taken, how it is called, and what becomes of it and of the machine."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left, until
from vm.disk import DataDisk
from vm.errors import FolderServerEnded
from vm.host import host
from vm.host.base import Installer
from vm.spec import FileServer, Share
from vm.state import MachineState
from vm.virtiofs import (
    Found,
    ServerState,
    advice,
    build_argv,
    choose,
    end_server,
    find,
    probe_server,
    release,
    root_of,
)

__all__ = ["kit"]  # a fixture

RUST = Found(Path("/usr/libexec/virtiofsd"), "virtiofsd 1.13.2\n")
OLD_RUST = Found(Path("/opt/virtiofsd"), "virtiofsd 0.3.0")
QEMUS = Found(
    Path("/usr/lib/qemu/virtiofsd"),
    "virtiofsd version 7.2.22 (Debian 1:7.2)\nCopyright QEMU Project\n",
)
SILENT = Found(Path("/usr/bin/virtiofsd"), "")


@pytest.mark.parametrize(
    ("found", "root", "taken"),
    [
        ((RUST,), False, RUST),
        ((QEMUS, RUST), False, RUST),
        ((QEMUS, RUST), True, QEMUS),
        ((QEMUS,), False, None),
        ((OLD_RUST,), True, None),
        ((OLD_RUST, SILENT, RUST), False, RUST),
        ((), True, None),
    ],
)
def test_the_choice(found: tuple[Found, ...], root: bool, taken: Found | None) -> None:
    expected = FileServer(taken.path, taken is RUST) if taken else None
    assert choose(found, root=root) == expected


def test_the_reason_when_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = host()
    monkeypatch.setattr(type(here), "file_servers", lambda self: ())
    assert "virtiofsd is not installed" in find(here)[1]
    broken = tmp_path / "virtiofsd"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(type(here), "file_servers", lambda self: (broken,))
    server, why = find(here)
    assert server is None
    assert str(broken) in why
    monkeypatch.setattr(type(here), "file_servers", lambda self: None)
    assert find(here) == (None, "")


def test_the_advice_is_a_package_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    here = host()
    monkeypatch.setattr(type(here), "file_servers", lambda self: ())
    monkeypatch.setattr(type(here), "installer", lambda self, programs: None)
    assert advice(here) == ""
    monkeypatch.setattr(
        type(here), "installer", lambda self, programs: Installer("m", f"get {' '.join(programs)}")
    )
    assert advice(here) == "install it: get virtiofsd"
    monkeypatch.setattr(type(here), "file_servers", lambda self: None)
    assert advice(here) == ""


def test_how_it_is_called() -> None:
    odd = Path("/home/ada, lovelace")
    assert build_argv(FileServer(RUST.path, rust=True), odd, 7)[:3] == [
        "/usr/libexec/virtiofsd",
        "--fd=7",
        "--shared-dir=/home/ada, lovelace",
    ]
    for rust in (True, False):
        words = " ".join(build_argv(FileServer(RUST.path, rust), odd, 7))
        assert "sandbox=namespace" in words
        assert "modcaps=-mknod:-chown:-setfcap" in words
    assert r"source=/home/ada\, lovelace,sandbox" in words


# -- with a machine, whose QEMU and server are stand-ins

SERVER = """
import socket, sys
(word,) = [word for word in sys.argv if word.startswith("--fd=")]
connection, _ = socket.socket(fileno=int(word[5:])).accept()
while connection.recv(100):
    pass
"""


@pytest.fixture
def sharing(kit: Kit, tmp_path: Path) -> Kit:
    """A machine with two folders."""
    program = tmp_path / "virtiofsd"
    program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", "-c", SERVER])} "$@"\n')
    program.chmod(0o755)
    shares = tuple(Share(tag, tmp_path) for tag in ("one", "two"))
    kit.spec = replace(kit.spec, file_server=FileServer(program, rust=True), shares=shares)
    return kit


def pids(kit: Kit) -> list[int]:
    """The servers of the machine that runs."""
    record = kit.machine_record()
    return [pid for pid, _ in record.shares.values()]


async def test_they_live_as_long_as_the_machine(sharing: Kit) -> None:
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    assert list(sharing.machine_record().shares) == ["one", "two"]
    assert [word for word in sharing.argv()[0] if "tag=" in word] == [
        f"vhost-user-fs-pci,chardev=share{number},tag={tag},queue-size=1024"
        for number, tag in enumerate(("one", "two"))
    ]
    servers = pids(sharing)
    assert all(map(sharing.alive, servers))
    await machine.stop()
    assert not any(map(sharing.alive, servers))
    assert no_qemu_left(sharing)


async def test_they_end_with_qemu_whoever_ends_it(sharing: Kit) -> None:
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    record, servers = sharing.machine_record(), pids(sharing)
    os.kill(record.pid, signal.SIGKILL)
    await until(lambda: machine.state is MachineState.FAILED)
    await until(lambda: not any(map(sharing.alive, servers)))
    assert machine.failure is not None
    assert "SIGKILL" in machine.failure.message


async def test_a_server_that_dies_takes_the_machine_along(sharing: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.watch.POLL_SECONDS", 0.2)
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    servers = pids(sharing)
    os.kill(servers[1], signal.SIGKILL)
    await until(lambda: machine.state is MachineState.FAILED)
    assert machine.failure is not None
    assert isinstance(machine.failure, FolderServerEnded)
    assert "the server of a shared folder ended" in machine.failure.message
    assert sharing.dial.links[0].commands == ["sync -f /var/lib/slipway"], "nothing was to be lost"
    await until(lambda: not any(map(sharing.alive, servers)))
    assert no_qemu_left(sharing)


async def test_a_server_that_dies_is_the_cause_when_qemu_falls_with_it(sharing: Kit) -> None:
    """QEMU need not wait to be ended."""
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    record = sharing.machine_record()
    os.kill(record.shares["one"][0], signal.SIGKILL)
    await until(lambda: not sharing.alive(record.shares["one"][0]))
    os.kill(record.pid, signal.SIGSEGV)
    await until(lambda: machine.state is MachineState.FAILED)
    assert isinstance(machine.failure, FolderServerEnded)
    assert no_qemu_left(sharing)


async def test_a_folder_that_is_not_shared_any_more(
    sharing: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vm.watch.POLL_SECONDS", 0.1)
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    one, two = pids(sharing)
    assert machine.record is not None
    assert machine.record.roots == dict.fromkeys(("one", "two"), root_of(tmp_path))
    await release(machine.record, "one", sharing.paths, sharing.host)
    await until(lambda: not sharing.alive(one))
    assert list(sharing.machine_record().shares) == list(sharing.machine_record().roots) == ["two"]
    assert machine.state is MachineState.RUNNING
    assert sharing.alive(two)
    await machine.stop()


async def test_without_it_when_qemu_does_not_start_with_it(sharing: Kit) -> None:
    await DataDisk(sharing.paths.data_disk, sharing.host).create(1)
    sharing.plan(no_shares=True)
    machine, states = sharing.machine()
    await machine.start(sharing.spec)
    assert machine.record is not None
    assert machine.record.shares == {}
    assert "did not start with virtiofs" in machine.record.unshared
    assert MachineState.FAILED not in states
    await machine.stop()
    assert no_qemu_left(sharing)


async def test_without_it_when_the_server_cannot_be_started(sharing: Kit, tmp_path: Path) -> None:
    sharing.spec = replace(sharing.spec, file_server=FileServer(tmp_path / "absent", rust=True))
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    assert machine.record is not None
    assert machine.record.shares == {}
    await machine.stop()


async def test_the_next_supervisor_knows_them(sharing: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.watch.POLL_SECONDS", 0.2)
    first, _ = sharing.machine()
    await first.start(sharing.spec)
    servers = pids(sharing)
    second, _ = sharing.machine()
    assert await second.adopt()
    assert all(map(sharing.alive, servers))
    os.kill(servers[0], signal.SIGKILL)
    await until(lambda: second.state is MachineState.FAILED)
    await until(lambda: not any(map(sharing.alive, servers)))


async def test_one_that_is_suspended_is_woken(sharing: Kit) -> None:
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    record = sharing.machine_record()
    server = psutil.Process(pids(sharing)[0])
    server.suspend()
    await until(lambda: server.status() == psutil.STATUS_STOPPED)
    assert probe_server(record, "one", sharing.host) is ServerState.SUSPENDED
    await until(lambda: server.status() != psutil.STATUS_STOPPED)
    assert probe_server(record, "one", sharing.host) is ServerState.HANGS
    await machine.stop()
    assert {probe_server(record, tag, sharing.host) for tag in ("one", "unknown")} == {ServerState.HANGS}


async def test_one_that_is_given_up(sharing: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.watch.POLL_SECONDS", 0.2)
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    await end_server(sharing.machine_record(), "one", sharing.host)
    await until(lambda: machine.state is MachineState.FAILED)
    assert no_qemu_left(sharing)


def test_what_tells_a_folder_from_another(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = root_of(tmp_path / "one")
    assert one != root_of(tmp_path / "two")
    (tmp_path / "one").rename(tmp_path / "three")
    assert root_of(tmp_path / "three") == one
    assert root_of(tmp_path / "one") == []


async def test_the_last_attempt_does_without_it(sharing: Kit) -> None:
    sharing.plan(kill_first=[2, 0.1, signal.SIGSEGV])
    machine, _ = sharing.machine()
    await machine.start(sharing.spec)
    with_shares = [any("vhost-user-fs" in word for word in argv) for argv in sharing.argv()]
    assert with_shares == [True, True, False]
    await machine.stop()
    assert no_qemu_left(sharing)
