"""Other ways to mount than a container's own: volumes, overlays, services, plugins, what comes from others."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path

import pytest

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.mount_sources import container_sources
from tests.unit.engine.endpoint.admission.mounting import (
    BIND,
    Machine,
    Volumes,
    binds,
    created,
    mount,
    options,
    step,
)
from vm.errors import EngineError


@pytest.mark.parametrize(
    "given",
    [
        BIND,
        {"o": "rbind,ro", "device": "{}"},
        {"type": "nonsense", "o": "noatime,bind", "device": "{}"},
    ],
)
@pytest.mark.parametrize("driver", [None, "", "local"])
async def test_volumes_that_mount_a_path(given: dict[str, str], driver: str | None) -> None:
    own = step(Machine(), "/shared")
    volume = {"Driver": driver, "DriverOpts": options(given, "/shared/x")}
    service = {"TaskTemplate": {"ContainerSpec": {"Mounts": [in_mount(driver, options(given, "/shared/x"))]}}}
    for body in (volume, service):
        before = copy.deepcopy(body)
        await (own.create_volume if body is volume else own.change_service)(body)
        assert body == before
    for path in ("/etc", "/tmp", "/usr/share"):
        refused = options(given, path)
        with pytest.raises(EngineError, match=f"“{path}” is not shared"):
            await own.create_volume({"Driver": driver, "DriverOpts": refused})
        with pytest.raises(EngineError, match=f"“{path}” is not shared"):
            await own.create_container({"HostConfig": {"Mounts": [in_mount(driver, refused)]}})
        with pytest.raises(EngineError, match=f"“{path}” is not shared"):
            await own.change_service({"TaskTemplate": {"ContainerSpec": {"Mounts": [in_mount(driver, refused)]}}})


def in_mount(driver: str | None, given: dict[str, str]) -> JsonObject:
    driver_config = {"Name": driver, "Options": given}
    return {"Type": "volume", "Source": "v", "Target": "/t", "VolumeOptions": {"DriverConfig": driver_config}}


async def test_it_is_spelled_as_the_machine_does(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "x").mkdir(parents=True)
    (tmp_path / "link").symlink_to(real)
    body = {"DriverOpts": options(BIND, str(tmp_path / "link" / "x"))}
    await step(Machine(), str(real)).create_volume(body)
    assert body == {"DriverOpts": options(BIND, str(real / "x"))}


@pytest.mark.parametrize(
    "layers",
    ["lowerdir={},upperdir=/own/a", "lowerdir=/own/a:/own/b:{}", "ro,upperdir={}", "workdir={}", "lowerdir+={}"],
)
async def test_overlays_have_no_layers_of_this_computer(layers: str) -> None:
    own = step(Machine("/own/a", "/own/b"), "/shared")
    for path, why in (("/shared/x", "cannot be a layer of an overlay"), ("/etc", "is not shared")):
        overlay = {"type": "overlay", "o": layers.format(path), "device": "overlay"}
        with pytest.raises(EngineError, match=f"“{path}”.*{why}"):
            await own.create_volume({"DriverOpts": overlay})
    await own.create_volume({"DriverOpts": {"type": "overlay", "o": layers.format("/own/a"), "device": "overlay"}})


async def test_a_volume_gets_no_other_folder_by_dots(tmp_path: Path) -> None:
    """Linux follows a link before it goes back, dockerd does not."""
    (tmp_path / "link").symlink_to("/usr/share")
    body = {"DriverOpts": options(BIND, f"{tmp_path}/link/../x")}
    await step(Machine(), str(tmp_path)).create_volume(body)
    assert body == {"DriverOpts": options(BIND, f"{tmp_path}/x")}


@pytest.mark.parametrize(
    "layers",
    [
        r"lowerdir=/own/a\:/etc,upperdir=/own/b",
        r"lowerdir=\/etc",
        r"upperdir=/own\,/x",
        "lowerdir=etc",
        "lowerdir=/own/a::../shared",
        "upperdir=./x",
        "workdir=\0/x",
    ],
)
async def test_nor_layers_that_can_be_read_in_another_way(layers: str) -> None:
    overlay = {"type": "overlay", "o": layers, "device": "overlay"}
    with pytest.raises(EngineError, match="layer of an overlay"):
        await step(Machine("/own/a", "/own/b", "/etc"), "/shared").create_volume({"DriverOpts": overlay})


async def test_layers_are_spelled_as_they_were_checked() -> None:
    overlay = {"type": "overlay", "o": "ro,lowerdir=/own/../own/a::/own//b", "device": "overlay"}
    await step(Machine("/own/a", "/own/b"), "/shared").create_volume({"DriverOpts": overlay})
    assert overlay["o"] == "ro,lowerdir=/own/a::/own/b"


async def test_a_container_gets_no_volume_whose_folder_is_shared_no_longer() -> None:
    """To create the container dockerd mounts its volumes, since they get the image's files."""
    volumes = Volumes({"v": {"Driver": "local", "Options": options(BIND, "/data/x")}})
    for body in (binds("v:/x"), mount("v", "volume")):
        await step(Machine(), "/data", volumes=volumes).create_container(body)
        with pytest.raises(EngineError, match="“/data/x” is not shared"):
            await step(Machine(), volumes=volumes).create_container(body)


