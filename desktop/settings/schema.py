"""The settings: one frozen value, declared once, with a reason for everything that is refused.

A field's title, help, bounds, when it applies and where are declared beside it (fields.py); the window's form, the
command line and the parts follow from that. The file holds only what differs from the defaults, so that better
defaults reach everybody. Defaults that depend on the computer are 0 here; :meth:`Settings.resolved` fills them in.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop.settings import daemon as daemon_json
from desktop.settings import shares
from desktop.settings.fields import KEY, Applies, Field, HostSize, Kind, Problem, Section, SettingsError, setting
from desktop.settings.phrases import phrase
from desktop.settings.spelling import nearest
from desktop.settings.windows_daemon import windows_problems
from vm.host import Host, host
from vm.host.paths import windows_engine_program

MACHINE = Section("resources", "Virtual machine", "How much of your computer the Linux machine may use.")
DISK = Section("resources", "Data disk", "Holds images, containers and volumes.")
FOLDERS = Section(
    "folders",
    "Shared folders",
    "Containers can mount these folders (docker run -v), and nothing else on your computer.",
)
LOOK = Section("behaviour", "Appearance")
LOGIN = Section("behaviour", "Login")
WINDOW = Section("behaviour", "Window")
ENGINE = Section(
    "engine",
    "daemon.json",
    "Additions to dockerd's own configuration, as JSON. They are checked before they are applied.",
)
SWITCH = Section("windows", "Linux and Windows containers")
WINDOWS_ENGINE = Section(
    "windows",
    "daemon.json for Windows containers",
    "Additions to the configuration of dockerd for Windows containers, as JSON. That for Linux has its own.",
)
KUBERNETES = Section("engine", "Kubernetes")
WAITING = Section("engine", "While Slipway starts")
PORTS = Section(
    "proxy",
    "Published ports",
    "A port published without an address (-p 80:80) is open to the networks your computer is connected to.",
)
PROXY = Section("proxy", "Proxy", "For image downloads, containers and builds.")
IMAGES = Section("proxy", "System images", "Built from Debian packages when a new one is needed.")
CONTEXT = Section("docker", "When Slipway starts")
DEFAULT_ADDRESS = Section("docker", "Programs that do not know contexts")


def _is_url(value: str) -> Iterator[Problem]:
    if value and "://" not in value:
        yield Problem(phrase("must be a URL such as https://…"), phrase("Leave it empty for the default."))


def _folders(value: object) -> Iterator[Problem]:
    found = shares.folders(value)
    problem = shares.problem(found) if found is not None else None
    if found is None:
        example = shares.as_words([str(Path.home() / "project")])
        hint = phrase("For example: {text}", text=f"slipway settings set shared_folders {example}")
        yield Problem(phrase("must be a list of paths"), hint)
    if problem is not None:
        yield problem


def _as_folders(value: object) -> object:
    found = shares.folders(value)
    return value if found is None else found


def _two_engines(host: Host) -> bool:
    return not host.no_windows_containers or bool(windows_engine_program())


@dataclass(frozen=True)
class Settings:
    """All settings; every instance is valid."""

    cpus: int = setting(
        0,
        title="Processors",
        section=MACHINE,
        applies=Applies.RESTART,
        unit="processors",
        minimum=1,
        maximum=256,
        automatic=lambda size: min(size.cpus, max(2, min(4, size.cpus // 2))),
        available=lambda size: size.cpus,
    )
    memory_mib: int = setting(
        0,
        title="Memory",
        section=MACHINE,
        help="dockerd and containerd alone need 768 MiB.",
        applies=Applies.RESTART,
        unit="MiB",
        minimum=768,
        maximum=16 * 1024 * 1024,
        automatic=lambda size: min(8192, max(1024, size.memory_mib // 4)),
        available=lambda size: size.memory_mib,
    )
    accelerator: str = setting(
        "auto",
        title="Acceleration",
        section=MACHINE,
        applies=Applies.RESTART,
        choices={
            "auto": "Automatic: the fastest that works",
            "kvm": "KVM (Linux)",
            "hvf": "Hypervisor framework (macOS)",
            "whpx": "Windows Hypervisor Platform",
            "tcg": "Software emulation: slow, works everywhere",
        },
    )
    disk_gib: int = setting(
        64,
        title="Size",
        section=DISK,
        help="It can grow but not shrink, and uses space on your disk only as it fills.",
        unit="GiB",
        minimum=1,
        maximum=16384,
    )
    share_home: bool = setting(True, title="Share your home folder", section=FOLDERS)
    shared_folders: tuple[str, ...] = setting(
        (), title="More folders", section=FOLDERS, clean=_as_folders, check=_folders
    )
    folder_carrier: str = setting(
        "auto",
        title="Transport",
        section=FOLDERS,
        applies=Applies.RESTART,
        choices={"auto": "Automatic: virtiofs where it works", "sftp": "SFTP"},
    )
    kubernetes: bool = setting(
        False,
        title="Run Kubernetes",
        section=KUBERNETES,
        help="One node, in the same machine. Pods run what docker build has built; services answer on localhost.",
    )
    keep_engines: bool = setting(
        False,
        title="Keep both engines running",
        section=SWITCH,
        offered=_two_engines,
        help="Else the engine for Linux or for Windows containers is stopped when you switch to the other one.",
    )
    windows_service: str = setting(
        "slipway",
        title="Windows engine",
        section=SWITCH,
        offered=_two_engines,
        help="Takes effect when Slipway itself starts again (slipway stop). “docker” needs Docker's default pipe.",
        choices={"slipway": "Slipway's own service", "docker": "The service “docker” of another installation"},
    )
    windows_daemon: Mapping[str, Any] = setting(
        {},
        title="daemon.json for Windows containers",
        section=WINDOWS_ENGINE,
        offered=_two_engines,
        help="An administrator has to allow each change. The engine for Windows containers restarts with it if it "
        "runs, which stops its containers.",
        clean=daemon_json.parsed,
        check=windows_problems,
    )
    theme: str = setting(
        "system",
        title="Theme",
        section=LOOK,
        choices={"system": "Like the system", "light": "Light", "dark": "Dark"},
    )
    text_size: str = setting(
        "medium",
        title="Text size",
        section=LOOK,
        choices={"small": "Small", "medium": "Medium", "large": "Large", "largest": "Very large"},
    )
    language: str = setting(
        "system",
        title="Language",
        section=LOOK,
        help="Takes effect when the window is opened the next time: quit Slipway's window, and open it again.",
        choices={"system": "Like the system", "en": "English", "de": "Deutsch", "zh_CN": "简体中文"},
    )
    start_at_login: bool = setting(
        False,
        title="Start Slipway when you log in",
        section=LOGIN,
        help="It starts in the background, with a tray icon and without a window.",
    )
    on_close: str = setting(
        "tray",
        title="When you close it",
        section=WINDOW,
        choices={
            "tray": "Keep the tray icon and the engine",
            "quit": "Quit, and keep the engine running",
            "stop": "Quit, and stop the engine",
        },
    )
    notifications: bool = setting(
        True,
        title="Notify when something ends while it is hidden",
        section=WINDOW,
        help="Such as a pull or a build that took more than a few seconds.",
    )
    wait_seconds: int = setting(
        60,
        title="docker waits",
        section=WAITING,
        help="Then docker commands fail, and say that Slipway is still starting.",
        unit="seconds",
        minimum=1,
        maximum=3600,
    )
    daemon: Mapping[str, Any] = setting(
        {},
        title="daemon.json",
        section=ENGINE,
        help="See https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file",
        applies=Applies.RESTART,
        live=daemon_json.RELOADED,
        clean=daemon_json.parsed,
        check=daemon_json.problems,
    )
    ports_local: bool = setting(False, title="Publish such ports on your computer only (localhost)", section=PORTS)
    host_proxy: bool = setting(
        True,
        title="Use your computer's proxy if none is set here",
        section=PROXY,
        applies=Applies.RESTART,
    )
    mirror: str = setting(
        "",
        title="Debian mirror",
        section=IMAGES,
        help="Used when the next system image is built.",
        example="Automatic",
        check=_is_url,
    )
    context: str = setting(
        "auto",
        title="Switch to Slipway",
        section=CONTEXT,
        help="Makes “slipway” the current Docker context.",
        choices={"auto": "If the current context does not work", "always": "Always", "never": "Never"},
    )
    default_pipe: bool = setting(
        True,
        title="Answer at Docker's default pipe too",
        section=DEFAULT_ADDRESS,
        help="While Slipway runs, and no other engine uses the pipe docker_engine.",
        offered=lambda host: host.offers_default_docker_socket,
    )

    def __post_init__(self) -> None:
        for item in fields(type(self)):
            object.__setattr__(self, item.name, item.checked(getattr(self, item.name)))

    def resolved(self, host_cpus: int, host_memory_mib: int) -> Settings:
        """These settings with the computer's defaults filled in, checked against the computer.

        :raise SettingsError: more processors or memory than the computer has.
        """
        size = HostSize(host_cpus, host_memory_mib)
        items = fields(type(self))
        return dataclasses.replace(self, **{x.name: x.resolved(getattr(self, x.name), size) for x in items})

    def shares(self) -> tuple[str, ...]:
        """The folders that containers may mount: their real names, none inside another."""
        return shares.shared([*([str(Path.home())] if self.share_home else []), *self.shared_folders])

    def to_json(self) -> dict[str, Any]:
        """Every setting, as JSON has it."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(type(self))}


