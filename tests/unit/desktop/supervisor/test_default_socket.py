"""Docker's default address: taken and given back with the engine, and left to whoever has it.

The address is a Unix socket here and the endpoint a real one; on the pipe it is tried under Wine (tests/wine).
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from desktop.settings.schema import Settings
from desktop.supervisor import default_socket
from desktop.supervisor.default_socket import DefaultSocket, Kind
from desktop.supervisor.lifecycle.phase import Phase
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.warnings import Warnings
from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.listener import UnixListener
from tests.unit.carriers import MemoryCarrier, echo
from tests.unit.sshd import eventually
from vm.errors import HostError


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


class Kit:
    """:ivar path: Docker's default address.    :ivar asked: how often its owner was looked up."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "default.sock"
        self.endpoint = Endpoint(folder / "docker.sock")
        self.settings, self.phase, self.notifier = Settings(), Phase.STOPPED, Notifier()
        self.warnings = Warnings(self.notifier.notify)
        self.asked = 0
        self.kind = Kind(answers, self.owner, UnixListener)
        self.default = self.make(offered=True)

    def make(self, *, offered: bool) -> DefaultSocket:
        host = SimpleNamespace(default_docker_socket=self.path, offers_default_docker_socket=offered)
        return DefaultSocket(
            host, self.endpoint, lambda: self.settings, self, self.notifier, self.warnings, self.kind
        )

    def owner(self, path: Path) -> str:
        self.asked += 1
        return "whale.exe (process 7)"

    def enter(self, phase: Phase) -> None:
        self.phase = phase
        self.notifier.notify()

    def switch(self, *, on: bool) -> None:
        self.settings = replace(self.settings, default_pipe=on)
        self.notifier.notify()

    def use_service(self, name: str) -> None:
        self.settings = replace(self.settings, windows_service=name)
        self.notifier.notify()

    @property
    def address(self) -> tuple[str, ...]:
        return (f"unix://{self.path}",)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slw-") as made:
        yield Path(made)


@pytest.fixture
async def kit(folder: Path) -> AsyncIterator[Kit]:
    made = Kit(folder)
    await made.endpoint.start()
    made.endpoint.open_gate(GuestRoute(MemoryCarrier(echo), "/s"))
    made.default.start()
    yield made
    await made.default.close()
    await made.endpoint.close()


async def test_it_is_taken_at_the_start_and_given_back_at_the_stop(kit: Kit) -> None:
    assert not kit.path.exists()
    kit.enter(Phase.STARTING)
    await eventually(lambda: kit.default.addresses() == kit.address)
    reader, writer = await asyncio.open_unix_connection(str(kit.path))
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    kit.enter(Phase.RUNNING)
    kit.enter(Phase.RECOVERING)
    kit.enter(Phase.STOPPING)
    assert await asyncio.wait_for(reader.read(), 10) == b"", "a connection keeps a pipe's name in use"
    writer.close()
    await eventually(lambda: not kit.path.exists())
    assert kit.default.addresses() == ()
    assert kit.endpoint.path.exists()


@pytest.mark.parametrize("phase", [Phase.RESTARTING, Phase.RECOVERING, Phase.PAUSED, Phase.ADOPTING])
async def test_it_stays_while_the_engine_comes_back(kit: Kit, phase: Phase) -> None:
    kit.enter(Phase.RUNNING)
    await eventually(lambda: kit.default.addresses() == kit.address)
    before = kit.path.stat().st_ino
    kit.enter(phase)
    await settled(kit)
    assert kit.path.stat().st_ino == before


async def settled(kit: Kit) -> None:
    """The follower has looked at everything that has changed."""
    task = kit.default._task._task  # noqa: SLF001 - nothing else shows that nothing happens
    assert task is not None
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()


async def test_it_is_left_to_the_service_that_needs_it(kit: Kit) -> None:
    """Docker CE's service listens there and nowhere else, when Slipway switches to it."""
    kit.use_service("docker")
    kit.enter(Phase.RUNNING)
    await settled(kit)
    assert kit.default.addresses() == ()
    kit.use_service("slipway")
    await eventually(lambda: kit.default.addresses() == kit.address)
    kit.use_service("docker")
    await eventually(lambda: kit.default.addresses() == ())
    assert not kit.path.exists()


async def test_the_setting_counts_at_once(kit: Kit) -> None:
    kit.enter(Phase.RUNNING)
    await eventually(kit.path.exists)
    kit.switch(on=False)
    await eventually(lambda: not kit.path.exists())
    kit.switch(on=True)
    await eventually(lambda: kit.default.addresses() == kit.address)


async def test_who_has_it_keeps_it_until_it_ends(kit: Kit, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(default_socket, "TRY_SECONDS", 0.02)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(kit.path))
        other.listen()
        kit.enter(Phase.RUNNING)
        await eventually(lambda: bool(kit.warnings.list()))
        (warning,) = kit.warnings.list()
        assert warning.message == f"Docker's default pipe {kit.path} is used by whale.exe (process 7)"
        assert "default_pipe false" in warning.hint
        kit.notifier.notify()
        await asyncio.sleep(0.1)  # it tries several times, and names its owner once
        assert kit.asked == 1
        assert kit.default.addresses() == ()
    await eventually(lambda: kit.default.addresses() == kit.address)
    assert kit.warnings.list() == ()


@pytest.mark.parametrize("end", [lambda kit: kit.enter(Phase.STOPPED), lambda kit: kit.switch(on=False)])
async def test_no_warning_where_it_is_not_wanted(kit: Kit, end: Callable[[Kit], None]) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(kit.path))
        other.listen()
        kit.enter(Phase.RUNNING)
        await eventually(lambda: bool(kit.warnings.list()))
        end(kit)
        await eventually(lambda: not kit.warnings.list())
        assert answers(kit.path)


async def test_what_cannot_be_listened_at_is_a_warning(kit: Kit) -> None:
    kit.path.write_text("no socket")
    kit.enter(Phase.RUNNING)
    await eventually(lambda: bool(kit.warnings.list()))
    assert "another file is there" in kit.warnings.list()[0].message


async def test_where_no_user_may_listen(kit: Kit) -> None:
    none = kit.make(offered=False)
    none.start()
    kit.enter(Phase.RUNNING)
    await eventually(lambda: kit.default.addresses() == kit.address)
    assert none.addresses() == ()
    await none.close()


async def test_the_end_of_the_process_gives_it_back(kit: Kit) -> None:
    kit.enter(Phase.RUNNING)
    await eventually(kit.path.exists)
    await kit.default.close()
    assert not kit.path.exists()
    await kit.default.close()


async def test_two_addresses_of_one_endpoint(kit: Kit, folder: Path) -> None:
    """Closing one leaves the connections of the other; one that cannot be listened at changes nothing."""
    listener = UnixListener(folder / "second.sock")
    await kit.endpoint.listen_also(listener)
    first, first_writer = await asyncio.open_unix_connection(str(kit.endpoint.path))
    second, second_writer = await asyncio.open_unix_connection(str(folder / "second.sock"))
    for reader, writer in ((first, first_writer), (second, second_writer)):
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
    await kit.endpoint.listen_no_more(listener)
    await kit.endpoint.listen_no_more(listener)
    assert await asyncio.wait_for(second.read(), 10) == b""
    assert kit.endpoint.connections == 1
    first_writer.write(b"y")
    assert await first.readexactly(1) == b"y"
    (folder / "file").write_text("")
    with pytest.raises(HostError):
        await kit.endpoint.listen_also(UnixListener(folder / "file"))
    for writer in (first_writer, second_writer):
        writer.close()
