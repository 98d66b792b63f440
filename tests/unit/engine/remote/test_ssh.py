"""An engine over SSH, by the real ssh program and a real sshd."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest

from engine.client import EngineClient
from engine.client.errors import HostKeyUnknown, LoginNeeded, SshFailed
from engine.client.link_transport import RouteDialler
from engine.client.streams import Frame
from engine.remote.askpass import Question
from engine.remote.endpoints import parse
from engine.remote.ssh import SESSIONS, SshRoute
from tests.unit.engine.remote.doors import engine, ssh_computer, trust
from tests.unit.local_server import serving
from tests.unit.sshd import eventually, make_key
from vm.host import host
from vm.host.paths import Paths


@pytest.fixture
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    made = Paths(tmp_path_factory.mktemp("h"), tmp_path_factory.mktemp("c"), pipes=host().paths().pipes)
    made.prepare()
    return made


@asynccontextmanager
async def route(
    paths: Paths, environment: dict[str, str], address: str = "ssh://build"
) -> AsyncIterator[SshRoute]:
    """A way that leaves neither a process nor a file behind."""
    made = SshRoute(parse("build", address), paths, environment)
    try:
        yield made
    finally:
        await made.close()
        assert list(paths.run.iterdir()) == []
        assert [child for child in psutil.Process().children() if child.name() == "ssh"] == []


async def test_calls_streams_and_half_close(tmp_path: Path, paths: Paths) -> None:
    socket = tmp_path / "e.sock"
    async with engine(socket), ssh_computer(socket, tmp_path) as (server, variables):
        trust(server, tmp_path)
        async with route(paths, variables) as way, EngineClient(RouteDialler(way, keep=30, most=100)) as far:
            assert await far.ping() == "1.51"
            assert "web" in [item.name for item in await far.containers.list()]
            made = await far.containers.exec("web", ["cat"])
            async with await made.start() as terminal:
                await terminal.write(b"a word")
                await terminal.write_eof()
                assert isinstance([frame async for frame in terminal.frames()], list)
            async with aclosing(cast(AsyncGenerator[Frame], far.containers.logs("web", follow=True))) as follow:
                assert (await anext(follow)).data


async def test_more_streams_than_one_login_allows(tmp_path: Path, paths: Paths) -> None:
    """sshd's MaxSessions is ten."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            if data.startswith(b"GET /_ping"):
                data = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            writer.write(data)
        writer.write(b" and the end")

    socket = tmp_path / "s"
    async with serving(socket, echo), ssh_computer(socket, tmp_path) as found:
        server, variables = found
        trust(server, tmp_path)
        async with route(paths, variables) as way:
            streams = await asyncio.gather(*(way.open() for _ in range(2 * SESSIONS + 3)))
            for number, stream in enumerate(streams):
                await stream.write(b"%d" % number)
                await stream.write_eof()
            for number, stream in enumerate(streams):
                said = b""
                while data := await stream.read(100):
                    said += data
                assert said == b"%d and the end" % number
                await stream.close()


async def test_an_unknown_computer_is_asked_about(tmp_path: Path, paths: Paths) -> None:
    socket = tmp_path / "e.sock"
    async with engine(socket), ssh_computer(socket, tmp_path) as (_, variables), route(paths, variables) as way:
        with pytest.raises(HostKeyUnknown) as caught:
            await way.open()
        assert caught.value.fingerprint.startswith("SHA256:")
        assert caught.value.fingerprint in caught.value.message
        asked: list[Question] = []

        async def refuse(question: Question) -> str | None:
            asked.append(question)
            return None

        way.questions.asker = refuse
        with pytest.raises(HostKeyUnknown):
            await way.open()
        assert [(question.host_key, question.confirm) for question in asked] == [(True, True)]

        async def agree(question: Question) -> str | None:
            assert question.fingerprint == caught.value.fingerprint
            return "yes"

        way.questions.asker = agree
        await (await way.open()).close()
    assert "127.0.0.1" in (tmp_path / "client" / "known_hosts").read_text()


