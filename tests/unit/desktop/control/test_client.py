"""The client's view of absent, old, silent and odd supervisors, and of streams that end too early."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from desktop.control.client import ControlClient, ControlError, SupervisorAbsent
from desktop.control.schema import RemoteError
from tests.unit.local_server import serving
from vm.host.paths import Paths

pytestmark = pytest.mark.both_loops


def answering(text: str, status: str = "200 OK") -> Any:
    """A supervisor that says hello, and answers everything else with ``text``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = text if b"/hello" not in head or status.startswith("404") else "{}"
            code = status if body is text else "200 OK"
            writer.write(f"HTTP/1.1 {code}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    return serve


@asynccontextmanager
async def talking(paths: Paths, text: str, status: str = "200 OK") -> AsyncIterator[ControlClient]:
    """A client of a supervisor that answers everything with ``text``."""
    async with (
        serving(paths.control_socket, answering(text, status)),
        await ControlClient.connect(paths, spawn=False) as client,
    ):
        yield client


async def test_nobody_is_there(paths: Paths) -> None:
    with pytest.raises(SupervisorAbsent):
        await ControlClient.connect(paths, spawn=False)


async def test_one_of_another_version(paths: Paths) -> None:
    async with serving(paths.control_socket, answering("no such path", "404 Not Found")):
        with pytest.raises(ControlError, match="Another version"):
            await ControlClient.connect(paths, spawn=False)


@pytest.mark.parametrize("text", ["no json", '{"state": "dancing", "summary": "", "socket": ""}'])
async def test_answers_that_make_no_sense(paths: Paths, text: str) -> None:
    async with talking(paths, text) as client:
        with pytest.raises(ControlError, match="cannot be understood") as caught:
            await client.status()
    assert text in caught.value.detail


async def test_an_answer_names_the_field_that_is_wrong(paths: Paths) -> None:
    async with talking(paths, '{"state": "running", "summary": 1, "socket": ""}') as client:
        with pytest.raises(ControlError) as caught:
            await client.status()
    assert "$.summary" in caught.value.detail


async def test_an_error(paths: Paths) -> None:
    async with talking(paths, '{"code": "DiskError", "message": "full", "hint": "h"}', "409 Conflict") as client:
        for refused in (client.disk, client.status):
            with pytest.raises(RemoteError, match="full") as caught:
                await refused()
            assert (caught.value.code, caught.value.hint) == ("DiskError", "h")
        with pytest.raises(RemoteError, match="full"):
            await anext(client.start())


async def test_an_error_in_a_stream(paths: Paths) -> None:
    lines = (
        '{"kind": "progress", "text": "t"}\n{"kind": "error", "error": {"code": "DiskError", "message": "full"}}\n'
    )
    async with talking(paths, lines) as client:
        events = client.start()
        assert (await anext(events)).text == "t"
        with pytest.raises(RemoteError, match="full") as caught:
            await anext(events)
    assert caught.value.code == "DiskError"


async def test_an_error_ends_any_stream(paths: Paths) -> None:
    status = '{"state": "running", "summary": "", "socket": ""}'
    async with talking(paths, status + '\n{"error": {"code": "Unforeseen", "message": "defect"}}\n') as client:
        statuses = client.watch(3.0)
        await anext(statuses)
        with pytest.raises(RemoteError, match="defect"):
            await anext(statuses)


async def test_a_stream_that_ends_too_early(paths: Paths) -> None:
    async with talking(paths, '{"kind": "progress", "text": "t"}\n') as client:
        with pytest.raises(ControlError, match="before the work was done"):
            [event async for event in client.start()]


async def test_no_trust_store_is_loaded(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **more: Any) -> None:
        raise AssertionError("certificates are loaded for a local socket")

    for name in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
        monkeypatch.setattr(ssl.SSLContext, name, refuse)
    async with talking(paths, '{"state": "stopped", "summary": "", "socket": ""}') as client:
        await client.status()
