"""The host's sockets for containers: which are available, and how a client in the machine connects to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from engine import events as events_module
from engine.events import EngineEvents
from engine.host_sockets import FOLDER, SSH_AGENT, HostSockets, SshAgents, record
from tests.unit.broken_files import as_nobody, roomy_folder
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.eventful_engine import EventfulEngine
from tests.unit.local_server import SocketRoute, serving
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError
from vm.host import host
from vm.host.docker_address import link_to

pytestmark = pytest.mark.both_loops


class Computer:
    """Shares ``shared`` of a folder; the engine's socket is in ``private``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shared = folder / "shared"
        self.engine = folder / "private" / "docker.sock"
        self.agents = SshAgents()
        self.shares = [str(self.shared)]
        self.events = EngineEvents()
        for made in (self.shared, self.engine.parent, folder / "other"):
            made.mkdir()

    def sockets(self) -> HostSockets:
        return HostSockets(
            self.folder / "record",
            self.engine,
            self.agents,
            lambda: self.shares,
            host().open_folder,
            self.events,
        )


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


@contextlib.contextmanager
def bound(path: Path) -> Iterator[str]:
    """A socket without a listener."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        yield str(path)


# -- which --------------------------------------------------------------------------------------------------------


def test_those_of_shared_folders(computer: Computer) -> None:
    found = computer.sockets()
    (computer.shared / "file").touch()
    with bound(computer.shared / "a:ö.sock") as path, bound(computer.folder / "other" / "s") as other:
        (computer.shared / "link").symlink_to(path)
        (computer.shared / "out").symlink_to(other)
        assert found.find(path) == path
        assert found.find(f"{computer.shared}/link") == path
        for name in ("", "file", "out", "no/such/place"):
            assert found.find(f"{computer.shared}/{name}") is None
        assert found.find(other) is None
    assert found.find(f"{FOLDER}/unknown") is None


def test_the_agent_need_not_be_shared(computer: Computer) -> None:
    found = computer.sockets()
    with pytest.raises(EngineError, match="knows of no SSH agent on your computer"):
        found.find(SSH_AGENT)
    with bound(computer.folder / "other" / "agent") as path:
        computer.agents.add(path)
        for name in (SSH_AGENT, f"/{SSH_AGENT}", path, f"{computer.folder}//other/agent"):
            assert found.find(name) == SSH_AGENT
        (computer.shared / "link").symlink_to(path)  # a container can make one
        assert found.find(f"{computer.shared}/link") is None


async def test_the_engines_is_the_machines(computer: Computer) -> None:
    found = computer.sockets()
    for path in (str(computer.engine), f"{computer.folder}//x/../private/docker.sock"):
        name = found.find(path)
        assert name is not None
        assert await found.carry(name) == "/run/docker.sock"
    assert not (computer.folder / "record").exists()


def test_the_path_that_docker_has_for_the_engine_s(computer: Computer) -> None:
    """Where docker cannot read the socket's own path, its context leads to a link."""
    computer.engine = computer.folder / "100%" / "docker.sock"
    link = link_to(computer.engine)
    assert link is not None
    assert computer.sockets().find(str(link)) == computer.sockets().find(str(computer.engine)) == "engine"


def test_slipways_own_are_nobodys(computer: Computer) -> None:
    computer.shares.append(str(computer.folder))
    with bound(computer.engine.parent / "qmp.sock") as path:
        (computer.shared / "link").symlink_to(path)
        for name in (path, f"{computer.shared}/link"):
            with pytest.raises(EngineError, match="is Slipway's own"):
                computer.sockets().find(name)


# -- the way ------------------------------------------------------------------------------------------------------


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The host's server."""
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


async def test_callers_one_after_the_other(computer: Computer) -> None:
    path = computer.shared / "s"
    machine = Machine()
    async with serving(path, shout), carried(computer.sockets(), machine) as found:
        for _ in range(2):  # the second time it is there
            place = await found.carry(str(path))
        assert machine.carrier.opened == [place]
        assert place.startswith(f"{FOLDER}/")
        for word in (b"one", b"two", b"three"):
            machine.callers.put_nowait(word)
        await eventually(lambda: len(machine.heard) == 3)
    assert sorted(machine.heard) == [b"ONE!", b"THREE!", b"TWO!"]
    assert all(stream.closed for stream in machine.carrier.streams)


async def test_two_for_the_first_time_at_once(computer: Computer) -> None:
    machine = Machine()
    paths = [f"{computer.shared}/{number}" for number in range(8)]
    async with carried(computer.sockets(), machine) as found:
        places = await asyncio.gather(*map(found.carry, paths))
        again = computer.sockets()
    assert [again.find(place) for place in places] == paths


