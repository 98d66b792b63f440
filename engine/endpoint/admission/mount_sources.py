"""Where requests name paths of the computer for containers to mount (Docker API)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.endpoint.admission.documents import JsonObject
from vm.errors import EngineError
from vm.guest.hostpath import WINDOWS, is_elsewhere

BIND = re.compile(r"((?:(?:[\\/]{2}[.?][\\/])?[A-Za-z]:[\\/])?[^:]*)(:.*)", re.DOTALL)
"""``SOURCE:TARGET[:OPTIONS]``, where a source of Windows may begin with its drive."""

OVERLAID = re.compile(r"(?:^|,)(?:lowerdir\+?|datadir\+|upperdir|workdir)=([^,]*)")
"""Options of mount(8) for overlay that name folders, some several with colons between them."""

PLUGIN_MOUNT = re.compile(r"([^=]+)=(/.*)", re.DOTALL)
"""``NAME.source=PATH`` or ``NAME=PATH``, in what a plugin is set to."""

VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""A volume's name; dockerd makes none with another one."""


@dataclass(frozen=True)
class Source:
    """One source of a mount.

    :ivar path: absolute, as dockerd sees it
    :ivar start: where it begins in the text at its place
    :ivar end: where it ends there
    :ivar made: dockerd makes it where it is missing
    :ivar overlaid: it is a layer of an overlay, whose files nothing tells apart from the machine's afterwards
    :ivar exact: Linux gets the text as it is, and follows a link before it goes back by ``..``; of other sources
        dockerd takes the dots out first
    """

    place: dict[str, Any] | list[Any]
    key: Any
    path: str
    start: int = 0
    end: int | None = None
    made: bool = True
    overlaid: bool = False
    exact: bool = False

    @property
    def text(self) -> str:
        """What stands at its place."""
        text: str = self.place[self.key][self.start : self.end]
        return text

    def rewrite(self, path: str) -> None:
        """Put another path in its place, which changes the body. Of several in one text, the last comes first."""
        text = self.place[self.key]
        rest = "" if self.end is None else text[self.end :]
        self.place[self.key] = text[: self.start] + path + rest


def container_sources(body: JsonObject) -> Iterator[Source]:
    """The sources of a container to create; named volumes and nonsense are left to dockerd."""
    host = body.get("HostConfig")
    if not isinstance(host, dict):
        return
    binds = found if isinstance(found := host.get("Binds"), list) else []
    for number, bind in enumerate(binds):
        match = BIND.fullmatch(bind) if isinstance(bind, str) else None
        if match is not None and _is_absolute(match[1]):
            yield Source(binds, number, _text(match[1]), end=match.end(1))
    yield from _mounts(host.get("Mounts"))


def inherited_sources(container: JsonObject) -> Iterator[Source]:
    """What a container binds by what the engine tells of it; also what it has from others (``--volumes-from``)."""
    for mount in _objects(container.get("Mounts")):
        source = mount.get("Source")
        if mount.get("Type") == "bind" and isinstance(source, str) and _is_absolute(source):
            yield Source(mount, "Source", _text(source))


def named_volumes(body: JsonObject) -> list[str]:
    """The volumes that a container to create mounts by name, whether there are such or not."""
    host = body.get("HostConfig")
    host = host if isinstance(host, dict) else {}
    binds = found if isinstance(found := host.get("Binds"), list) else []
    matches = [BIND.fullmatch(bind) for bind in binds if isinstance(bind, str)]
    names = [match[1] for match in matches if match is not None]
    names += [str(mount.get("Source")) for mount in _objects(host.get("Mounts")) if mount.get("Type") == "volume"]
    return [name for name in names if VOLUME.fullmatch(name)]


def service_sources(body: JsonObject) -> Iterator[Source]:
    """The sources of a service to create or update."""
    task = body.get("TaskTemplate")
    container = task.get("ContainerSpec") if isinstance(task, dict) else None
    yield from _mounts(container.get("Mounts") if isinstance(container, dict) else None)


