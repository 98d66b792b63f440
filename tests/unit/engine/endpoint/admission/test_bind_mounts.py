"""Bind mounts of a container: which pass, which are spelled as the guest does, which are refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.endpoint.admission.bind_mounts import BindMounts, make_missing
from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.mount_sources import container_sources
from tests.unit.engine.endpoint.admission.mounting import (
    Machine,
    Volumes,
    binds,
    created,
    hint,
    mount,
    plugin,
    step,
)
from vm.errors import EngineError, LinkError


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"HostConfig": None},
        {"HostConfig": {"Binds": None, "Mounts": None}},
        {"HostConfig": {"Binds": "x", "Mounts": {}}},
        {"HostConfig": {"Binds": [1, None], "Mounts": [1, {"Type": 3}, {"Type": "bind"}]}},
        binds("name:/data", "/anonymous", "relative/path:/x", "other:/y:ro"),
        mount("name", "volume"),
        binds("/no\0path:/x"),
        mount("/x", "tmpfs"),
        binds("/home/me:/x", "/home/me/a b/ü:/y:ro,z", "/data/not/there:/z"),
        mount("/home/me/file"),
    ],
)
async def test_what_passes_as_it_is(body: JsonObject) -> None:
    machine = Machine()
    assert await created(step(machine, "/home/me", "/data"), body) == body
    assert machine.asked == []


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (binds(r"C:\Users\me\app:/app:ro"), "/c/Users/me/app:/app:ro"),
        (binds("c:/Users/me:/app"), "/c/Users/me:/app"),
        (mount(r"C:\Users\me\a b"), "/c/Users/me/a b"),
    ],
)
async def test_paths_of_windows_are_spelled_for_the_machine(body: JsonObject, wanted: str) -> None:
    amended = await created(step(Machine(), r"C:\Users\me"), body)
    host = amended["HostConfig"]
    assert host.get("Binds") == [wanted] or host["Mounts"][0]["Source"] == wanted


@pytest.mark.parametrize(
    "body", [binds("/opt/x:/x"), binds("name:/data", "/opt/x:/x:ro"), mount("/opt/x"), binds("/home/meow:/x")]
)
async def test_what_is_not_shared_is_refused_with_the_way_to_share_it(body: JsonObject) -> None:
    with pytest.raises(EngineError) as caught:
        await created(step(Machine("/run/docker.sock"), "/home/me"), body)
    path = next(source.path for source in container_sources(body) if source.path.startswith("/"))
    assert caught.value.message == f"“{path}” is not shared, so no container can mount it"
    assert caught.value.hint == f"Share {path}."


async def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(EngineError, match="“/a”, “/b” are not shared"):
        await created(step(Machine("/c")), binds("/a:/a", "/b:/b", "/c:/c"))


async def test_what_this_computer_has_is_not_the_machines_but_for_the_engines_own(tmp_path: Path) -> None:
    """A container that needs the host's folder must not get the machine's of the same name."""
    machine = Machine(str(tmp_path), "/etc/passwd", "/proc", "/")
    own = step(machine)
    with pytest.raises(EngineError) as refused:
        await created(own, binds(f"{tmp_path}:/x", "/etc/passwd:/y"))
    assert str(tmp_path) in refused.value.message
    assert "/etc/passwd" in refused.value.message
    with pytest.raises(EngineError, match="is not shared"):
        await created(own, binds("/run/../etc/passwd:/y"))
    for path in ("/proc", "/"):
        assert await created(own, binds(f"{path}:/x")) == binds(f"{path}:/x")


async def test_when_the_machine_cannot_be_asked_nothing_is_made() -> None:
    machine = Machine()
    machine.failure = LinkError("cut")
    with pytest.raises(LinkError):
        await created(step(machine, "/shared"), binds("/x:/x", "/shared/y:/y"))
    assert machine.made == []


async def test_symbolic_links_on_the_way_to_a_share(tmp_path: Path) -> None:
    """The name the machine knows is put in the place of the one that leads there."""
    real = tmp_path / "real" / "project"
    real.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = step(Machine(), str(tmp_path / "real"))
    told = await created(found, binds(f"{tmp_path}/link/project:/x"))
    assert told["HostConfig"]["Binds"] == [f"{real}:/x"]
    other = step(Machine(), str(tmp_path / "link"))
    told = await created(other, mount(str(real)))
    assert told["HostConfig"]["Mounts"][0]["Source"] == f"{tmp_path}/link/project"


class OneSocket:
    """``/home/me/s`` is one, and so is ``/agent``, which need not be shared."""

    def find(self, path: str) -> str | None:
        return path if path in ("/agent", "/home/me/s") else None

    async def carry(self, socket: str) -> str:
        return f"/run/slipway/sockets{socket}"


async def test_other_sockets_have_one_in_the_machine() -> None:
    machine = Machine()
    found = BindMounts(OneSocket(), lambda: ["/home/me"], machine, hint, Volumes(), plugin, machine.make)
    told = await created(found, binds("/home/me/s:/s:ro", "/home/me/x:/x", "/agent:/a"))
    assert told["HostConfig"]["Binds"] == [
        "/run/slipway/sockets/home/me/s:/s:ro",
        "/home/me/x:/x",
        "/run/slipway/sockets/agent:/a",
    ]
    assert machine.asked == []
    with pytest.raises(EngineError, match="“/other/s” is not shared"):
        await created(found, binds("/other/s:/s"))


async def test_a_shared_folder_that_is_missing_is_made_where_docker_would_make_it() -> None:
    machine = Machine()
    found = step(machine, "/home/me", "/data")
    await created(found, mount("/data/x"))
    await created(found, binds("name:/x"))
    assert machine.made == []
    await created(found, binds("/data/x:/x"))
    assert machine.made == ["/data"]
    made = {"Type": "bind", "Source": "/home/me", "Target": "/t", "BindOptions": {"CreateMountpoint": True}}
    await created(found, {"HostConfig": {"Mounts": [made]}})
    assert machine.made == ["/data", "/home/me"]


def test_what_is_missing_is_made(tmp_path: Path) -> None:
    make_missing([str(tmp_path), str(tmp_path / "a" / "b")])
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="is shared, but does not exist and cannot be created: Not a directory"):
        make_missing([str(tmp_path / "file" / "below")])


async def test_a_container_whose_folder_is_shared_no_longer_is_not_started() -> None:
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await step(Machine(), "/data").start(binds("/data/x:/x"), over)
    with pytest.raises(EngineError, match="“/data/x” is not shared"):
        await step(Machine()).start(binds("/data/x:/x"), over)
    await step(Machine()).start({}, over)


# -- symbolic links -----------------------------------------------------------------------------------------------


async def test_a_link_out_of_the_shares_is_refused_with_its_real_place(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / "l").symlink_to("/usr/share")
    machine = Machine("/usr/share", str(share / "l"), str(share / "l" / "doc"))
    for path, real in ((share / "l", "/usr/share"), (share / "l" / "no such", "/usr/share/no such")):
        for body in (binds(f"{path}:/x"), mount(str(path))):
            with pytest.raises(EngineError) as refused:
                await created(step(machine, str(share)), body)
            assert refused.value.message == (
                f"“{path}” leads to “{real}”, which is not shared, so no container can mount it"
            )
            assert refused.value.hint == f"Share {real}."
    assert machine.asked == []


async def test_a_link_that_leads_elsewhere_at_the_next_start(tmp_path: Path) -> None:
    share, other = tmp_path / "share", tmp_path / "other"
    (share / "a").mkdir(parents=True)
    other.mkdir()
    link = share / "current"
    link.symlink_to("a")
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    own = step(Machine(), str(share))
    body = await created(own, binds(f"{link}:/x"))
    assert body == binds(f"{link}:/x")
    await own.start(body, over)
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(EngineError, match=f"leads to “{other}”, which is not shared"):
        await own.start(body, over)
    (other / "back").symlink_to(share / "a")
    link.unlink()
    link.symlink_to(other / "back")
    with pytest.raises(EngineError, match="is another folder than when the container was created"):
        await own.start(body, over)


@pytest.mark.parametrize(
    "source", [r"\\server\share", r"\\wsl$\Ubuntu\home\me", "//wsl.localhost/Ubuntu", r"\\.\pipe\docker_engine"]
)
async def test_what_windows_has_on_no_drive(source: str) -> None:
    for body in (binds(f"{source}:/t:ro"), mount(source)):
        with pytest.raises(EngineError, match="on no drive") as caught:
            await created(step(Machine()), body)
        assert source in caught.value.message


@pytest.mark.parametrize(
    "source",
    [r"C:\Users\me\app", "c:/Users/me/app", r"\\?\C:\Users\me\app", "/c/Users/me/app", "//c/Users/me/app"],
)
async def test_a_folder_of_windows(source: str) -> None:
    machine, place = Machine(), "/c/Users/me/app"
    assert await created(step(machine, r"C:\Users\me"), binds(f"{source}:/t:ro")) == binds(f"{place}:/t:ro")
    assert await created(step(machine, r"C:\Users\me"), mount(source)) == mount(place)
    assert machine.asked == []