async def test_nobody_listens_here(computer: Computer) -> None:
    machine = Machine()
    with bound(computer.shared / "a:ö.sock") as path:
        async with carried(computer.sockets(), machine) as found:
            place = await found.carry(path)
            assert ":" not in place
            machine.callers.put_nowait(b"anybody?")
            await eventually(lambda: machine.heard == [b" cut"])
            assert machine.carrier.opened == [place, place]  # others may have more luck


@pytest.mark.parametrize("change", ["link in its place", "link on the way", "a file", "shared no longer"])
async def test_what_containers_put_there_leads_nowhere(computer: Computer, change: str) -> None:
    machine = Machine()
    path, other = computer.shared / "folder" / "s", computer.folder / "other" / "s"
    path.parent.mkdir()
    async with serving(path, shout), serving(other, shout), carried(computer.sockets(), machine) as found:
        await found.carry(str(path))
        machine.callers.put_nowait(b"before")
        await eventually(lambda: machine.heard == [b"BEFORE!"])
        kept = computer.folder / "kept"
        if change == "link on the way":
            path.parent.rename(kept)
            path.parent.symlink_to(other.parent)
        elif change == "shared no longer":
            computer.shares.clear()
        else:
            path.rename(kept)
            path.touch() if change == "a file" else path.symlink_to(other)
        machine.callers.put_nowait(b"after")
        await eventually(lambda: machine.heard[1:] == [b" cut"])


async def test_the_agent_is_the_one_of_now(computer: Computer) -> None:
    machine = Machine()
    computer.agents.add(str(computer.folder / "one"))
    async with serving(computer.folder / "two", shout), carried(computer.sockets(), machine) as found:
        assert await found.carry(SSH_AGENT) == f"{FOLDER}/ssh-auth.sock"
        computer.agents.add(str(computer.folder / "two"))
        machine.callers.put_nowait(b"keys")
        await eventually(lambda: machine.heard == [b"KEYS!"])


def heard(machine: Machine, last: bytes) -> bool:
    """Whether that is what the latest client has been answered."""
    return machine.heard[-1:] == [last]


async def test_agents_of_logins_that_have_ended_are_passed_over(computer: Computer) -> None:
    """The newest one counts; while it does not answer, as after its login's end, the others do."""
    machine = Machine()
    paths = {name: computer.folder / name for name in ("first", "second", "dead")}
    with bound(paths["dead"]):
        async with carried(computer.sockets(), machine) as found:
            for name in ("first", "second", "gone", "dead"):
                computer.agents.add(str(computer.folder / name))
            await found.carry(SSH_AGENT)
            for name, other in (("first", "second"), ("second", "first")):
                paths[other].unlink(missing_ok=True)
                async with serving(paths[name], shout):
                    machine.callers.put_nowait(name.encode())
                    await eventually(partial(heard, machine, name.upper().encode() + b"!"))
            assert found.find(str(paths["second"])) == found.find(str(paths["first"])) == SSH_AGENT


def test_an_agent_that_was_known_does_not_replace_a_newer_one() -> None:
    agents = SshAgents("")
    assert not agents
    for path in ("/one", "/two", "/one", "", "/two"):
        agents.add(path)
    assert list(agents) == ["/two", "/one"]
    agents.prefer("/one")
    assert list(agents) == ["/one", "/two"]
    for number in range(100):
        agents.add(f"/{number}")
    assert len(list(agents)) == 16


def test_another_user_s_socket_in_an_agent_s_place() -> None:
    with roomy_folder() as folder, bound(folder / "agent") as path:
        agents = SshAgents(path)
        assert list(agents) == [path]
        with as_nobody():
            assert list(agents) == []


async def test_they_are_there_again_with_the_next_link_and_supervisor(computer: Computer) -> None:
    path = computer.shared / "s"
    async with serving(path, shout):
        async with carried(computer.sockets(), Machine()) as found:
            place = await found.carry(str(path))
            next_link = Machine()
            found.use(next_link.carrier)
            await eventually(lambda: next_link.carrier.opened == [place])
            assert found.find(place) == str(path)
        later = Machine()
        async with carried(computer.sockets(), later) as found:
            later.callers.put_nowait(b"still")
            await eventually(lambda: later.heard == [b"STILL!"])
            found.forget()
            assert found.find(place) is None
    assert not (computer.folder / "record").exists()


