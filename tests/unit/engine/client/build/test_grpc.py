"""gRPC between our two sides, and the history of builds as BuildKit encodes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from engine.client.build.grpc import OK, UNIMPLEMENTED, UNKNOWN, Server, call
from engine.client.build.history import PastBuild, past_build
from engine.client.build.session import CREDENTIALS, HEALTH, SERVING, answers
from engine.client.build.wire import field
from engine.client.errors import NotSupported, StreamBroken
from vm.errors import EngineError


class End:
    """One end of a connection in memory."""

    def __init__(self, inbox: asyncio.Queue[bytes], outbox: asyncio.Queue[bytes]) -> None:
        self._inbox, self._outbox = inbox, outbox

    async def chunks(self) -> AsyncIterator[bytes]:
        while data := await self._inbox.get():
            yield data

    async def write(self, data: bytes) -> None:
        for place in range(0, len(data), 1000):  # messages are cut anywhere
            self._outbox.put_nowait(data[place : place + 1000])


async def ask(answer: tuple[int, Iterable[bytes]], message: bytes = b"") -> list[bytes]:
    """The messages of one call that is answered so."""
    there, back = asyncio.Queue[bytes](), asyncio.Queue[bytes]()

    async def answered(path: str, asked: bytes) -> tuple[int, Iterable[bytes]]:
        assert (path, asked) == ("/a.Service/Call", message)
        return answer

    serving = asyncio.create_task(Server(End(there, back), answered).serve())
    try:
        return [found async for found in call(End(back, there), "/a.Service/Call", message)]
    finally:
        there.put_nowait(b"")
        await serving


async def test_messages_of_any_length_come_in_order() -> None:
    messages = [b"", b"a" * 5, b"b" * 30_000, b"c"]
    assert await ask((OK, messages), b"x" * 3000) == messages
    assert await ask((OK, [])) == []


async def test_refusals() -> None:
    with pytest.raises(NotSupported):
        await ask((UNIMPLEMENTED, []))
    with pytest.raises(EngineError, match="no such build"):
        await ask((UNKNOWN, [b"no such build"]))


async def test_a_connection_that_ends_early() -> None:
    empty = asyncio.Queue[bytes]()
    empty.put_nowait(b"")
    with pytest.raises(StreamBroken):
        async for _ in call(End(empty, asyncio.Queue()), "/a.Service/Call", b""):
            pass


async def test_what_a_session_answers() -> None:
    async def lookup(registry: str) -> dict[str, str]:
        return {"username": "me", "password": "secret"} if registry == "docker.io" else {"identitytoken": "token"}

    answer = answers(lookup)
    assert await answer(HEALTH, b"") == (OK, [SERVING])
    assert await answer(CREDENTIALS, field(1, "docker.io")) == (OK, [field(1, "me") + field(2, "secret")])
    assert await answer(CREDENTIALS, field(1, "ghcr.io")) == (OK, [field(2, "token")])
    assert await answer("/other", b"") == (UNIMPLEMENTED, [])


def moment(seconds: int) -> bytes:
    return field(1, seconds)


def pair(key: str, value: str) -> bytes:
    return field(1, key) + field(2, value)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (field(4, field(1, "moby") + field(2, pair("name", "docker.io/me/app:1,docker.io/me/app:2"))), "me/app:1"),
        (field(9, pair("image.name", "docker.io/library/app:latest")), "app:latest"),
        (field(3, pair("filename", "Dockerfile.dev")), "Dockerfile.dev"),
        (b"", "Dockerfile"),
    ],
)
def test_a_record_of_a_build(names: bytes, name: str) -> None:
    error = field(5, field(1, 2) + field(2, "exit code: 1"))
    times = field(6, moment(100)) + field(7, moment(130))
    record = field(1, "ref1") + names + error + times + field(15, 3) + field(16, 5)
    assert past_build(record) == PastBuild("ref1", name, 100.0, 130.0, "exit code: 1", 3, 5)