def volume_sources(body: JsonObject) -> Iterator[Source]:
    """The sources of a volume to create, which the driver ``local`` mounts as its options say (mount(8))."""
    yield from _driver(body.get("Driver"), body.get("DriverOpts"))


def plugin_settings(settings: list[Any], plugin: JsonObject) -> Iterator[Source]:
    """The sources that a plugin is set to mount. A mount's name alone means its source."""
    names = {mount.get("Name") for mount in _plugin_mounts(plugin)}
    for number, setting in enumerate(settings):
        match = PLUGIN_MOUNT.fullmatch(setting) if isinstance(setting, str) else None
        if match is None or not _is_absolute(match[2]):
            continue
        if match[1].endswith(".source") or match[1] in names:
            yield Source(settings, number, _text(match[2]), match.start(2), made=False, exact=True)


def plugin_sources(plugin: JsonObject) -> Iterator[Source]:
    """What a plugin mounts, by what the engine tells of it."""
    for mount in _plugin_mounts(plugin):
        source = mount.get("Source")
        if isinstance(source, str) and _is_absolute(source):
            yield Source(mount, "Source", _text(source), made=False, exact=True)


def _plugin_mounts(plugin: JsonObject) -> Iterator[dict[str, Any]]:
    """As it came, and as it was set."""
    for part in (plugin.get("Config"), plugin.get("Settings")):
        yield from _objects(part.get("Mounts") if isinstance(part, dict) else None)


def _objects(found: Any) -> Iterator[dict[str, Any]]:
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            yield one


def _mounts(mounts: Any) -> Iterator[Source]:
    for mount in _objects(mounts):
        source, options = mount.get("Source"), mount.get("BindOptions")
        if str(mount.get("Type")).lower() == "bind" and isinstance(source, str):
            if _is_absolute(source):
                made = isinstance(options, dict) and options.get("CreateMountpoint") is True
                yield Source(mount, "Source", _text(source), made=made)
            elif source.startswith("\\"):  # absolute to dockerd, but not to Linux, where it begins at the root
                raise EngineError(f"“{source}” begins with “\\”, so it is no path of Linux", "Begin it with “/”.")
        volume = mount.get("VolumeOptions")
        driver = volume.get("DriverConfig") if isinstance(volume, dict) else None
        if isinstance(driver, dict):
            yield from _driver(driver.get("Name"), driver.get("Options"))


def _driver(name: Any, options: Any) -> Iterator[Source]:
    """What a volume driver's options have mounted. dockerd's folder is ``/``, where relative names begin."""
    if name not in (None, "", "local") or not isinstance(options, dict):
        return
    device, given = options.get("device"), options.get("o")
    given = given if isinstance(given, str) else ""
    if isinstance(device, str) and {"bind", "rbind"} & {one.strip() for one in given.split(",")}:
        absolute = device if _is_absolute(device) else f"/{device}"
        if "\0" not in device:
            yield Source(options, "device", _text(absolute), made=False, exact=True)
    for match in OVERLAID.finditer(given):
        if "\\" in given:
            raise EngineError(f"“{given}” has a backslash, which a layer of an overlay cannot have here")
        place = match.start(1)
        for folder in match[1].split(":"):
            if _is_absolute(folder):
                end = place + len(folder)
                yield Source(options, "o", _text(folder), place, end, made=False, overlaid=True, exact=True)
            elif folder:
                raise EngineError(f"“{folder}” is no absolute path, as a layer of an overlay has to be")
            place += len(folder) + 1


def _is_absolute(path: str) -> bool:
    return "\0" not in path and (path.startswith("/") or WINDOWS.fullmatch(path) is not None or is_elsewhere(path))


def _text(path: str) -> str:
    """The path that dockerd sees: half a surrogate pair is no text to it."""
    return path.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
