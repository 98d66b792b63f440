"""Bind mounts of a container that is to be created: which pass, which are spelled anew, which are refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from desktop.settings.changes import with_value
from desktop.settings.schema import Settings
from desktop.supervisor.mounting import advice, has, make_missing
from engine.endpoint.mounts import MountJudge, sources
from vm.errors import EngineError, LinkError


class Machine:
    """Has some paths itself."""

    def __init__(self, *paths: str) -> None:
        self.paths = set(paths)
        self.asked: list[list[str]] = []
        self.failure: LinkError | None = None
        self.made: list[str] = []

    async def look(self, paths: Sequence[str]) -> set[str]:
        self.asked.append(list(paths))
        if self.failure is not None:
            raise self.failure
        return self.paths & set(paths)

    async def make(self, folders: Sequence[str]) -> None:
        self.made += folders


class NoSockets:
    """A computer without any."""

    def find(self, path: str) -> str | None:
        return None

    async def carry(self, socket: str) -> str:
        raise AssertionError("not asked for")


async def hint(path: str) -> str:
    return f"Share {path}."


def judge(machine: Machine, *shares: str) -> MountJudge:
    return MountJudge(NoSockets(), lambda: shares, machine.look, hint, machine.make)


def binds(*specs: str) -> bytes:
    return json.dumps({"Image": "x", "HostConfig": {"Binds": list(specs)}}).encode()


def mount(source: str, kind: str = "bind") -> bytes:
    mounts = [{"Type": kind, "Source": source, "Target": "/t"}]
    return json.dumps({"HostConfig": {"Mounts": mounts}}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b'{"HostConfig": null}',
        b'{"HostConfig": {"Binds": null, "Mounts": null}}',
        b'{"HostConfig": {"Binds": "x", "Mounts": {}}}',
        b'{"HostConfig": {"Binds": [1, null], "Mounts": [1, {"Type": 3}, {"Type": "bind"}]}}',
        binds("name:/data", "/anonymous", "relative/path:/x", "other:/y:ro"),
        mount("name", "volume"),
        binds("/no\0path:/x"),
        mount("/x", "tmpfs"),
        binds("/home/me:/x", "/home/me/a b/ü:/y:ro,z", "/data/not/there:/z"),
        mount("/home/me/file"),
    ],
)
async def test_what_passes_as_it_is(body: bytes) -> None:
    machine = Machine()
    assert await judge(machine, "/home/me", "/data")(body) is body
    assert machine.asked == []


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (binds(r"C:\Users\me\app:/app:ro"), "/c/Users/me/app:/app:ro"),
        (binds("c:/Users/me:/app"), "/c/Users/me:/app"),
        (mount(r"C:\Users\me\a b"), "/c/Users/me/a b"),
    ],
)
async def test_paths_of_windows_are_spelled_for_the_machine(body: bytes, wanted: str) -> None:
    told = json.loads(await judge(Machine(), r"C:\Users\me")(body))
    assert sources(told)
    found = [source.path + source.rest for source in sources(told)]
    assert found == [wanted]


@pytest.mark.parametrize(
    "body", [binds("/opt/x:/x"), binds("name:/data", "/opt/x:/x:ro"), mount("/opt/x"), binds("/home/meow:/x")]
)
async def test_what_is_not_shared_is_refused_with_the_way_to_share_it(body: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        await judge(Machine("/run/docker.sock"), "/home/me")(body)
    path = next(source.path for source in sources(json.loads(body)) if source.path.startswith("/"))
    assert caught.value.message == f"“{path}” is not shared, so no container can mount it"
    assert caught.value.hint == f"Share {path}."


async def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(EngineError, match="“/a”, “/b” are not shared"):
        await judge(Machine("/c"))(binds("/a:/a", "/b:/b", "/c:/c"))


async def test_what_the_machine_has_is_asked_once() -> None:
    machine = Machine("/run/docker.sock", "/lib/modules")
    found = judge(machine, "/home/me")
    for _ in range(3):
        await found(binds("/run/docker.sock:/s", "/home/me:/h"))
    assert machine.asked == [["/run/docker.sock"]]
    await found(binds("/lib/modules/:/m:ro", "/run/docker.sock:/s"))
    assert machine.asked == [["/run/docker.sock"], ["/lib/modules"]]


async def test_what_this_computer_has_is_not_the_machines_but_for_the_engines_own(tmp_path: Path) -> None:
    """A container that wants this computer's folder would not be served by the machine's of the same name."""
    machine = Machine(str(tmp_path), "/etc/passwd", "/proc", "/")
    own = judge(machine)
    with pytest.raises(EngineError) as refused:
        await own(binds(f"{tmp_path}:/x", "/etc/passwd:/y"))
    assert str(tmp_path) in refused.value.message
    assert "/etc/passwd" in refused.value.message
    with pytest.raises(EngineError, match="is not shared"):
        await own(binds("/run/../etc/passwd:/y"))
    for path in ("/proc", "/"):
        assert await own(binds(f"{path}:/x")) == binds(f"{path}:/x")


async def test_a_refusal_is_not_remembered() -> None:
    machine = Machine()
    found = judge(machine)
    with pytest.raises(EngineError):
        await found(binds("/new:/x"))
    machine.paths.add("/new")
    assert await found(binds("/new:/x")) == binds("/new:/x")


async def test_when_the_machine_cannot_be_asked_nothing_is_made() -> None:
    machine = Machine()
    machine.failure = LinkError("cut")
    with pytest.raises(EngineError, match="could not be asked"):
        await judge(machine)(binds("/x:/x"))


async def test_symbolic_links_on_the_way_to_a_share(tmp_path: Path) -> None:
    """The name the machine knows is put in the place of the one that leads there."""
    real = tmp_path / "real" / "project"
    real.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = judge(Machine(), str(tmp_path / "real"))
    told = json.loads(await found(binds(f"{tmp_path}/link/project:/x")))
    assert told["HostConfig"]["Binds"] == [f"{real}:/x"]
    other = judge(Machine(), str(tmp_path / "link"))
    told = json.loads(await other(mount(str(real))))
    assert told["HostConfig"]["Mounts"][0]["Source"] == f"{tmp_path}/link/project"


class OneSocket:
    """``/home/me/s`` is one, and so is ``/agent``, which need not be shared."""

    def find(self, path: str) -> str | None:
        return path if path in ("/agent", "/home/me/s") else None

    async def carry(self, socket: str) -> str:
        return f"/run/slipway/sockets{socket}"


async def test_other_sockets_have_one_in_the_machine() -> None:
    machine = Machine()
    found = MountJudge(OneSocket(), lambda: ["/home/me"], machine.look, hint, machine.make)
    told = json.loads(await found(binds("/home/me/s:/s:ro", "/home/me/x:/x", "/agent:/a")))
    assert told["HostConfig"]["Binds"] == [
        "/run/slipway/sockets/home/me/s:/s:ro",
        "/home/me/x:/x",
        "/run/slipway/sockets/agent:/a",
    ]
    assert machine.asked == []
    with pytest.raises(EngineError, match="“/other/s” is not shared"):
        await found(binds("/other/s:/s"))


async def test_a_shared_folder_that_is_missing_is_made_where_docker_would_make_it() -> None:
    machine = Machine()
    found = judge(machine, "/home/me", "/data")
    await found(mount("/data/x"))
    await found(binds("name:/x"))
    assert machine.made == []
    await found(binds("/data/x:/x"))
    assert machine.made == ["/data"]
    made = {"Type": "bind", "Source": "/home/me", "Target": "/t", "BindOptions": {"CreateMountpoint": True}}
    await found(json.dumps({"HostConfig": {"Mounts": [made]}}).encode())
    assert machine.made == ["/data", "/home/me"]


# -- what it is told by the supervisor ----------------------------------------------------------------------------


def test_an_empty_folder_of_the_machines_is_not_what_is_meant() -> None:
    kinds = {"/mnt": "empty", "/tmp": "empty", "/run/docker.sock": "there", "/nowhere": "-", "/opt/x": "there"}
    assert has(kinds) == {"/tmp", "/run/docker.sock", "/opt/x"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setattr(Path, "home", lambda: made)
    return made


def test_what_is_missing_is_made(tmp_path: Path) -> None:
    make_missing([str(tmp_path), str(tmp_path / "a" / "b")])
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="is shared, but is not there, and cannot be made: Not a directory"):
        make_missing([str(tmp_path / "file" / "below")])


class TestAdvice:
    def test_is_a_command_that_keeps_what_is_shared(self, tmp_path: Path, home: Path) -> None:
        wanted = tmp_path / "with space"
        (wanted / "inside").mkdir(parents=True)
        settings = Settings(shared_folders=("/data", str(wanted / "inside")))
        told = advice(str(wanted), settings)
        command = told.split('set shared_folders "')[1].split('"')[0]
        after: dict[str, Any] = with_value(settings, "shared_folders", command).to_json()
        assert after["shared_folders"] == ["/data", str(wanted)]

    def test_for_a_file_names_its_folder(self, tmp_path: Path, home: Path) -> None:
        (tmp_path / "file").touch()
        assert f'set shared_folders "{tmp_path}"' in advice(str(tmp_path / "file"), Settings())

    def test_for_a_home_that_was_switched_off(self, home: Path) -> None:
        assert "slipway settings set share_home true" in advice(str(home), Settings(share_home=False))

    def test_for_what_cannot_be_shared(self, home: Path) -> None:
        assert f"cannot be shared; copy what is needed to {home}" in advice("/etc/passwd", Settings())

    def test_for_what_is_not_there(self, home: Path) -> None:
        assert "does not exist on this computer either" in advice("/no/such", Settings())
