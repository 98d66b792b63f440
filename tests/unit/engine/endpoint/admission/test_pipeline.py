"""The steps in order, with one parse and one dump of a request."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from engine.endpoint.admission import Admission, Step
from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.folders import ReplacedFolders
from engine.endpoint.admission.inspect import inspect_in_guest, plugin_in_guest, volumes_in_guest
from engine.endpoint.admission.pipeline import LARGE
from engine.endpoint.admission.ports import ReservedPorts
from engine.endpoint.admission.requests import Checked, Kind
from engine.endpoint.refusal import Refusal
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import EngineError, LinkError, UserError
from vm.state import MachineState, StateError


@dataclass
class Add(Step):
    """Adds a key, and notes what it saw."""

    key: str
    seen: list[object] = field(default_factory=list)

    async def create_container(self, body: JsonObject) -> None:
        self.seen.append({**body})
        if self.key:
            body[self.key] = True

    create_volume = change_service = create_container

    async def set_plugin(self, name: str, settings: list[object]) -> None:
        self.seen.append([*settings])
        settings.append(self.key)

    async def enable_plugin(self, name: str) -> None:
        self.seen.append(name)

    async def copy_files(self, container: JsonObject) -> None:
        self.seen.append({"copy": container})

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        self.seen.append(container)


async def inspect(name: str) -> JsonObject:
    return {} if name == "unknown" else {"Name": name}


async def discard(identity: str) -> None:
    raise AssertionError("nothing is removed here")


CREATE = Checked(Kind.CREATE_CONTAINER)


@pytest.fixture
async def over() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("kind", [Kind.CREATE_CONTAINER, Kind.CREATE_VOLUME, Kind.CHANGE_SERVICE])
async def test_each_step_gets_what_the_last_one_made(kind: Kind, over: asyncio.Future[None]) -> None:
    one, two = Add("one"), Add("two")
    made = await Admission([one, two], inspect, discard).admit(Checked(kind), b'{"Image": "x"}', over)
    assert json.loads(made) == {"Image": "x", "one": True, "two": True}
    assert one.seen == [{"Image": "x"}]
    assert two.seen == [{"Image": "x", "one": True}]


async def test_a_plugin_is_set_to_a_list(over: asyncio.Future[None]) -> None:
    one, two = Add("one"), Add("two")
    made = await Admission([one, two], inspect, discard).admit(Checked(Kind.SET_PLUGIN), b'["x"]', over)
    assert json.loads(made) == ["x", "one", "two"]


@pytest.mark.parametrize("kind", [Kind.CREATE_CONTAINER, Kind.CREATE_VOLUME, Kind.CHANGE_SERVICE, Kind.SET_PLUGIN])
@pytest.mark.parametrize("raw", [b"", b" \n", b"null", b'"x"', b"1"])
async def test_what_names_nothing_is_left_to_the_engine(
    kind: Kind, raw: bytes, over: asyncio.Future[None]
) -> None:
    step = Add("one")
    assert await Admission([step], inspect, discard).admit(Checked(kind), raw, over) == raw
    assert step.seen == []


@pytest.mark.parametrize(
    "raw", [b"{", b"{}x", b"{'a': 1}", b'{"a": NaN}', b"\xef\xbb\xbf{}", b"{}\0", b'{"a": 01}']
)
async def test_what_is_no_json_is_refused(raw: bytes, over: asyncio.Future[None]) -> None:
    with pytest.raises(EngineError, match="JSON is malformed"):
        await Admission([], inspect, discard).admit(CREATE, raw, over)


@pytest.mark.parametrize("text", ["ü", "\ud800", "\U0001f433", "\0", "\u2028"])
async def test_any_text_survives(text: str, over: asyncio.Future[None]) -> None:
    made = await Admission([Add("one")], inspect, discard).admit(
        CREATE, json.dumps({"Image": text}).encode(), over
    )
    assert json.loads(made) == {"Image": text, "one": True}


async def test_a_large_body_does_not_hold_up_others(over: asyncio.Future[None]) -> None:
    raw = json.dumps({"Labels": {"x": "y" * LARGE}}).encode()
    assert json.loads(await Admission([], inspect, discard).admit(CREATE, raw, over)) == json.loads(raw)


async def test_what_is_nested_too_deeply_is_refused(over: asyncio.Future[None]) -> None:
    with pytest.raises(EngineError, match="nested too deeply"):
        await Admission([], inspect, discard).admit(CREATE, b"[" * 200_000, over)


async def test_a_start_is_prepared_with_what_the_engine_knows(over: asyncio.Future[None]) -> None:
    one, two = Add("one"), Add("two")
    await Admission([one, two], inspect, discard).admit(Checked(Kind.START_CONTAINER, "web"), b"", over)
    assert one.seen == two.seen == [{"Name": "web"}]


async def test_what_the_engine_does_not_know_is_left_to_it(over: asyncio.Future[None]) -> None:
    step = Add("one")
    await Admission([step], inspect, discard).admit(Checked(Kind.START_CONTAINER, "unknown"), b"", over)
    assert step.seen == [{}]


async def test_a_copy_of_files_is_checked_with_what_the_engine_knows(over: asyncio.Future[None]) -> None:
    one, two = Add("one"), Add("two")
    admission = Admission([one, two], inspect, discard)
    assert await admission.admit(Checked(Kind.COPY_FILES, "web"), b"", over) == b""
    assert await admission.admit(Checked(Kind.COPY_FILES, "unknown"), b"", over) == b""
    assert one.seen == two.seen == [{"copy": {"Name": "web"}}, {"copy": {}}]


async def test_a_plugin_is_looked_at_by_its_name(over: asyncio.Future[None]) -> None:
    one, two = Add("one"), Add("two")
    admission = Admission([one, two], inspect, discard)
    assert await admission.admit(Checked(Kind.ENABLE_PLUGIN, "a/b:latest"), b"{}", over) == b"{}"
    assert one.seen == two.seen == ["a/b:latest"]


class Fails(Step):
    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        raise EngineError("no")


@pytest.mark.parametrize(
    ("container", "wanted"),
    [
        ({"Id": "a", "HostConfig": {"AutoRemove": True}, "State": {"Status": "created"}}, ["a"]),
        ({"Id": "a", "HostConfig": {"AutoRemove": True}, "State": {"Status": "running"}}, []),
        ({"Id": "a", "HostConfig": {"AutoRemove": False}, "State": {"Status": "created"}}, []),
        ({}, []),
    ],
)
@pytest.mark.parametrize("error", [None, LinkError("lost")])
async def test_a_temporary_container_that_is_not_started_is_removed(
    container: JsonObject, wanted: list[str], error: LinkError | None, over: asyncio.Future[None]
) -> None:
    """The docker command waits for that, since dockerd does it where a start fails."""
    removed: list[str] = []

    async def know(name: str) -> JsonObject:
        return container

    async def remove(identity: str) -> None:
        removed.append(identity)
        if error is not None:
            raise error

    with pytest.raises(EngineError, match=r"^no$"):
        await Admission([Fails()], know, remove).admit(Checked(Kind.START_CONTAINER, "web"), b"", over)
    assert removed == wanted


# -- small steps --------------------------------------------------------------------------------------------------


async def test_folders_are_refreshed_for_what_mounts_them(over: asyncio.Future[None]) -> None:
    looks = 0

    async def refresh() -> None:
        nonlocal looks
        looks += 1

    admission = Admission([ReplacedFolders(refresh)], inspect, discard)
    kinds = (Kind.CREATE_CONTAINER, Kind.CHANGE_SERVICE, Kind.START_CONTAINER, Kind.COPY_FILES)
    for number, kind in enumerate(kinds, 1):
        assert await admission.admit(Checked(kind, "web"), b"{}", over) == b"{}"
        assert looks == number


async def test_ports_are_reserved_for_a_start_only(over: asyncio.Future[None]) -> None:
    class Reservations:
        def __init__(self) -> None:
            self.prepared: list[tuple[object, asyncio.Future[None]]] = []

        async def prepare(self, container: object, over: asyncio.Future[None]) -> None:
            self.prepared.append((container, over))

    reservations = Reservations()
    admission = Admission([ReservedPorts(reservations)], inspect, discard)
    assert await admission.admit(CREATE, b"{}", over) == b"{}"
    assert reservations.prepared == []
    await admission.admit(Checked(Kind.START_CONTAINER, "web"), b"", over)
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
    assert await plugin_in_guest(lambda: carrier)("a/b:c") == {"Id": "abc"}
    assert asked[1].startswith(b"GET /plugins/a%2Fb%3Ac/json ")


def answering(answer: bytes) -> MemoryCarrier:
    async def serve(stream: MemoryStream) -> None:
        await stream.read(65536)
        await stream.write(answer)
        await stream.write_eof()

    return MemoryCarrier(serve)


@pytest.mark.parametrize("status", [b"400 Bad Request", b"404 Not Found", b"409 Conflict"])
async def test_what_the_engine_does_not_know_is_nothing(status: bytes) -> None:
    carrier = answering(b'HTTP/1.1 %s\r\n\r\n{"message": "no"}' % status)
    assert await inspect_in_guest(lambda: carrier)("x") == {}
    assert await plugin_in_guest(lambda: carrier)("x") == {}
    assert await volumes_in_guest(lambda: carrier)(["x", "y"]) == [{}, {}]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b'HTTP/1.1 500 Internal Server Error\r\n\r\n{"message": "no"}', "dockerd answers with an error"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "dockerd answers with an error"),
        (b"", "dockerd answers with an error"),
        (b"no HTTP", "dockerd answers with an error"),
        (b'HTTP/1.1 200 OK\r\n\r\n{"Id": "ab', "JSON is malformed"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "dockerd's answer is empty"),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", "dockerd's answer is empty"),
        (None, "dockerd does not listen"),
    ],
)
async def test_what_the_engine_cannot_say_is_not_nothing(
    answer: bytes | None, why: str, over: asyncio.Future[None]
) -> None:
    """The request must not go on without its check."""
    carrier = answering(answer or b"")
    carrier.refuse = LinkError("cut") if answer is None else None
    step = Add("one")
    admission = Admission([step], inspect_in_guest(lambda: carrier), discard)
    for kind in (Kind.START_CONTAINER, Kind.COPY_FILES):
        with pytest.raises(UserError, match=f"could not ask the engine what “web” mounts.*{why}") as refused:
            await admission.admit(Checked(kind, "web"), b"", over)
        assert Refusal.of(refused.value).status == 503
        assert refused.value.hint == "Try again. See: slipway logs --source dockerd"
    assert step.seen == []
    for ask in (volumes_in_guest(lambda: carrier)(["web"]), plugin_in_guest(lambda: carrier)("web")):
        with pytest.raises(UserError, match=why) as refused:
            await ask
        assert Refusal.of(refused.value).status == 503


async def test_an_engine_that_does_not_answer_is_not_an_unknown_container(
    monkeypatch: pytest.MonkeyPatch, over: asyncio.Future[None]
) -> None:
    monkeypatch.setattr("engine.endpoint.admission.inspect.INSPECT_SECONDS", 0.1)

    async def serve(stream: MemoryStream) -> None:
        await stream.read(65536)

    carrier = MemoryCarrier(serve)
    with pytest.raises(UserError, match="dockerd does not answer") as refused:
        await Admission([], inspect_in_guest(lambda: carrier), discard).admit(
            Checked(Kind.START_CONTAINER, "web"), b"", over
        )
    assert Refusal.of(refused.value).status == 503


async def test_and_of_volumes_those_that_it_knows() -> None:
    async def serve(stream: MemoryStream) -> None:
        asked = await stream.read(65536)
        known = asked.startswith(b"GET /volumes/a%2Fb ")
        status = b"200 OK" if known else b"404 Not Found"
        await stream.write(b'HTTP/1.1 %s\r\n\r\n{"Driver": "local"}' % status)
        await stream.write_eof()

    carrier = MemoryCarrier(serve)
    assert await volumes_in_guest(lambda: carrier)(["a/b", "gone"]) == [{"Driver": "local"}, {}]
    assert await volumes_in_guest(lambda: carrier)([]) == []


async def test_a_machine_that_is_paused_is_not_an_unknown_container(over: asyncio.Future[None]) -> None:
    """The start must not go on to an engine that does not run."""

    def connect() -> MemoryCarrier:
        raise StateError("be reached", MachineState.PAUSED, frozenset({MachineState.RUNNING}))

    with pytest.raises(StateError):
        await Admission([], inspect_in_guest(connect), discard).admit(
            Checked(Kind.START_CONTAINER, "web"), b"", over
        )