def fields(schema: type[Settings] = Settings) -> tuple[Field, ...]:
    """Everything there is to know about each setting of this computer, in the schema's order."""
    here = host()
    every = (dataclasses.replace(item.metadata[KEY], name=item.name) for item in dataclasses.fields(schema))
    return tuple(item for item in every if item.offered(here))


def field(name: str, schema: type[Settings] = Settings) -> Field:
    """One setting, by its name or by a dotted path into it.

    :raise SettingsError: there is none; the nearest name is suggested.
    """
    name = name.partition(".")[0]
    known = {item.name: item for item in fields(schema)}
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"Did you mean “{near}”? " if near else ""
    raise SettingsError(f"There is no setting “{name}”", f"{hint}The settings are: {', '.join(known)}.", path=name)


def describe(item: Field) -> dict[str, Any]:
    """A setting as JSON, for scripts: ``slipway settings describe --json``."""
    number = item.kind is Kind.NUMBER
    return {
        "name": item.name,
        "title": item.title,
        "help": item.help,
        "section": item.section.title,
        "kind": item.kind.value,
        "default": plain(item.default),
        "automatic": item.automatic is not None,
        "unit": item.unit,
        "minimum": item.minimum if number else None,
        "maximum": item.maximum if number else None,
        "choices": dict(item.choices),
        "applies": item.applies.value,
    }


