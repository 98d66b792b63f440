"""The engine client against a scripted engine: requests as sent, answers cut anywhere, and every way to fail."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from engine.client import EngineClient
from engine.client.errors import (
    ApiError,
    BadParameter,
    Conflict,
    Denied,
    EngineUnreachable,
    NotFound,
    NotSupported,
    ProgressError,
    ServerError,
    StreamBroken,
    Unavailable,
    WrongPlatform,
)
from engine.client.models import Container, Image, Volume
from engine.client.registry import RegistryError, split_reference
from engine.client.streams import Demultiplexer, Frame, JsonLines, Std
from engine.client.transport import query
from tests.unit.local_server import serving
from vm.errors import EngineError

pytestmark = pytest.mark.both_loops

PING = b"HTTP/1.1 200 OK\r\nApi-Version: %s\r\nContent-Length: 2\r\n\r\nOK"


def reply(status: int, body: bytes = b"", kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class Engine:
    """Answers ``/_ping``, and every other request with the next of ``answers`` (pieces, sent one by one)."""

    path: Path
    api: bytes = b"1.51"
    answers: list[list[bytes]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    hold: bool = False
    once: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        finally:  # a client may leave at any point
            self.gone.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if " /_ping " in head:
                writer.write(PING % self.api)
                continue
            self.heads.append(head)
            length = re.search(r"(?i)^content-length: (\d+)", head, re.MULTILINE)
            await reader.readexactly(int(length[1]) if length else 0)
            for piece in self.answers.pop(0):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if self.hold:
                await reader.read()
                return
            if self.once:
                return

    @property
    def request(self) -> str:
        return self.heads[-1].split("\r\n")[0]


async def test_no_trust_store_is_loaded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take longer than the call."""

    def load(*args: object, **options: object) -> NoReturn:
        raise AssertionError("the trust store is loaded")

    for name in ("load_default_certs", "load_verify_locations", "set_default_verify_paths"):
        monkeypatch.setattr(ssl.SSLContext, name, load)
    async with EngineClient(engine.path) as client:
        assert await client.ping() == "1.51"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    made = Engine(tmp_path / "e.sock")
    async with serving(made.path, made.serve):
        yield made


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[EngineClient]:
    async with EngineClient(engine.path) as made:
        yield made


async def test_version(engine: Engine, client: EngineClient) -> None:
    told = {
        "Version": "28.5.2",
        "ApiVersion": "1.51",
        "Os": "linux",
        "Arch": "amd64",
        "Components": None,
        "New": 1,
    }
    engine.answers.append([reply(200, json.dumps(told).encode())])
    version = await client.version()
    assert (version.version, version.os, version.arch, version.components) == ("28.5.2", "linux", "amd64", {})
    assert engine.request == "GET /v1.51/version HTTP/1.1"


@pytest.mark.parametrize(("told", "used"), [(b"1.48", "/v1.48/"), (b"1.60", "/v1.51/")])
async def test_the_api_version_is_negotiated(engine: Engine, client: EngineClient, told: bytes, used: str) -> None:
    engine.api = told
    engine.answers.append([reply(200, b"{}")])
    await client.info()
    assert used in engine.request


@pytest.mark.parametrize(("told", "error"), [(b"1.24", EngineError), (b"", StreamBroken), (b"x.y", StreamBroken)])
async def test_engines_too_old_or_strange(
    engine: Engine, client: EngineClient, told: bytes, error: type[EngineError]
) -> None:
    engine.api = told
    with pytest.raises(error):
        await client.info()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadParameter),
        (401, Denied),
        (403, Denied),
        (404, NotFound),
        (409, Conflict),
        (500, ServerError),
        (501, NotSupported),
        (503, Unavailable),
        (418, ApiError),
    ],
)
async def test_errors_by_status(engine: Engine, client: EngineClient, status: int, error: type[ApiError]) -> None:
    engine.answers.append([reply(status, b'{"message": "because"}')])
    with pytest.raises(error) as caught:
        await client.containers.inspect("x")
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.status) == ("because", status)
    assert "/containers/x/json" in caught.value.detail


