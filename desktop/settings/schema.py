"""The settings: one frozen value, checked as a whole, with a reason for everything that is refused.

The file holds only what differs from the defaults, so that better defaults reach everybody. Defaults that depend
on the computer are 0 in the file's terms and are resolved by :meth:`Settings.resolved`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desktop.settings import daemon as daemon_json
from desktop.settings import shares
from vm.errors import UserError

SCHEMA = 1
"""Version of the settings file; older ones are migrated, newer ones refused."""

ACCELERATORS = ("auto", "kvm", "hvf", "whpx", "tcg")
CONTEXT_POLICIES = ("auto", "always", "never")
FOLDER_CARRIERS = ("auto", "sftp")
CLOSINGS = ("tray", "quit", "stop")

MIN_MEMORY_MIB = 768
"""Below this dockerd and containerd leave nothing for containers."""


class SettingsError(UserError):
    """A setting, or the file of settings, is not acceptable; nothing was changed."""


WORDS = {
    "cpus": "The number of processors",
    "memory_mib": "The machine's memory",
    "disk_gib": "The data disk's size",
    "wait_seconds": "How long docker waits for the machine",
    "accelerator": "The accelerator",
    "context": "What is done with the Docker context",
    "on_close": "What closing the window does",
    "start_at_login": "Whether the engine starts at login",
    "folder_carrier": "What carries shared folders",
    "share_home": "Whether the home folder is shared",
    "ports_local": "Whether published ports are for this computer only",
    "mirror": "The Debian mirror",
}
"""What settings are called in messages."""


@dataclass(frozen=True)
class Settings:
    """All settings; every instance is valid.

    :ivar cpus: virtual processors; 0 lets Slipway choose.
    :ivar memory_mib: the machine's memory in MiB; 0 lets Slipway choose.
    :ivar disk_gib: size of the data disk in GiB; it only ever grows, and takes space as it is used.
    :ivar accelerator: QEMU's accelerator; ``auto`` takes the best that is proven to work.
    :ivar context: whether ``slipway start`` makes the Docker context ``slipway`` current: ``auto`` (when the
        current one does not work), ``always`` or ``never``.
    :ivar wait_seconds: how long a connection to the socket waits while the machine boots.
    :ivar mirror: address of the Debian archive for building images; empty takes this computer's own.
    :ivar host_proxy: whether engine and containers use this computer's proxy when ``daemon.proxies`` names none.
    :ivar start_at_login: whether the engine is started, with the tray icon only, when the user logs in.
    :ivar on_close: what closing the window does: ``tray`` keeps the tray icon and the engine, ``quit`` keeps the
        engine only, ``stop`` stops the engine too.
    :ivar share_home: whether containers may mount what is in the user's home folder.
    :ivar shared_folders: more folders they may mount, absolute paths; none inside another.
    :ivar folder_carrier: what brings shared folders into the machine: ``auto`` (virtiofs where this computer has
        it) or ``sftp``.
    :ivar ports_local: whether ports that are published at no address of their own (``-p 80:80``) are for this
        computer only; else its whole network reaches them, as with Docker anywhere.
    :ivar daemon: additions to dockerd's daemon.json (https://docs.docker.com/reference/cli/dockerd/).
    """

    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 64
    accelerator: str = "auto"
    context: str = "auto"
    wait_seconds: int = 60
    mirror: str = ""
    start_at_login: bool = False
    host_proxy: bool = True
    on_close: str = "tray"
    share_home: bool = True
    shared_folders: tuple[str, ...] = ()
    folder_carrier: str = "auto"
    ports_local: bool = False
    daemon: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low, high, unit in (
            ("cpus", 0, 256, "processors (0: chosen for you)"),
            ("memory_mib", 0, 16 * 1024 * 1024, "MiB (0: chosen for you)"),
            ("disk_gib", 1, 16384, "GiB"),
            ("wait_seconds", 1, 3600, "seconds"),
        ):
            _require_int(name, getattr(self, name), low, high, unit)
        if 0 < self.memory_mib < MIN_MEMORY_MIB:
            raise SettingsError(
                f"{_called('memory_mib')} cannot be {self.memory_mib}: the engine needs {MIN_MEMORY_MIB} MiB",
                f"Choose {MIN_MEMORY_MIB} or more, or 0 to let Slipway choose.",
            )
        _require_choice("accelerator", self.accelerator, ACCELERATORS)
        _require_choice("context", self.context, CONTEXT_POLICIES)
        _require_choice("folder_carrier", self.folder_carrier, FOLDER_CARRIERS)
        _require_choice("on_close", self.on_close, CLOSINGS)
        for name in ("start_at_login", "share_home", "host_proxy", "ports_local"):
            if not isinstance(getattr(self, name), bool):
                raise SettingsError(f"{_called(name)} has to be true or false")
        if not isinstance(self.mirror, str) or (self.mirror and "://" not in self.mirror):
            why = f"{_called('mirror')} has to be an address such as https://…"
            raise SettingsError(why, "Leave it empty for the default.")
        object.__setattr__(self, "shared_folders", _folders(self.shared_folders))
        _require_daemon(self.daemon)

    def resolved(self, host_cpus: int, host_memory_mib: int) -> Settings:
        """These settings with the computer's defaults filled in, checked against the computer.

        Half of the processors (at most 4, at least 2 where there are 2), a quarter of the memory (1–8 GiB).

        :raise SettingsError: more processors or memory than this computer has.
        """
        cpus = self.cpus or min(host_cpus, max(2, min(4, host_cpus // 2)))
        memory = self.memory_mib or min(8192, max(1024, host_memory_mib // 4))
        if cpus > host_cpus:
            raise SettingsError(
                f"{_called('cpus')} cannot be {cpus}: this computer has {host_cpus}",
                f"Choose 1 to {host_cpus}.",
            )
        if memory > host_memory_mib:
            raise SettingsError(
                f"{_called('memory_mib')} cannot be {memory}: this computer has {host_memory_mib}",
                f"Choose at most {max(MIN_MEMORY_MIB, host_memory_mib * 3 // 4)}.",
            )
        return dataclasses.replace(self, cpus=cpus, memory_mib=memory)

    def shares(self) -> tuple[str, ...]:
        """The folders of this computer that containers may mount: their real names, none inside another."""
        return shares.shared([*([str(Path.home())] if self.share_home else []), *self.shared_folders])

    def to_json(self) -> dict[str, Any]:
        """Every setting, for showing."""
        return {item.name: _plain(getattr(self, item.name)) for item in dataclasses.fields(self)}

    def changes(self) -> dict[str, Any]:
        """Only what differs from the defaults, for the file."""
        default = Settings().to_json()
        return {name: value for name, value in self.to_json().items() if value != default[name]}


NAMES = tuple(item.name for item in dataclasses.fields(Settings))
"""The settings' names, in order."""

