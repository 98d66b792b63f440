"""The steps in order, with one parse and one dump of a request."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from engine.endpoint.admission import Admission, Step
from engine.endpoint.admission.folders import ReplacedFolders
from engine.endpoint.admission.inspect import inspect_in_guest
from engine.endpoint.admission.pipeline import JsonObject
from engine.endpoint.admission.ports import ReservedPorts
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import EngineError, LinkError
from vm.state import MachineState, StateError


@dataclass
class Add(Step):
    """Adds a key, and notes what it saw."""

    key: str
    seen: list[JsonObject] = field(default_factory=list)

    async def create(self, body: JsonObject) -> JsonObject:
        self.seen.append(body)
        return {**body, self.key: True} if self.key else body

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        self.seen.append(container)


async def inspect(name: str) -> JsonObject:
    if name == "unknown":
        raise EngineError("dockerd answers with an error")
    return {"Name": name}


@pytest.fixture
async def over() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_each_step_gets_what_the_last_one_made() -> None:
    one, two = Add("one"), Add("two")
    made = await Admission([one, two], inspect).create(b'{"Image": "x"}')
    assert json.loads(made) == {"Image": "x", "one": True, "two": True}
    assert one.seen == [{"Image": "x"}]
    assert two.seen == [{"Image": "x", "one": True}]


@pytest.mark.parametrize("raw", [b'{"a":1.0, "b":\n"\\u00fc"}', b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe"])
async def test_what_is_not_changed_stays_as_it_came(raw: bytes) -> None:
    assert await Admission([Add("")], inspect).create(raw) is raw


async def test_what_is_no_object_is_left_to_the_engine() -> None:
    step = Add("one")
    for raw in (b"", b"{", b"[]", b"1"):
        assert await Admission([step], inspect).create(raw) is raw
    assert step.seen == []


@pytest.mark.parametrize("text", ["ü", "\ud800", "\U0001f433", "\0"])
async def test_any_text_survives_a_change(text: str) -> None:
    made = await Admission([Add("one")], inspect).create(json.dumps({"Image": text}).encode())
    assert json.loads(made) == {"Image": text, "one": True}


async def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(EngineError, match="nested too deeply"):
        await Admission([], inspect).create(b"[" * 200_000)


async def test_a_start_is_prepared_with_what_the_engine_knows(over: asyncio.Future[None]) -> None:
    one, two = Add("one"), Add("two")
    await Admission([one, two], inspect).start("web", over)
    assert one.seen == two.seen == [{"Name": "web"}]


async def test_what_the_engine_does_not_know_is_left_to_it(over: asyncio.Future[None]) -> None:
    step = Add("one")
    await Admission([step], inspect).start("unknown", over)
    assert step.seen == [{}]


# -- small steps --------------------------------------------------------------------------------------------------


async def test_folders_are_refreshed_for_both_kinds(over: asyncio.Future[None]) -> None:
    looks = 0

    async def refresh() -> None:
        nonlocal looks
        looks += 1

    admission = Admission([ReplacedFolders(refresh)], inspect)
    assert await admission.create(b"{}") == b"{}"
    assert looks == 1
    await admission.start("web", over)
    assert looks == 2


async def test_ports_are_reserved_for_a_start_only(over: asyncio.Future[None]) -> None:
    class Reservations:
        def __init__(self) -> None:
            self.prepared: list[tuple[object, asyncio.Future[None]]] = []

        async def prepare(self, container: object, over: asyncio.Future[None]) -> None:
            self.prepared.append((container, over))

    reservations = Reservations()
    admission = Admission([ReservedPorts(reservations)], inspect)
    assert await admission.create(b"{}") == b"{}"
    assert reservations.prepared == []
    await admission.start("web", over)
    assert reservations.prepared == [({"Name": "web"}, over)]


# -- asking the engine --------------------------------------------------------------------------------------------


async def test_the_engine_in_the_guest_is_asked() -> None:
    asked: list[bytes] = []

    async def serve(stream: MemoryStream) -> None:
        asked.append(await stream.read(65536))
        await stream.write(b'HTTP/1.1 200 OK\r\n\r\n{"Id": "abc"}')
        await stream.write_eof()

    carrier = MemoryCarrier(serve)
    assert await inspect_in_guest(lambda: carrier)("my web/x") == {"Id": "abc"}
    assert asked[0].startswith(b"GET /containers/my%20web%2Fx/json ")
    carrier.refuse = LinkError("cut")
    with pytest.raises(EngineError, match="does not listen"):
        await inspect_in_guest(lambda: carrier)("x")


async def test_a_machine_that_is_paused_is_not_an_unknown_container(over: asyncio.Future[None]) -> None:
    """The start must not go on to an engine that does not run."""

    def connect() -> MemoryCarrier:
        raise StateError("be reached", MachineState.PAUSED, frozenset({MachineState.RUNNING}))

    with pytest.raises(StateError):
        await Admission([], inspect_in_guest(connect)).start("web", over)
