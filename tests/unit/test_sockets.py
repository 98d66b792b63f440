"""Sockets of this computer for containers: which may be had, and how who connects in the machine gets to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.sockets import FOLDER, SSH_AGENT, HostSockets
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.local_server import serving
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Path]:
    """A socket that nobody listens at."""
    path = tmp_path / "b:ö.sock"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        yield path


def sockets(tmp_path: Path, agent: Path | None = None) -> HostSockets:
    environment = {} if agent is None else {"SSH_AUTH_SOCK": str(agent)}
    return HostSockets(tmp_path / "record", tmp_path / "private" / "docker.sock", environment)


# -- which --------------------------------------------------------------------------------------------------------


def test_one_of_a_shared_folder_and_what_is_none(tmp_path: Path, bound: Path) -> None:
    found = sockets(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(bound)
    assert found.find(str(bound), shared=True) == str(bound)
    assert found.find(str(tmp_path / "link"), shared=True) == str(bound)
    for other in (str(tmp_path), str(tmp_path / "file"), "/no/such/place", f"{FOLDER}/unknown"):
        assert found.find(other, shared=True) is None
    assert found.find(str(bound), shared=False) is None


def test_the_agent_need_not_be_shared(tmp_path: Path, bound: Path) -> None:
    found = sockets(tmp_path, bound)
    (tmp_path / "link").symlink_to(bound)
    for path in (SSH_AGENT, f"/{SSH_AGENT}", str(bound), str(tmp_path / "link")):
        assert found.find(path, shared=False) == SSH_AGENT


def test_no_agent(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="has no SSH agent that Slipway knows of"):
        sockets(tmp_path).find(SSH_AGENT, shared=False)


@pytest.mark.parametrize("shared", [True, False])
def test_slipways_own_are_nobodys(tmp_path: Path, shared: bool) -> None:
    own = tmp_path / "private"
    own.mkdir()
    (tmp_path / "link").symlink_to(own)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(own / "qmp.sock"))
        for path in (own / "qmp.sock", tmp_path / "link" / "qmp.sock"):
            with pytest.raises(EngineError, match="is Slipway's own"):
                sockets(tmp_path).find(str(path), shared)


@pytest.mark.parametrize("shared", [True, False])
async def test_the_engines_is_the_machines(tmp_path: Path, shared: bool) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "private" / "docker.sock")
    found = sockets(tmp_path)
    for path in (f"{tmp_path}/private/docker.sock", f"{tmp_path}//x/../private/docker.sock", f"{tmp_path}/link"):
        name = found.find(path, shared)
        assert name is not None
        assert await found.carry(name) == "/run/docker.sock"
    assert not (tmp_path / "record").exists()


# -- the way ------------------------------------------------------------------------------------------------------


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """This computer's server."""
    while data := await reader.read(1000):
        writer.write(data.upper())
    writer.write(b"!")
    writer.write_eof()


class Machine:
    """Listens wherever it is asked to; each of ``callers`` is one who connects."""

    def __init__(self) -> None:
        self.callers: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard: list[bytes] = []
        self.carrier = MemoryCarrier(self._play)

    async def _play(self, stream: MemoryStream) -> None:
        said = await self.callers.get()
        await stream.write(b"\n" + said)
        await stream.write_eof()
        heard = b""
        try:
            while data := await stream.read(1000):
                heard += data
        except LinkError:
            heard += b" cut"
        self.heard.append(heard)


@asynccontextmanager
async def carried(found: HostSockets, machine: Machine) -> AsyncIterator[HostSockets]:
    found.use(machine.carrier)
    try:
        yield found
    finally:
        await found.close()


async def test_callers_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "s"
    machine = Machine()
    async with serving(path, shout), carried(sockets(tmp_path), machine) as found:
        for _ in range(2):  # the second time it is there
            place = await found.carry(str(path))
        assert machine.carrier.opened == [place]
        assert place.startswith(f"{FOLDER}/")
        for word in (b"one", b"two", b"three"):
            machine.callers.put_nowait(word)
        await eventually(lambda: len(machine.heard) == 3)
    assert sorted(machine.heard) == [b"ONE!", b"THREE!", b"TWO!"]
    assert all(stream.closed for stream in machine.carrier.streams)


async def test_nobody_listens_here(tmp_path: Path, bound: Path) -> None:
    machine = Machine()
    async with carried(sockets(tmp_path), machine) as found:
        place = await found.carry(str(bound))
        assert ":" not in place
        machine.callers.put_nowait(b"anybody?")
        await eventually(lambda: machine.heard == [b" cut"])
        assert machine.carrier.opened == [place, place]  # others may have more luck


async def test_the_agent_is_the_one_of_now(tmp_path: Path) -> None:
    environment = {"SSH_AUTH_SOCK": str(tmp_path / "one")}
    machine = Machine()
    found = HostSockets(tmp_path / "record", tmp_path / "private" / "docker.sock", environment)
    async with serving(tmp_path / "two", shout), carried(found, machine):
        assert await found.carry(SSH_AGENT) == f"{FOLDER}/ssh-auth.sock"
        environment["SSH_AUTH_SOCK"] = str(tmp_path / "two")
        machine.callers.put_nowait(b"keys")
        await eventually(lambda: machine.heard == [b"KEYS!"])


async def test_they_are_there_again_with_the_next_link_and_supervisor(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = Machine()
    async with serving(path, shout):
        async with carried(sockets(tmp_path), first) as found:
            place = await found.carry(str(path))
            next_link = Machine()
            found.use(next_link.carrier)
            await eventually(lambda: next_link.carrier.opened == [place])
            assert found.find(place, shared=False) == str(path)
        later = Machine()
        async with carried(sockets(tmp_path), later) as found:
            later.callers.put_nowait(b"still")
            await eventually(lambda: later.heard == [b"STILL!"])
            found.forget()
            assert found.find(place, shared=False) is None
    assert not (tmp_path / "record").exists()


async def test_a_machine_that_cannot_listen(tmp_path: Path, bound: Path) -> None:
    machine = Machine()
    machine.carrier.refuse = LinkError("No space left on device")
    found = sockets(tmp_path)
    with pytest.raises(EngineError, match="There is no connection into the machine"):
        await found.carry(str(bound))
    async with carried(found, machine):
        with pytest.raises(EngineError, match=r"cannot be had in the machine: No space left on device"):
            await found.carry(str(bound))
        machine.carrier.refuse = None
        await found.carry(str(bound))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", json.dumps({"../x": "/s", "y": 3}).encode()])
async def test_a_record_that_makes_no_sense(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    machine = Machine()
    async with carried(sockets(tmp_path), machine):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await eventually(lambda: bool(machine.carrier.opened))
    assert all(Path(place).parent == Path(FOLDER) for place in machine.carrier.opened)


async def test_a_record_that_cannot_be_written(tmp_path: Path, bound: Path) -> None:
    (tmp_path / "no").touch()
    found = HostSockets(tmp_path / "no" / "record", tmp_path / "docker.sock", {})
    with pytest.raises(EngineError, match="cannot be written"):
        await found.carry(str(bound))
