"""A folder that virtiofs carries: it has to answer, and gives way to SFTP for another in its place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.folders import SFTP, VIRTIOFS, Share, Shares
from engine.folders import shares as module
from engine.folders.daemon_process import DaemonProcess
from engine.folders.wire import HELLO, MAGIC
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import LinkError
from vm.host import host
from vm.host.paths import Paths

pytestmark = pytest.mark.both_loops

FOLDER = "/shared"


class Guest:
    """Plays the guest's program, by virtiofs at first.

    :ivar answers: cleared: no answer.    :ivar held: cleared: the folder is not open by virtiofs.
    """

    def __init__(self) -> None:
        self.carrier = MemoryCarrier(self.play)
        self.by = VIRTIOFS
        self.answers = asyncio.Event()
        self.answers.set()
        self.left = asyncio.Event()

    async def play(self, stream: MemoryStream) -> None:
        word = self.carrier.opened[-1].split()[1]
        if word == "renew":
            self.by = SFTP
            await stream.write(b"renewed\n")
            await self.left.wait()
            await stream.write_eof()
        elif self.by == VIRTIOFS:
            await stream.write(b"virtiofs\n")
            while await stream.read(1):
                await self.answers.wait()
                await stream.write(b"here\n")
        else:
            await stream.write(HELLO.pack(MAGIC, 1, 0))
            await stream.read(HELLO.size)


@pytest.fixture
def guest() -> Guest:
    return Guest()


class Kit:
    """Shares of a machine that is this process. :ivar told: what was told of the folder, in order."""

    def __init__(self, paths: Paths) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        pid = os.getpid()  # the daemon ends when we do
        self.shares = Shares(paths, host(), lambda: (pid, host().birth(pid) or ""), self._let_go, self._silent)
        self.shares.share([FOLDER])

    async def _let_go(self, share: Share) -> None:
        await self.told.put("let go")

    async def _silent(self, share: Share, times: int) -> str:
        await self.told.put(f"silent {times}")
        return "for a reason"

    async def until(self, state: str) -> None:
        while self.shares.states[FOLDER] != state:
            await asyncio.sleep(0.01)


@pytest.fixture
async def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kit]:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    paths = Paths(tmp_path / "h", tmp_path / "c")
    paths.prepare()
    made = Kit(paths)
    yield made
    await made.shares.close()


async def test_one_that_does_not_answer_is_told_of_until_it_does(kit: Kit, guest: Guest) -> None:
    kit.shares.use(guest.carrier)
    await kit.until("mounted")
    guest.answers.clear()
    assert [await kit.told.get() for _ in range(3)] == ["silent 1", "silent 2", "silent 3"]
    await kit.until("does not answer: for a reason")
    guest.answers.set()
    await kit.until("mounted")
    assert kit.shares.carriers == {FOLDER: VIRTIOFS}


async def test_another_folder_is_carried_by_sftp(kit: Kit, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.shares.use(guest.carrier)
    await kit.until("mounted")
    await kit.shares.to_sftp(Share.of(FOLDER))
    assert kit.shares.carriers == {FOLDER: SFTP}
    assert kit.told.empty(), "who has the folder of before open needs its server"
    guest.left.set()
    assert await kit.told.get() == "let go"


async def test_one_that_cannot_be_mounted_anew(kit: Kit, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LinkError):
        await kit.shares.to_sftp(Share.of(FOLDER))
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.1)
    kit.shares.use(guest.carrier)
    await kit.until("mounted")
    monkeypatch.setattr(DaemonProcess, "connect", _never)
    with pytest.raises(LinkError, match="does not mount it again"):
        await kit.shares.to_sftp(Share.of(FOLDER))
    assert guest.carrier.streams[1].closed


async def test_a_change_of_carrier_that_is_given_up(
    kit: Kit, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DaemonProcess, "connect", _never)
    kit.shares.use(guest.carrier)
    await kit.until("mounted")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(kit.shares.to_sftp(Share.of(FOLDER)), 0.1)
    renewing = guest.carrier.streams[guest.carrier.opened.index(f"{module.PROGRAM} renew {Share.of(FOLDER).key}")]
    assert renewing.closed


async def test_all_streams_are_closed_at_the_end(kit: Kit, guest: Guest) -> None:
    kit.shares.use(guest.carrier)
    await kit.until("mounted")
    await kit.shares.to_sftp(Share.of(FOLDER))
    await kit.shares.close()
    assert all(stream.closed for stream in guest.carrier.streams)


async def test_an_unforeseen_error_does_not_end_a_folder(
    kit: Kit, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    """It is served again when it can be."""
    open_exec, errors = guest.carrier.open_exec, [ValueError("unforeseen")]

    async def fails_once(command: str) -> MemoryStream:
        if errors:
            raise errors.pop()
        return await open_exec(command)

    guest.carrier.open_exec = fails_once  # type: ignore[method-assign] # a fault of this one carrier
    kit.shares.use(guest.carrier)
    await kit.until("mounted")
    assert f"share {FOLDER} failed" in caplog.text


async def _never(_: DaemonProcess) -> None:
    await asyncio.Event().wait()