async def test_a_relative_device_begins_where_dockerd_does() -> None:
    body = {"DriverOpts": options(BIND, "shared/x")}
    await step(Machine(), "/shared").create_volume(body)
    assert body == {"DriverOpts": options(BIND, "/shared/x")}
    body = {"DriverOpts": options(BIND, "proc/../proc")}
    await step(Machine("/proc"), "/shared").create_volume(body)
    assert body == {"DriverOpts": options(BIND, "/proc")}
    with pytest.raises(EngineError, match="“/etc” is not shared"):
        await step(Machine("/etc"), "/shared").create_volume({"DriverOpts": options(BIND, "etc")})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"DriverOpts": None},
        {"Driver": "other", "DriverOpts": options(BIND, "/etc")},
        {"DriverOpts": {"type": "nfs", "o": "addr=1.2.3.4", "device": ":/export"}},
        {"DriverOpts": {"type": "tmpfs", "o": "size=1m", "device": "tmpfs"}},
        {"DriverOpts": {"o": "bind", "device": 3}},
        {"DriverOpts": options(BIND, "/no\0path")},
        {"DriverOpts": {"o": "bindings", "device": "/etc"}},
    ],
)
async def test_volumes_that_mount_no_path(body: JsonObject) -> None:
    before = copy.deepcopy(body)
    await step(Machine(), "/shared").create_volume(body)
    assert body == before


async def test_services_that_mount_a_path() -> None:
    own = step(Machine(), "/shared")

    def service(path: str) -> JsonObject:
        bind = {"Type": "bind", "Source": path, "Target": "/t"}
        return {"TaskTemplate": {"ContainerSpec": {"Image": "x", "Mounts": [bind]}}}

    body = service("/shared/x")
    await own.change_service(body)
    assert body == service("/shared/x")
    with pytest.raises(EngineError, match="“/etc” is not shared"):
        await own.change_service(service("/etc"))
    for nonsense in ({}, {"TaskTemplate": 1}, {"TaskTemplate": {"ContainerSpec": None}}):
        await own.change_service(nonsense)


@pytest.mark.parametrize("name", ["known", "unknown"])
async def test_plugins_that_are_set_to_mount_a_path(name: str) -> None:
    own = step(Machine(), "/shared")
    settings: list[object] = [
        "DEBUG=1",
        "m.source=/shared/x",
        "m.source=relative",
        "LOG=/etc",
        "dev.path=/dev/x",
        3,
    ]
    before = list(settings)
    await own.set_plugin(name, settings)
    assert settings == before
    with pytest.raises(EngineError, match="“/etc” is not shared"):
        await own.set_plugin(name, ["DEBUG=1", "m.source=/etc"])
    if name == "known":
        for mount in ("m", "n"):
            with pytest.raises(EngineError, match="“/etc” is not shared"):
                await own.set_plugin(name, [f"{mount}=/etc"])
            settings = [f"{mount}=/shared/./y/../x"]
            await own.set_plugin(name, settings)
            assert settings == [f"{mount}=/shared/x"]


