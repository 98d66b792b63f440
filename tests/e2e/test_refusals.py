"""What the real docker CLI shows when the endpoint turns it away. Needs no machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.admission import Admission, Step
from engine.endpoint.admission.documents import JsonObject
from installers.checkout import system
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import EngineError, LinkError

MESSAGE = "Slipway's machine is stopped"
HINT = "Start it with `slipway start`."


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        started = Endpoint(Path(folder) / "d.sock", wait_seconds=1.0)
        await started.start()
        yield started
        await started.close()


async def docker(endpoint: Endpoint, *words: str, feed: bytes | None = None) -> tuple[int | None, str]:
    program = system.find_program("docker")
    assert program, "the docker command line is missing: python3 installers/dev.py setup"
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        env={**os.environ, "DOCKER_HOST": f"unix://{endpoint.path}", "DOCKER_CLI_HINTS": "false"},
        stdin=asyncio.subprocess.PIPE if feed is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(feed), 60)
    return process.returncode, output.decode()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ps",), 1),
        (("version",), 1),
        (("info",), 1),
        (("events",), 1),
        (("pull", "busybox"), 1),
        (("run", "--rm", "busybox"), 125),
        (("exec", "x", "true"), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_the_reason_is_shown(endpoint: Endpoint, words: tuple[str, ...], code: int) -> None:
    endpoint.shut(EngineError(MESSAGE, HINT))
    returned, output = await docker(endpoint, *words)
    assert f"Error response from daemon: {MESSAGE}. {HINT}" in output
    assert returned == code


async def test_the_reason_is_shown_to_a_large_upload(endpoint: Endpoint) -> None:
    endpoint.shut(EngineError(MESSAGE, HINT))
    returned, output = await docker(endpoint, "load", feed=bytes(32 << 20))
    assert f"{MESSAGE}. {HINT}" in output
    assert returned == 1


async def test_a_wait_in_vain_names_what_was_waited_for(endpoint: Endpoint) -> None:
    endpoint.hold("the machine is starting (stage: kernel)")
    started = asyncio.get_running_loop().time()
    returned, output = await docker(endpoint, "ps")
    assert "Slipway's engine is not ready: the machine is starting (stage: kernel)" in output
    assert returned == 1
    assert asyncio.get_running_loop().time() - started < 10


class Fails(Step):
    """A step with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def create_container(self, body: JsonObject) -> None:
        raise self._error


async def answer_pings(stream: MemoryStream) -> None:
    while await stream.read(65536):
        await stream.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Length: 0\r\n\r\n")
    await stream.write_eof()


async def unknown(name: str) -> JsonObject:
    return {}


async def unasked(identity: str) -> None:
    raise AssertionError("nothing is removed")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (EngineError("“/usr/share” is not shared", HINT), f"“/usr/share” is not shared. {HINT}"),
        (LinkError("The link is down", "Wait."), "The link is down. Wait."),
        (KeyError("x"), "an internal error (KeyError). See the log"),
        (RecursionError(), "an internal error (RecursionError). See the log"),
    ],
)
async def test_no_error_leaves_docker_run_waiting(error: Exception, wanted: str) -> None:
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        endpoint = Endpoint(Path(folder) / "d.sock", admission=Admission([Fails(error)], unknown, unasked))
        await endpoint.start()
        endpoint.open_gate(GuestRoute(MemoryCarrier(answer_pings), "/run/docker.sock"))
        try:
            returned, output = await docker(endpoint, "run", "--rm", "busybox")
        finally:
            await endpoint.close()
    assert wanted in output
    assert returned == 125
