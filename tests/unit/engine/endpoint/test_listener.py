"""The Unix socket: modes, what may be replaced and what not, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.listener import UnixListener
from tests.unit.carriers import MemoryCarrier, echo
from vm.errors import EngineError, HostError
from vm.host.paths import SOCKET_PATH_LIMIT

pytestmark = pytest.mark.both_loops


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        yield Path(folder) / "run" / "docker.sock"


def bound(path: Path) -> socket.socket:
    """A socket bound at ``path``."""
    path.parent.mkdir(exist_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    return sock


async def test_private_socket_in_a_private_folder(path: Path) -> None:
    listener = UnixListener(path)
    await listener.start(asyncio.Protocol)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await listener.close()
    await listener.close()
    assert not path.exists()


async def test_a_folder_that_is_there_stays_as_it_is(path: Path) -> None:
    """It may be one for everybody, such as /tmp."""
    path.parent.mkdir()
    path.parent.chmod(0o1777)
    listener = UnixListener(path)
    await listener.start(asyncio.Protocol)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o1777
    await listener.close()


async def test_a_path_that_is_too_long(path: Path) -> None:
    long = path.parent / ("x" * (SOCKET_PATH_LIMIT + 1))
    with pytest.raises(HostError, match=f"too long: .* {SOCKET_PATH_LIMIT} are allowed"):
        await UnixListener(long).start(asyncio.Protocol)


async def test_the_longest_path_works(path: Path) -> None:
    longest = path.parent / ("x" * (SOCKET_PATH_LIMIT - len(os.fsencode(path.parent)) - 1))
    listener = UnixListener(longest)
    await listener.start(asyncio.Protocol)
    _, writer = await asyncio.open_unix_connection(str(longest))
    writer.close()
    await writer.wait_closed()
    await listener.close()


async def test_a_dead_socket_is_replaced(path: Path) -> None:
    bound(path).close()
    assert path.exists()
    endpoint = Endpoint(path)
    await endpoint.start()
    endpoint.open_gate(GuestRoute(MemoryCarrier(echo), "/s"))
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    await endpoint.close()


async def test_a_living_socket_is_left_alone(path: Path) -> None:
    with bound(path) as other:
        other.listen()
        before = path.stat().st_ino
        with pytest.raises(EngineError, match="Another program already listens at"):
            await UnixListener(path).start(asyncio.Protocol)
        assert path.stat().st_ino == before


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
async def test_what_is_no_socket_is_left_alone(path: Path, kind: str) -> None:
    path.parent.mkdir()
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("precious")
    with pytest.raises(HostError, match="another file is there"):
        await UnixListener(path).start(asyncio.Protocol)
    assert path.is_symlink() if kind == "link" else path.exists()


async def test_a_folder_that_cannot_be_made(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(HostError, match="cannot listen at"):
        await UnixListener(path).start(asyncio.Protocol)


async def test_a_socket_put_in_our_place_is_not_removed(path: Path) -> None:
    listener = UnixListener(path)
    await listener.start(asyncio.Protocol)
    path.unlink()
    with bound(path):
        await listener.close()
        assert path.exists()


async def test_a_removed_socket_does_not_disturb_closing(path: Path) -> None:
    listener = UnixListener(path)
    await listener.start(asyncio.Protocol)
    path.unlink()
    await listener.close()


async def test_starting_again_after_closing(path: Path) -> None:
    for _ in range(3):
        endpoint = Endpoint(path)
        await endpoint.start()
        await endpoint.close()
    assert not path.exists()