NEEDS_RESTART = frozenset({"folder_carrier", "host_proxy", "cpus", "memory_mib", "accelerator", "daemon"})
"""Settings a running machine takes up only at its next start."""


def from_json(values: Mapping[str, Any]) -> Settings:
    """Settings out of a JSON object without its ``schema``.

    :raise SettingsError: an unknown name, a wrong type or an impossible value.
    """
    for name in values:
        require_name(name)
    return Settings(**values)


def require_name(name: str) -> str:
    """The name itself when there is such a setting.

    :raise SettingsError: there is none; the nearest name is suggested.
    """
    if name in NAMES:
        return name
    near = difflib.get_close_matches(name, NAMES, 1, 0.4)
    hint = f"Did you mean “{near[0]}”? " if near else ""
    raise SettingsError(f"There is no setting “{name}”", f"{hint}The settings are: {', '.join(NAMES)}.")


def with_value(settings: Settings, path: str, text: str) -> Settings:
    """``settings`` with the one at the dotted ``path`` set from ``text`` (JSON, or a plain word).

    Below ``daemon`` the path goes into the object: ``daemon.debug``. ``null`` takes a value away, which brings the
    default back.

    :raise SettingsError: no such setting, or not a possible value for it.
    """
    return with_values(settings, {path: text})


def with_values(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """``settings`` with several set, all or none; only the outcome has to be possible. See :func:`with_value`.

    :raise SettingsError: one is refused.
    """
    values, default = settings.to_json(), Settings().to_json()
    for path, text in changes.items():
        name, _, rest = path.partition(".")
        require_name(name)
        value = _parse(text, isinstance(default[name], str))
        if rest and name != "daemon":
            raise SettingsError(
                f"The setting “{name}” has nothing below it", f"Say: slipway settings set {name} …"
            )
        if not rest:
            values[name] = default[name] if value is None else value
        elif value is None:
            values[name].pop(rest, None)
        else:
            values[name][rest] = value
    return from_json(values)


def _parse(text: str, is_text: bool) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if is_text and value is not None and not isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return json.loads(json.dumps(dict(value))) if isinstance(value, Mapping) else value


def _folders(value: object) -> tuple[str, ...]:
    found = shares.folders(value)
    if found is None:
        raise SettingsError(
            "shared_folders has to be a list of paths",
            f"For example: slipway settings set shared_folders {shares.as_words([str(Path.home() / 'project')])}",
        )
    trouble = shares.trouble(found)
    if trouble is not None:
        raise SettingsError(f"shared_folders: {trouble[0]}", trouble[1])
    return found


def _called(name: str) -> str:
    """A setting's name in words, and as it is called in the file and on the command line."""
    return f"{WORDS[name]} ({name})"


def _require_int(name: str, value: object, low: int, high: int, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(
            f"{_called(name)} has to be a whole number, not {json.dumps(value, default=str)}", f"In {unit}."
        )
    if not low <= value <= high:
        raise SettingsError(f"{_called(name)} cannot be {value}", f"Choose {low} to {high} {unit}.")


def _require_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(
            f"{_called(name)} cannot be {json.dumps(value, default=str)}", f"Choose one of: {', '.join(choices)}."
        )


def _require_daemon(daemon: object) -> None:
    if not isinstance(daemon, Mapping):
        raise SettingsError(
            "daemon has to be a JSON object", "For example: slipway settings set daemon '{\"debug\": true}'"
        )
    try:
        json.dumps(dict(daemon))
    except (TypeError, ValueError) as error:
        raise SettingsError("daemon cannot be written as JSON", detail=str(error)) from error
    found = daemon_json.trouble(daemon)
    if found is not None:
        raise SettingsError(f"daemon.{found.key} {found.why}", found.hint)
