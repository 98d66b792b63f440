"""The control API: values survive the wire, and the client's view of absent, old and silent supervisors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from desktop.control.client import ControlClient, ControlError, SupervisorAbsent
from desktop.control.schema import (
    AcceleratorReport,
    Boot,
    EngineReport,
    ErrorReport,
    Event,
    HopReport,
    ImageReport,
    MachineReport,
    RemoteError,
    RunState,
    StageReport,
    Status,
    dump,
    load,
)
from tests.unit.local_server import serving
from vm.errors import DiskError
from vm.host.paths import Paths

pytestmark = pytest.mark.both_loops

STATUS = Status(
    RunState.UNREACHABLE,
    "summary",
    "unix:///x",
    7,
    ErrorReport("EngineError", "m", "h", "d"),
    (HopReport("qmp", False, "why"), HopReport("dockerd", None, "not reached")),
    "stage",
    MachineReport(1, 2, 3, "amd64", 4, "v", 5.5),
    AcceleratorReport("tcg", True, False, "why", "fix"),
    EngineReport("28.5.2", "1.51", "linux", "amd64"),
    9,
)


@pytest.mark.parametrize(
    "value",
    [
        STATUS,
        Status(RunState.STOPPED, "", ""),
        Boot(1.0, 2.0, "kvm", "v", (StageReport("a", 1.0, 1.0),)),
        ImageReport("v", "amd64", 3, True, {"docker.io": "28"}),
        Event("progress", "t", 0.5),
        Event("error", error=ErrorReport("X", "m")),
    ],
)
def test_values_survive_the_wire(value: Any) -> None:
    assert load(type(value), dump(value)) == value


def test_unknown_keys_are_ignored() -> None:
    assert load(StageReport, {"name": "a", "seconds": 1, "took": 2.0, "new": []}) == StageReport("a", 1.0, 2.0)


@pytest.mark.parametrize(
    "values",
    [[], {}, {"name": 1, "seconds": 1, "took": 1}, {"name": "a", "seconds": "1", "took": 1}, {"name": "a"}],
)
def test_what_does_not_fit_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        load(StageReport, values)


def test_errors_keep_their_code() -> None:
    error = ErrorReport.of(DiskError("m", "h", "d")).to_error()
    assert (error.code, error.message, error.hint, error.detail) == ("DiskError", "m", "h", "d")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "h", tmp_path / "c")
    made.prepare()
    return made


async def test_nobody_is_there(paths: Paths) -> None:
    with pytest.raises(SupervisorAbsent):
        await ControlClient.connect(paths, spawn=False)


def answering(text: str, status: str = "200 OK", kind: str = "application/json") -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = text if b"/hello " not in head or status.startswith("404") else "{}"
            code = status if body is text else "200 OK"
            writer.write(f"HTTP/1.1 {code}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    return serve


@asynccontextmanager
async def talking(paths: Paths, text: str) -> AsyncIterator[ControlClient]:
    """A client of a supervisor that answers everything with ``text``."""
    async with serving(paths.control_socket, answering(text)):
        client = await ControlClient.connect(paths, spawn=False)
        async with client:
            yield client


async def test_one_of_another_version(paths: Paths) -> None:
    async with serving(paths.control_socket, answering("no such path", "404 Not Found")):
        with pytest.raises(ControlError, match="another version"):
            await ControlClient.connect(paths, spawn=False)


@pytest.mark.parametrize("text", ["no json", '{"state": "dancing"}'])
async def test_answers_that_make_no_sense(paths: Paths, text: str) -> None:
    async with talking(paths, text) as client:
        with pytest.raises(ControlError, match="cannot be understood"):
            await client.status()


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


async def test_a_stream_that_ends_too_early(paths: Paths) -> None:
    async with talking(paths, '{"kind": "progress", "text": "t"}\n') as client:
        with pytest.raises(ControlError, match="before the work was done"):
            [event async for event in client.start()]


async def test_a_supervisor_that_cannot_start(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ControlError, match="did not start") as caught:
        await ControlClient.connect(paths)
    assert str(paths.supervisor_log) in caught.value.hint