async def test_an_error_without_json(engine: Engine, client: EngineClient) -> None:
    engine.answers.append([reply(500, b"plain text", "text/plain")])
    with pytest.raises(ServerError, match="plain text"):
        await client.info()


async def test_nobody_listens(tmp_path: Path) -> None:
    async with EngineClient(tmp_path / "no.sock") as client:
        with pytest.raises(EngineUnreachable) as caught:
            await client.ping()
        with pytest.raises(EngineUnreachable):
            await client.containers.attach("x")
    assert "slipway start" in caught.value.hint


async def test_garbage_instead_of_http(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_10.0\r\n")

    path = tmp_path / "g.sock"
    async with serving(path, serve), EngineClient(path) as client:
        with pytest.raises(EngineUnreachable, match="cannot be reached"):
            await client.ping()


async def test_an_engine_that_never_answers(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    path = tmp_path / "s.sock"
    async with serving(path, serve), EngineClient(path, timeout=0.2) as client:
        with pytest.raises(EngineUnreachable, match="in time"):
            await client.ping()


def chunked(*pieces: bytes) -> list[bytes]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]


async def test_pull_tells_its_steps(engine: Engine, client: EngineClient) -> None:
    text = b'{"status":"Downloading","id":"a1","progressDetail":{"current":5,"total":9}}\r\n{"status":"Done"}'
    engine.answers.append(chunked(*(text[place : place + 7] for place in range(0, len(text), 7))))
    steps = [step async for step in client.images.pull("host:5000/a/b:1", platform="linux/arm64")]
    assert [(step.id, step.status, step.current, step.total) for step in steps] == [
        ("a1", "Downloading", 5, 9),
        ("", "Done", None, None),
    ]
    assert "fromImage=host%3A5000%2Fa%2Fb" in engine.request
    assert "tag=1" in engine.request
    assert "platform=linux%2Farm64" in engine.request
    assert "x-registry-auth: e30=" in engine.heads[-1].lower()


async def test_a_failure_inside_a_stream(engine: Engine, client: EngineClient) -> None:
    engine.answers.append(chunked(b'{"status":"x"}\n', b'{"errorDetail":{"message":"no space"}}\n'))
    pull = client.images.pull("a")
    assert (await anext(pull)).status == "x"
    with pytest.raises(ProgressError, match="no space"):
        await anext(pull)


async def test_an_image_for_another_platform(engine: Engine, client: EngineClient) -> None:
    """In the stream, and before it; the endpoint has added what to do (engine/endpoint/admission/pulls.py)."""
    words, hint = "no matching manifest for linux/amd64 in the manifest list entries", "This image is for Windows."
    told = {"message": f"{words}. {hint}", "hint": hint}
    line = json.dumps({"errorDetail": told, "error": told["message"]}).encode()
    body = json.dumps(told).encode()
    engine.answers += [
        chunked(b'{"status":"x"}\n', line + b"\n"),
        [reply(404, body)],
    ]
    for _ in range(2):
        with pytest.raises(
            RegistryError, match=r"^a is not available for this platform \(linux/amd64\)$"
        ) as failed:
            [step async for step in client.images.pull("a")]
        assert failed.value.hint == hint
        assert words in failed.value.detail


async def test_other_words_with_a_hint_stay(engine: Engine, client: EngineClient) -> None:
    told = {"message": "it is too new. Pull another one.", "hint": "Pull another one."}
    engine.answers.append(chunked(json.dumps({"errorDetail": told}).encode()))
    with pytest.raises(WrongPlatform, match=r"^it is too new$") as failed:
        [step async for step in client.images.pull("a")]
    assert failed.value.hint == "Pull another one."


async def test_a_stream_that_breaks_off(engine: Engine, client: EngineClient) -> None:
    engine.answers.append(chunked(b'{"status":"x"}\n')[:-1])
    engine.once = True
    with pytest.raises(EngineUnreachable):
        [step async for step in client.images.pull("a")]


async def test_leaving_a_pull_closes_its_connection(engine: Engine, client: EngineClient) -> None:
    engine.answers.append(chunked(b'{"status":"x"}\n')[:-1])
    engine.hold = True

    async def pull() -> None:
        async for _ in client.images.pull("a"):
            pass

    task = asyncio.create_task(pull())
    while not engine.heads:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await engine.gone.wait()


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


async def test_exec_is_a_duplex_stream(tmp_path: Path) -> None:
    """The output goes on after the input's end, and what came with the answer's head is not lost."""
    seen = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/_ping" in head:
            writer.write(PING % b"1.51")
            head = await reader.readuntil(b"\r\n\r\n")
        if b"/exec " in head:
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]))
            writer.write(reply(201, b'{"Id": "e1"}'))
            await reader.read()
        else:
            assert b"Upgrade: tcp" in head
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]))
            kind = b"application/vnd.docker.multiplexed-stream"
            writer.write(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: " + kind + b"\r\n\r\n" + frame(1, b"early"))
            seen.extend(await reader.read())
            writer.write(frame(2, b"after the end"))

    path = tmp_path / "x.sock"
    async with serving(path, serve), EngineClient(path) as client:
        command = await client.containers.exec("c", ["cat"])
        async with await command.start() as stream:
            await stream.write(b"some ")
            await stream.write(b"input")
            await stream.write_eof()
            frames = [item async for item in stream.frames()]
    assert bytes(seen) == b"some input"
    assert frames == [Frame(Std.OUT, b"early"), Frame(Std.ERR, b"after the end")]


async def test_an_upgrade_that_is_refused(engine: Engine, client: EngineClient) -> None:
    engine.answers.append([reply(409, b'{"message": "is not running"}')])
    with pytest.raises(Conflict, match="is not running"):
        await client.containers.attach("c")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 1000])