@asynccontextmanager
async def engine_with(computer: Computer, *sources: str) -> AsyncIterator[EventfulEngine]:
    """An engine whose only container mounts these."""
    mounts = [{"Type": "bind", "Source": source} for source in sources]
    made = EventfulEngine({"/containers/json": [{"Id": "a" * 64, "State": "exited", "Mounts": mounts}]})
    async with serving(computer.folder / "e", made.serve):
        computer.events.use(SocketRoute(computer.folder / "e"))
        try:
            yield made
        finally:
            await computer.events.close()


async def test_what_no_container_mounts_is_forgotten(computer: Computer) -> None:
    """A stopped container still counts: it may be started again."""
    paths = [f"{computer.shared}/{number}" for number in range(300)]
    places = [f"{FOLDER}/{record.name_of(path)}" for path in paths]
    (computer.folder / "record").write_text(json.dumps(dict(enumerate(paths))))
    later, machine = computer.sockets(), Machine()
    async with engine_with(computer, places[7], "/elsewhere", f"{FOLDER}x/y"), carried(later, machine):
        await eventually(lambda: later.find(places[6]) is None)
        assert later.find(places[7]) == paths[7]
        await eventually(lambda: [stream for stream in machine.carrier.streams if not stream.closed] != [])
        await eventually(lambda: len([one for one in machine.carrier.streams if not one.closed]) == 1)
    last = Machine()
    async with carried(computer.sockets(), last):
        await eventually(lambda: last.carrier.opened == [places[7]])


async def test_what_is_about_to_be_mounted_is_kept(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "DIAL_SECONDS", 0.01)
    found = computer.sockets()
    async with carried(found, Machine()):
        place = await found.carry(f"{computer.shared}/s")
        async with engine_with(computer) as engine:
            await eventually(lambda: any("/containers/json" in head for head in engine.asked))
            assert found.find(place) is not None
            monkeypatch.setattr(record, "GRACE_SECONDS", 0.0)
            engine.tell("container", "destroy", {})
            await eventually(lambda: found.find(place) is None)


async def test_a_record_that_cannot_be_shortened(
    computer: Computer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "GRACE_SECONDS", 0.0)
    found = computer.sockets()
    async with carried(found, Machine()):
        place = await found.carry(f"{computer.shared}/s")
        (computer.folder / "record").unlink()
        (computer.folder / "record").mkdir()
        async with engine_with(computer):
            await eventually(lambda: "record cannot be read or written" in caplog.text)
        assert found.find(place) is not None
        assert found.health.ok


async def test_a_machine_that_cannot_listen(computer: Computer) -> None:
    machine = Machine()
    machine.carrier.refuse = LinkError("No space left on device")
    found = computer.sockets()
    with pytest.raises(EngineError, match="The connection to the machine is down"):
        await found.carry("/s")
    async with carried(found, machine):
        with pytest.raises(EngineError, match=r"is not available in the machine: No space left on device"):
            await found.carry("/s")
        machine.carrier.refuse = None
        await found.carry("/s")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", json.dumps({"../x": "/s", "y": 3}).encode()])
async def test_a_record_that_makes_no_sense(computer: Computer, content: bytes) -> None:
    (computer.folder / "record").write_bytes(content)
    machine = Machine()
    async with carried(computer.sockets(), machine) as found:
        place = await found.carry("/last")
        await eventually(lambda: place in machine.carrier.opened)
    assert all(str(Path(opened).parent) == FOLDER for opened in machine.carrier.opened)


async def test_a_record_that_cannot_be_written(computer: Computer) -> None:
    (computer.folder / "record").mkdir()
    found = computer.sockets()
    with pytest.raises(EngineError, match="record cannot be read or written: "):
        await found.carry("/s")
    assert found.find(f"{FOLDER}/s") is None


async def test_a_record_that_could_not_be_read_is_kept(tmp_path: Path) -> None:
    """And counts as soon as it can be."""
    file, sockets = tmp_path / "record", ("/one", "/two", "/three")
    first = record.SocketRecord(file)
    await first.add("/one")
    kept = file.rename(tmp_path / "kept")
    file.symlink_to("/proc/self/mem")  # proc(5): reading what is not mapped is EIO
    later = record.SocketRecord(file)
    assert list(later) == []
    with pytest.raises(OSError, match="Input/output error"):
        await later.add("/two")
    with pytest.raises(OSError, match="Input/output error"):
        await later.keep_only([])
    kept.replace(file)
    for socket_path in sockets[1:]:
        await later.add(socket_path)
    assert [later.get(record.name_of(path)) for path in sockets] == list(sockets)
    assert list(record.SocketRecord(file)) == list(later)
