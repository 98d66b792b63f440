"""Commands in pods and forwarded ports, on the stand-in's API; a server that breaks off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import web

from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client import forwarding as forwarding_module
from engine.kubernetes.client.channels import DATA, V4, Command, PodPort
from engine.kubernetes.client.errors import ClusterUnreachable, NotFound, Refused
from engine.kubernetes.client.forwarding import PortForward
from tests.unit.engine.kubernetes.test_client import Stage, pods
from tests.unit.sshd import eventually
from vm.errors import HostError

SECONDS = 30.0


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[KubernetesClient]:
    async with await stage.open() as made:
        yield made
    await stage.cluster.close()


async def read_until(output: AsyncIterator[bytes], text: str) -> str:
    said = ""
    async with asyncio.timeout(SECONDS):
        async for data in output:
            said += data.decode()
            if text in said:
                return said
    raise AssertionError(f"it has ended after {said!r}")


class TestCommands:
    async def test_a_terminal_with_a_size_and_an_exit_code(self, client: KubernetesClient) -> None:
        (name,) = await pods(client, "db-")
        async with client.exec("shop", name, "postgres", ["/bin/sh"]) as command:
            output = command.output()
            await read_until(output, "/ # ")
            await command.resize(31, 99)
            await command.write(b"size\r")
            assert "31 99" in await read_until(output, "/ # ")
            await command.write(b"exit 7\r")
            assert [data async for data in output][-1:] == [b"\r\n"]
            assert (command.code, command.failure) == (7, None)

    async def test_the_end_of_input(self, client: KubernetesClient) -> None:
        (name,) = await pods(client, "db-")
        async with client.exec("shop", name, "postgres", ["/bin/sh"]) as command:
            await command.end_input()
            async with asyncio.timeout(SECONDS):
                assert [data async for data in command.output()] == [b"/ # "]
            assert command.code == 0

    async def test_a_command_that_is_not_there(self, client: KubernetesClient) -> None:
        (name,) = await pods(client, "db-")
        async with client.exec("shop", name, "postgres", ["/bin/bash"]) as command:
            assert [data async for data in command.output()] == []
            assert command.code is None
            assert command.failure is not None
            assert "no such file" in command.failure.message

    async def test_refusals(self, stage: Stage, client: KubernetesClient) -> None:
        with pytest.raises(NotFound):
            async with client.exec("shop", "nothing", "postgres", ["/bin/sh"]):
                pass
        (name,) = await pods(client, "api-")
        with pytest.raises(Refused):
            async with client.exec("shop", name, "api", ["/bin/sh"]):
                pass
        await stage.cluster.close()
        with pytest.raises(ClusterUnreachable):
            async with client.exec("shop", name, "api", ["/bin/sh"]):
                pass


class TestPortForward:
    async def test_requests_reach_the_pod(self, client: KubernetesClient) -> None:
        (name,) = await pods(client, "db-")
        told: list[int] = []
        forward = PortForward(lambda: client.connect("shop", name, 8080), lambda: told.append(forward.connections))
        port = await forward.open(0)
        async with httpx.AsyncClient(trust_env=False) as browser:
            pages = await asyncio.gather(*(browser.get(f"http://127.0.0.1:{port}/") for _ in range(5)))
        assert {page.text for page in pages} == {f"port 8080 of {name}\n"}
        await eventually(lambda: forward.connections == 0)
        assert max(told) >= 1
        await forward.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_a_port_that_is_taken_is_named_or_passed_over(self, client: KubernetesClient) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            forward = PortForward(lambda: client.connect("shop", "db-0", 1), lambda: None)
            with pytest.raises(HostError, match=rf"127.0.0.1:{port} .* in use on your computer by .*process \d+"):
                await forward.open(port)
            assert await forward.open(port, 0) not in (0, port)
            await forward.close()

    async def test_a_port_at_which_nothing_listens(self, client: KubernetesClient) -> None:
        forward = PortForward(lambda: client.connect("shop", "db-0", 9), lambda: None)
        reader, writer = await asyncio.open_connection("127.0.0.1", await forward.open(0))
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        writer.close()
        await eventually(lambda: forward.failure is not None)
        assert forward.failure is not None
        assert "connection refused" in forward.failure.message
        await forward.close()

    async def test_a_pod_that_has_gone(self, client: KubernetesClient) -> None:
        forward = PortForward(lambda: client.connect("shop", "gone", 80), lambda: None)
        reader, writer = await asyncio.open_connection("127.0.0.1", await forward.open(0))
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        writer.close()
        await eventually(lambda: isinstance(forward.failure, NotFound))
        await forward.close()

    async def test_closing_ends_open_connections(self, client: KubernetesClient) -> None:
        forward = PortForward(lambda: client.connect("shop", "db-0", 80), lambda: None)
        reader, writer = await asyncio.open_connection("127.0.0.1", await forward.open(0))
        await eventually(lambda: forward.connections == 1)
        await forward.close()
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        writer.close()

    async def test_much_goes_both_ways_after_the_client_s_end(self) -> None:
        """A pod that answers when all has come; the client has ended its direction by then."""
        sent = bytes(range(256)) * 4096
        async with echo(len(sent)) as dial:
            forward = PortForward(dial, lambda: None)
            reader, writer = await asyncio.open_connection("127.0.0.1", await forward.open(0))
            writer.write(sent)
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), SECONDS) == sent
            writer.close()
            await forward.close()

    async def test_a_client_that_is_gone_is_noticed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forwarding_module, "HALF_CLOSED_SECONDS", 0.05)
        async with echo(1000) as dial:
            forward = PortForward(dial, lambda: None)
            _, writer = await asyncio.open_connection("127.0.0.1", await forward.open(0))
            await eventually(lambda: forward.connections == 1)
            writer.close()
            await eventually(lambda: forward.connections == 0)
            await forward.close()


@asynccontextmanager
async def echo(size: int) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[PodPort]]]:
    """A pod that sends back what it gets, once that is so much."""

    async def serve(request: web.Request) -> web.StreamResponse:
        made = web.WebSocketResponse(protocols=(V4,))
        await made.prepare(request)
        for channel in range(2):
            await made.send_bytes(bytes([channel, 80, 0]))
        received = b""
        async for message in made:
            received += message.data[1:]
            if len(received) >= size:
                for place in range(0, size, 30_000):
                    await made.send_bytes(bytes([DATA]) + received[place : place + 30_000])
                await made.close()
        return made

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()

    @asynccontextmanager
    async def dial() -> AsyncIterator[PodPort]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/", protocols=(V4,)) as made,
        ):
            yield PodPort(made)

    yield dial
    await runner.cleanup()


async def test_a_status_without_a_code_is_a_failure() -> None:
    command = Command(None)  # type: ignore[arg-type]  # nothing is sent
    command._take_status({"status": "Failure", "message": "the pod was deleted", "code": 500})  # noqa: SLF001 - the wire's
    assert command.failure is not None
    assert command.failure.message == "the pod was deleted"
