"""The control port against a scripted guest: stages told once, answers matched, absence survived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vm.errors import LinkError, MachineError
from vm.guest.control import GuestControl, GuestStage
from vm.host import host

pytestmark = pytest.mark.both_loops

Guest = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def connected(
    folder: Path, guest: Guest, control: GuestControl | None = None
) -> AsyncIterator[tuple[GuestControl, list[GuestStage]]]:
    """A control connection to ``guest``, and the list of the stages told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await guest(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, folder / "guest.sock")
    told: list[GuestStage] = []
    control = control or GuestControl(told.append)
    await control.connect(host(), folder / "guest.sock", 2)
    try:
        yield control, told
    finally:
        await control.close()
        server.close()
        await server.wait_closed()


async def test_stages_are_told_once_each(tmp_path: Path) -> None:
    async def guest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"stage init 1.25\n\nstage modules 2\nstage init 1.25\nstage mo")
        await writer.drain()
        writer.write(b"dules 2\nfailed data e2fsck: exit 4, sorry\nnonsense here\n\xff\xfe\n")
        await writer.drain()

    async with connected(tmp_path, guest) as (control, told):
        await asyncio.wait_for(control.closed.wait(), 2)
    assert told == [
        GuestStage("init", 1.25),
        GuestStage("modules", 2.0),
        GuestStage("data", 0.0, "e2fsck: exit 4, sorry"),
    ]
    assert set(control.stages) == {"init", "modules", "data"}


async def test_a_hook_that_fails_does_not_end_the_port(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def guest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"stage init 1\npublish 1 nonsense\n")
        assert (await reader.readline()) == b"ping\n"
        writer.write(b"ok ping\n")
        await reader.read()

    def fail(*told: object) -> None:
        raise RuntimeError(f"a hook's: {told[0]}")

    async with connected(tmp_path, guest, GuestControl(fail, fail)) as (control, _):
        await control.command("ping", 2)
    assert "a hook's: GuestStage(name='init'" in caplog.text
    assert "a hook's: publish" in caplog.text


async def test_commands_wait_for_their_own_answers(tmp_path: Path) -> None:
    asked: list[str] = []

    async def guest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked.append(line.decode())
            if len(asked) == 3:
                writer.write(b"ok ping\nerror grow no room left\nok clock x 12.5\n")

    async with connected(tmp_path, guest) as (control, _):
        outcomes = await asyncio.gather(
            control.command("clock x"),
            control.command("grow"),
            control.command("ping"),
            return_exceptions=True,
        )
    assert asked == ["clock x\n", "grow\n", "ping\n"]
    assert outcomes[0] == "x 12.5"
    assert isinstance(outcomes[1], MachineError)
    assert "no room left" in outcomes[1].message
    assert outcomes[2] == ""


async def test_a_guest_that_does_not_answer(tmp_path: Path) -> None:
    async def guest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        await asyncio.sleep(0.2)
        writer.write(b"ok ping\n")  # too late: no one waits for it
        while line := await reader.readline():
            writer.write(b"ok " + line)

    async with connected(tmp_path, guest) as (control, _):
        with pytest.raises(LinkError, match="did not answer “ping” within"):
            await control.command("ping", timeout=0.1)
        await asyncio.sleep(0.2)
        await control.command("trim", timeout=2)


async def test_a_connection_that_breaks_ends_what_waits(tmp_path: Path) -> None:
    async def guest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()

    async with connected(tmp_path, guest) as (control, _):
        with pytest.raises(LinkError, match="closed unexpectedly"):
            await control.command("ping")
        assert control.closed.is_set()
        with pytest.raises(LinkError, match="not connected"):
            await control.command("ping")


async def test_nobody_listens(tmp_path: Path) -> None:
    control = GuestControl()
    with pytest.raises(LinkError, match="cannot be reached"):
        await control.connect(host(), tmp_path / "absent", 0.2)
    await control.close()