def test_frames_may_be_cut_anywhere(size: int) -> None:
    data = frame(1, b"out") + frame(2, b"") + frame(2, b"err" * 100)
    decode = Demultiplexer()
    frames = [item for place in range(0, len(data), size) for item in decode.feed(data[place : place + size])]
    assert frames == [Frame(Std.OUT, b"out"), Frame(Std.ERR, b""), Frame(Std.ERR, b"err" * 100)]
    assert decode.finish() == []


@pytest.mark.parametrize(
    "data", [b"plain text of a terminal", b"\x09\0\0\0\0\0\0\1x", b"\1\0\0\0\xff\xff\xff\xff"]
)
def test_what_is_not_multiplexed(data: bytes) -> None:
    with pytest.raises(StreamBroken):
        Demultiplexer().feed(data)


def test_a_frame_that_is_cut_off() -> None:
    decode = Demultiplexer()
    decode.feed(frame(1, b"whole") + frame(1, b"half")[:-1])
    with pytest.raises(StreamBroken, match="middle"):
        decode.finish()


def test_json_lines() -> None:
    decode = JsonLines()
    assert decode.feed(b'{"a":1}\r\n\r\n{"b"') == [{"a": 1}]
    assert decode.feed(b":2}") == []
    assert decode.finish() == [{"b": 2}]
    for wrong in (b"[1]\n", b"nonsense\n"):
        with pytest.raises(StreamBroken):
            JsonLines().feed(wrong)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("alpine", ("alpine", "latest")),
        ("alpine:3.22", ("alpine", "3.22")),
        ("host:5000/a", ("host:5000/a", "latest")),
        ("host:5000/a/b:x", ("host:5000/a/b", "x")),
        ("a@sha256:ab", ("a", "sha256:ab")),
        ("a:1@sha256:ab", ("a:1", "sha256:ab")),
    ],
)
def test_references(name: str, parts: tuple[str, str]) -> None:
    assert split_reference(name) == parts


def test_query() -> None:
    assert query(a=None, b=True, c=False, d=0, e={"x": ["y"]}, f="g") == {
        "b": "1",
        "c": "0",
        "d": "0",
        "e": '{"x": ["y"]}',
        "f": "g",
    }


@pytest.mark.parametrize("make", [Image.of, Container.of, Volume.of])
def test_models_take_nulls_and_gaps(make: Callable[[dict[str, object]], object]) -> None:
    empty = make({})
    nulls = dict.fromkeys(("RepoTags", "Labels", "Ports", "Names", "Mounts", "NetworkSettings", "Size", "Created"))
    assert make(dict(nulls)) == empty
