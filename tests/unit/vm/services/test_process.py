"""A program in the place of a service: started, found again, stopped, and its end told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.unit.sshd import eventually
from vm.errors import HostError
from vm.host import host
from vm.services.process import ProcessService
from vm.services.state import ServiceState

SLEEP = (sys.executable, "-I", "-S", "-c", "import signal, time; print('up', flush=True); signal.pause()")
DEAF = (
    *(sys.executable, "-I", "-S", "-c"),
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
)


def service(folder: Path, argv: tuple[str, ...] = SLEEP) -> ProcessService:
    return ProcessService(argv, folder / "process.json", folder / "log", host())


async def test_its_life(tmp_path: Path) -> None:
    one = service(tmp_path)
    assert await one.state() is ServiceState.STOPPED
    await one.start()
    await one.start()
    assert await one.state() is ServiceState.RUNNING
    again = service(tmp_path)
    assert await again.state() is ServiceState.RUNNING, "an earlier supervisor's is found"
    await again.stop()
    await eventually(lambda: not (tmp_path / "process.json").exists())
    assert await again.state() is ServiceState.STOPPED
    await again.stop()


async def test_its_end_is_told(tmp_path: Path) -> None:
    one = service(tmp_path, (sys.executable, "-I", "-S", "-c", "import sys; sys.exit('no such feature')"))
    await one.start()
    told = await asyncio.wait_for(one.wait_ended(), 20)
    assert told == "exit code 1\nno such feature"
    assert await one.state() is ServiceState.STOPPED
    assert await one.wait_ended() == told, "also when nobody waited at the time"
    await one.stop()
    assert await one.wait_ended() == "it does not run"


async def test_one_that_does_not_end_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.services.process.STOP_SECONDS", 0.2)
    one = service(tmp_path, DEAF)
    await one.start()
    await eventually(lambda: (tmp_path / "log").read_text() == "deaf\n")
    await one.stop()
    assert await one.state() is ServiceState.STOPPED


async def test_one_that_was_killed_is_started_again(tmp_path: Path) -> None:
    one = service(tmp_path)
    await one.start()
    await eventually(lambda: (tmp_path / "log").read_text() == "up\n")
    pids = [int(word) for word in (tmp_path / "process.json").read_text().split('"pid": ')[1].split(",")[:1]]
    os.kill(pids[0], signal.SIGKILL)
    assert "SIGKILL" in await asyncio.wait_for(one.wait_ended(), 20)
    await one.start()
    assert await one.state() is ServiceState.RUNNING
    await one.stop()


async def test_one_that_cannot_be_started(tmp_path: Path) -> None:
    one = service(tmp_path, ("/nowhere/dockerd",))
    with pytest.raises(HostError, match="The program dockerd cannot be started"):
        await one.start()
    assert await one.state() is ServiceState.STOPPED


async def test_a_record_of_another_program_is_none(tmp_path: Path) -> None:
    for content in ("", "[]", '{"pid": 1, "birth": "long ago"}', '{"pid": "x", "birth": 1}'):
        (tmp_path / "process.json").write_text(content)
        assert await service(tmp_path).state() is ServiceState.STOPPED


async def test_its_log_goes_on_where_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, output = service(tmp_path), tmp_path / "log"
    assert await one.log(0) == ("", 0), "it has not been started yet"
    output.write_bytes(b"first\r\nsecond\n")
    text, place = await one.log(0)
    assert text == "first\nsecond\n"
    assert await one.log(place) == ("", place)
    with output.open("ab") as stream:
        stream.write(b"third\n")
    assert await one.log(place) == ("third\n", place + 6)
    output.write_bytes(b"new\n")
    assert await one.log(place) == ("new\n", 4), "it was started again"
    monkeypatch.setattr("vm.services.process.NEWEST", 3)
    assert await one.log(0) == ("ew\n", 4)
    output.unlink()
    output.mkdir()
    with pytest.raises(HostError, match="cannot be read"):
        await one.log(0)