@pytest.mark.parametrize("part", ["Config", "Settings"])
async def test_plugins_that_bring_along_a_mount(part: str, tmp_path: Path) -> None:
    mounts: list[object] = [None, {"Name": "a"}, {"Source": "tmpfs", "Type": "tmpfs"}, {"Source": "/proc"}]

    async def known(name: str) -> JsonObject:
        assert name == "some/one:latest"
        return {part: {"Mounts": mounts}, "Other": None}

    own = step(Machine("/proc"), str(tmp_path), plugin=known)
    await own.enable_plugin("some/one:latest")
    mounts.append({"Source": f"{tmp_path}/x", "Type": "bind"})
    await own.enable_plugin("some/one:latest")
    with pytest.raises(EngineError, match=f"“{tmp_path}/x” is not shared"):
        await step(Machine("/proc"), plugin=known).enable_plugin("some/one:latest")
    mounts[-1] = {"Source": "/etc", "Type": "bind"}
    with pytest.raises(EngineError, match="“/etc” is not shared"):
        await own.enable_plugin("some/one:latest")
    (tmp_path / "x").mkdir()
    link = tmp_path.with_name(f"{tmp_path.name}-link")
    link.symlink_to(tmp_path)
    mounts[-1] = {"Source": f"{link}/x", "Type": "bind"}
    with pytest.raises(EngineError, match=f"“{link}/x” is a link on your computer") as refused:
        await own.enable_plugin("some/one:latest")
    assert refused.value.hint == f"Set its mount to “{tmp_path}/x”: docker plugin set"
    await step(Machine()).enable_plugin("unknown")


async def test_what_a_container_has_from_others() -> None:
    """``--volumes-from`` is not in what was asked for, but in what the engine mounts."""
    mounts = [
        {"Type": "bind", "Source": "/data/x", "Destination": "/x"},
        {"Type": "bind", "Source": "/proc", "Destination": "/y"},
        {"Type": "tmpfs", "Source": "/etc", "Destination": "/z"},
    ]
    container = {"HostConfig": {"Binds": None, "VolumesFrom": ["old"]}, "Mounts": mounts}
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    machine = Machine("/proc")
    await step(machine, "/data").start(container, over)
    assert machine.made == ["/data"]
    with pytest.raises(EngineError, match=r"^“/data/x” is not shared"):
        await step(Machine("/proc")).start(container, over)
    both = {"HostConfig": {"Binds": ["/data/x/:/x", "/data/./x:/y"]}, "Mounts": mounts}
    with pytest.raises(EngineError, match=r"^“/data/x/?” is not shared, so no container can mount it"):
        await step(Machine("/proc")).start(both, over)


async def test_a_link_in_the_place_of_what_a_container_has_from_others(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/usr/share")
    container = {"Mounts": [{"Type": "bind", "Source": f"{tmp_path}/x"}]}
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with pytest.raises(EngineError, match="leads to “/usr/share”, which is not shared"):
        await step(Machine("/usr/share"), str(tmp_path)).start(container, over)


async def test_files_are_not_copied_through_a_mount_that_could_not_be_started() -> None:
    """dockerd mounts the same to copy files, whether the container runs or not."""
    volumes = Volumes({"v": {"Driver": "local", "Options": options(BIND, "/data/v")}})
    for container in (
        binds("/data/x:/x"),
        {"Mounts": [{"Type": "bind", "Source": "/data/x"}]},
        {"Mounts": [{"Type": "volume", "Name": "v"}]},
    ):
        await step(Machine(), "/data", volumes=volumes).copy_files(container)
        with pytest.raises(EngineError, match=r"“/data/.” is not shared"):
            await step(Machine(), volumes=volumes).copy_files(container)
    await step(Machine()).copy_files({})


@pytest.mark.parametrize("source", ["\\x/../..", "\\", "\\etc"])
async def test_what_is_absolute_to_dockerd_alone_is_refused(source: str) -> None:
    """It takes the backslash for a slash when it looks whether this is a path, and then for part of a name."""
    own = step(Machine(source, "/"), "/shared")
    with pytest.raises(EngineError, match=r"begins with “.”, so it is no path of Linux"):
        await own.create_container(mount(source))
    with pytest.raises(EngineError, match=r"begins with “.”, so it is no path of Linux"):
        await own.change_service({"TaskTemplate": {"ContainerSpec": mount(source)["HostConfig"]}})


async def test_a_volume_whose_folder_is_shared_no_longer() -> None:
    volumes = Volumes({"v": {"Driver": "local", "Options": options(BIND, "/data/x")}})
    container = {"Mounts": [{"Type": "volume", "Name": "v"}, {"Type": "volume"}, {"Type": "bind", "Name": "v"}]}
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await step(Machine(), "/data", volumes=volumes).start(container, over)
    with pytest.raises(EngineError, match="“/data/x” is not shared"):
        await step(Machine(), volumes=volumes).start(container, over)


async def test_half_a_character_is_what_dockerd_takes_it_for() -> None:
    for half in ("\ud800", "\udcff"):
        (source,) = container_sources(await created(step(Machine(), "/home/me"), mount(f"/home/me/{half}")))
        assert source.path == "/home/me/\ufffd"