async def test_whatever_ssh_is_set_to_accept_nobody_new_is_trusted(tmp_path: Path, paths: Paths) -> None:
    socket = tmp_path / "e.sock"
    async with engine(socket), ssh_computer(socket, tmp_path) as (_, variables):
        config = tmp_path / "client" / "config"
        config.write_text(f"StrictHostKeyChecking accept-new\n{config.read_text()}")
        async with route(paths, variables) as way:
            with pytest.raises(HostKeyUnknown):
                await way.open()


async def test_a_changed_key_is_refused(tmp_path: Path, paths: Paths) -> None:
    socket = tmp_path / "e.sock"
    async with engine(socket), ssh_computer(socket, tmp_path) as (server, variables):
        make_key(tmp_path / "other")
        trust(server, tmp_path, tmp_path / "other.pub")
        async with route(paths, variables) as way:

            async def agree(question: Question) -> str | None:
                raise AssertionError(question.text)

            way.questions.asker = agree
            with pytest.raises(SshFailed, match="Host key verification failed") as caught:
                await way.open()
            assert not isinstance(caught.value, HostKeyUnknown)
            assert "IDENTIFICATION HAS CHANGED" in caught.value.detail


async def test_a_passphrase_is_asked_for(tmp_path: Path, paths: Paths) -> None:
    socket = tmp_path / "e.sock"
    async with engine(socket), ssh_computer(socket, tmp_path) as (server, variables):
        trust(server, tmp_path)
        process = await asyncio.create_subprocess_exec(
            *("ssh-keygen", "-q", "-p", "-N", "a secret", "-P", "", "-f", str(server.key))
        )
        assert await process.wait() == 0
        async with route(paths, variables) as way:
            with pytest.raises(LoginNeeded):
                await way.open()
            asked: list[Question] = []

            async def answer(question: Question) -> str | None:
                asked.append(question)
                return "a secret"

            way.questions.asker = answer
            for stream in [await way.open() for _ in range(3)]:
                await stream.close()
            assert [(item.confirm, item.host_key) for item in asked] == [(False, False)], "asked once"
            assert "passphrase" in asked[0].text


async def test_a_connection_that_breaks_is_made_again(tmp_path: Path, paths: Paths) -> None:
    socket = tmp_path / "e.sock"
    async with engine(socket), ssh_computer(socket, tmp_path) as (server, variables):
        trust(server, tmp_path)
        async with route(paths, variables) as way, EngineClient(RouteDialler(way, keep=30)) as far:
            await far.ping()
            masters = [child for child in psutil.Process().children() if child.name() == "ssh"]
            assert masters
            streams = [*way.streams()]
            for child in masters:
                child.kill()
            await eventually(lambda: all(stream.ended for stream in streams))
            assert await far.ping() == "1.51"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("no docker", "docker does not answer there"),
        ("no engine", "cannot connect"),
        ("no server", "Connection refused"),
        ("no key", "Permission denied"),
    ],
)
async def test_why_it_fails(tmp_path: Path, paths: Paths, broken: str, said: str) -> None:
    socket = tmp_path / "e.sock"
    async with ssh_computer(socket, tmp_path) as (server, variables):
        trust(server, tmp_path)
        if broken == "no docker":
            (tmp_path / "programs" / "docker").unlink()
        if broken == "no key":
            (server.folder / "client.pub").unlink()
        if broken == "no server":
            server.process.terminate()
            server.process.wait(10)
        async with route(paths, variables) as way:
            with pytest.raises(SshFailed) as caught:
                await way.open()
    assert said in f"{caught.value.message} {caught.value.detail}"
    assert caught.value.hint


async def test_no_ssh(tmp_path: Path, paths: Paths) -> None:
    async with route(paths, {**os.environ, "PATH": str(tmp_path)}) as way:
        with pytest.raises(SshFailed, match="not installed"):
            await way.open()