def applies(names: Iterable[str], schema: type[Settings] = Settings) -> Applies:
    """When a change of all these settings has taken effect; names or dotted paths."""
    found = {field(name, schema).applies_to(name) for name in names}
    return Applies.RESTART if Applies.RESTART in found else Applies.LIVE


def changed(before: Settings, after: Settings) -> frozenset[str]:
    """The names of the settings that differ."""
    names = (item.name for item in fields(type(after)))
    return frozenset(name for name in names if getattr(before, name) != getattr(after, name))


def changed_paths(before: Settings, after: Settings) -> frozenset[str]:
    """What differs, by dotted path: of an object its members."""
    return frozenset(
        path
        for name in changed(before, after)
        for path in _paths(name, getattr(before, name), getattr(after, name))
    )


def _paths(name: str, before: Any, after: Any) -> Iterator[str]:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        yield name
        return
    for key in before.keys() | after.keys():
        if key not in before or key not in after or before[key] != after[key]:
            yield f"{name}.{key}"


def plain(value: Any) -> Any:
    """A setting's value as JSON has it, sharing nothing with the setting."""
    if isinstance(value, tuple):
        return list(value)
    return json.loads(json.dumps(dict(value))) if isinstance(value, Mapping) else value


__all__ = [
    "Applies",
    "Field",
    "HostSize",
    "Kind",
    "Section",
    "Settings",
    "SettingsError",
    "applies",
    "changed",
    "changed_paths",
    "describe",
    "field",
    "fields",
    "plain",
]
