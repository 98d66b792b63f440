"""A sign of life of the engine, against a server that counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.linux import LinuxEngine
from vm.errors import EngineError, UserError

ENOUGH = 5.0
VERSION = b'{"Version": "28.5.2", "ApiVersion": "1.51", "Os": "linux", "Arch": "amd64", "KernelVersion": "6.12"}'


class Busy:
    """Answers ``/_ping``, and ``/version`` when it is let to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.alive = self.knows = asyncio.Event()
        self.alive.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                self.asked.append(path.rpartition("/")[2])
                ping = path.endswith("_ping")
                await (self.alive if ping else self.knows).wait()
                body = b"OK" if ping else VERSION
                status = f"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(status.encode() + body)
        except asyncio.IncompleteReadError:
            writer.close()


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Busy]:
    made = Busy()
    server = await asyncio.start_unix_server(made.serve, tmp_path / "docker.sock")
    yield made
    for event in (made.alive, made.knows):
        event.set()
    server.close()


async def test_a_busy_engine_that_has_told_its_version_is_alive(busy: Busy, tmp_path: Path) -> None:
    engine = LinuxEngine(tmp_path / "docker.sock")
    assert (await engine.wait_ready(ENOUGH)).version == "28.5.2"
    busy.knows = asyncio.Event()
    busy.asked.clear()
    assert (await engine.version(ENOUGH)).version == "28.5.2"
    assert busy.asked == ["_ping"]


async def test_another_start_may_be_of_another_version(busy: Busy, tmp_path: Path) -> None:
    engine = LinuxEngine(tmp_path / "docker.sock")
    await engine.wait_ready(ENOUGH)
    busy.asked.clear()
    await engine.wait_ready(ENOUGH)
    assert "version" in busy.asked


async def test_no_sign_of_life(busy: Busy, tmp_path: Path) -> None:
    engine = LinuxEngine(tmp_path / "docker.sock")
    busy.alive = asyncio.Event()
    with pytest.raises(EngineError, match=r"did not answer within 0\.1 s"):
        await engine.version(0.1)
    with pytest.raises(UserError):
        await LinuxEngine(tmp_path / "nobody.sock").version(ENOUGH)
