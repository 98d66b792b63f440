"""Finding QEMU, judging its age, starting and ending its process, and noticing its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from vm.errors import HostError, MachineError
from vm.host import host
from vm.qemu.process import QemuProcess, describe_exit, find_program, find_qemu, tail
from vm.qemu.record import Record
from vm.spec import Arch

pytestmark = pytest.mark.both_loops

SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


def program(folder: Path, text: str, name: str = "qemu-system-x86_64") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", (7, 2, 22)),
        ("QEMU emulator version 11.0.1", (11, 0, 1)),
        ("QEMU emulator version 10.1 (v10.1-rc2)", (10, 1, 0)),
    ],
)
def test_the_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, version: object) -> None:
    path = program(tmp_path / "bin", f"echo '{told}'")
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    monkeypatch.delenv("SLIPWAY_QEMU", raising=False)
    found = find_qemu(Arch.AMD64, host())
    assert (found.path, found.version) == (path, version)


def test_the_variable_goes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = program(tmp_path / "first", "echo 'QEMU emulator version 9.1.0'")
    second = program(tmp_path / "second", "echo 'QEMU emulator version 8.0.0'")
    monkeypatch.setenv("PATH", f"{second.parent}:/usr/bin:/bin")
    for value in (first, first.parent):
        monkeypatch.setenv("SLIPWAY_QEMU", str(value))
        assert find_qemu(Arch.AMD64, host()).path == first
    other = program(tmp_path / "first", "true", "qemu-img")
    monkeypatch.setenv("SLIPWAY_QEMU", str(first))  # one program named: its neighbours are found as well
    assert find_program("qemu-img", host()) == other


def test_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "echo 'QEMU emulator version 6.2.0 (Debian 1:6.2+dfsg-2ubuntu6)'")
    monkeypatch.setenv("SLIPWAY_QEMU", str(tmp_path / "bin"))
    with pytest.raises(HostError, match=r"QEMU 6\.2 is too old: Slipway needs 7\.2") as caught:
        find_qemu(Arch.AMD64, host())
    assert "nstall" in caught.value.hint


def test_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_QEMU", str(tmp_path))
    with pytest.raises(HostError, match="qemu-system-aarch64 was not found") as caught:
        find_qemu(Arch.ARM64, host())
    assert "nstall" in caught.value.hint
    assert str(tmp_path) in caught.value.detail


@pytest.mark.parametrize(
    ("text", "message"),
    [("echo no version here", "did not print its version"), ("echo broken library >&2; exit 127", "does not run")],
)
def test_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    program(tmp_path / "bin", text)
    monkeypatch.setenv("SLIPWAY_QEMU", str(tmp_path / "bin"))
    with pytest.raises(HostError, match=message):
        find_qemu(Arch.AMD64, host())


async def test_the_end_is_noticed_at_once(tmp_path: Path) -> None:
    process = QemuProcess.spawn(SLEEP, host(), tmp_path / "log")
    assert process.alive
    assert not process.suspended
    began = time.monotonic()
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait(2)
    assert time.monotonic() - began < 0.5
    assert process.exited.result() == -signal.SIGKILL
    assert not process.alive


async def test_it_has_a_session_of_its_own(tmp_path: Path) -> None:
    process = QemuProcess.spawn(SLEEP, host(), tmp_path / "log")
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    await process.kill()


async def test_a_suspended_process_is_told_woken_and_killed(tmp_path: Path) -> None:
    process = QemuProcess.spawn(SLEEP, host(), tmp_path / "log")
    os.kill(process.pid, signal.SIGSTOP)
    async with asyncio.timeout(5):
        while not process.suspended:  # the kernel does not announce it
            await asyncio.sleep(0.01)
    assert process.alive
    process.wake()
    assert not process.suspended
    os.kill(process.pid, signal.SIGSTOP)
    await process.kill()
    assert not process.alive


async def test_output_goes_to_the_log(tmp_path: Path) -> None:
    process = QemuProcess.spawn(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], host(), tmp_path / "log")
    assert await process.wait(5)
    assert process.exited.result() == 3
    assert tail(tmp_path / "log") == "out\nerr\n"


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be started"):
        QemuProcess.spawn([str(tmp_path / "absent")], host(), tmp_path / "log")


async def test_a_recorded_process_is_found_again_and_its_end_noticed(tmp_path: Path) -> None:
    child = QemuProcess.spawn(SLEEP, host(), tmp_path / "log")
    record = Record(child.pid, child.birth, 1, "q", "c", "i", "tcg", 0.0)
    found = QemuProcess.find(record.pid, record.birth, host())
    assert found is not None
    os.kill(child.pid, signal.SIGKILL)
    assert await child.wait(2)
    assert await found.wait(2)
    assert QemuProcess.find(record.pid, record.birth, host()) is None


def test_exits_in_words() -> None:
    assert describe_exit(0) == "exit code 0"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-250) == "killed by signal 250"
    assert describe_exit(None) == "exit code unknown"


def test_tail_begins_at_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first line\r\nsecond line\r\nthird \xff line\r\n")
    assert tail(log) == "first line\nsecond line\nthird \ufffd line\n"
    assert tail(log, 20) == "third \ufffd line\n"
    assert tail(tmp_path / "absent") == ""
