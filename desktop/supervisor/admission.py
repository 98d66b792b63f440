"""Wires the endpoint's admission to the settings, the machine and the parts: what is checked, in which order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from desktop.settings.schema import Settings, SettingsError
from desktop.settings.shares import as_words
from desktop.supervisor.folders import shared
from desktop.supervisor.surroundings import in_use
from engine.endpoint.admission import Admission
from engine.endpoint.admission.bind_mounts import BindMounts
from engine.endpoint.admission.folders import ReplacedFolders
from engine.endpoint.admission.guest_paths import GuestPaths
from engine.endpoint.admission.inspect import inspect_in_guest
from engine.endpoint.admission.ports import ReservedPorts
from engine.endpoint.admission.proxies import ProxyVariables
from engine.ports import Reserve
from engine.host_sockets import HostSockets
from vm.errors import LinkError
from vm.guest.hostpath import is_within, system_folder, to_guest
from vm.host.proxies import Proxies

if TYPE_CHECKING:  # the supervisor makes the admission, which asks the supervisor
    from desktop.supervisor.app import Supervisor
    from vm.guest.stream import Link

HOLD = "/usr/lib/slipway/hold /run/slipway/held"
HOLD_SECONDS = 10.0


def admission(supervisor: Supervisor) -> Admission:
    """All steps, in their order: folders, bind mounts, proxy, ports."""
    host = supervisor.host

    def connect() -> Link:
        return supervisor.machine.link

    def proxies() -> Proxies:
        try:
            return in_use(supervisor.store.load(), host)
        except SettingsError:  # reported when something is started
            return Proxies()

    async def advise(path: str) -> str:
        if host.no_shared_folders:
            return f"No folders can be shared: {host.no_shared_folders}."
        return await asyncio.to_thread(advice, path, _settings(supervisor))

    steps = (
        ReplacedFolders(supervisor.folders.look_again),
        BindMounts(supervisor.sockets, lambda: shared(_settings(supervisor), host), GuestPaths(connect), advise),
        ProxyVariables(proxies),
        ReservedPorts(supervisor.reserve),
    )
    return Admission(steps, inspect_in_guest(connect))


def reserve(supervisor: Supervisor) -> Reserve:
    """Keeps dockerd from choosing ports that are in use on this computer."""

    async def hold(ports: Sequence[int]) -> None:
        told = await supervisor.machine.link.run(" ".join([HOLD, *map(str, ports)]), timeout=HOLD_SECONDS)
        if told.exit_code != 0:
            raise LinkError("The machine could not hold ports", detail=told.stderr.decode(errors="replace"))

    return Reserve(supervisor.publisher, hold)


def host_sockets(supervisor: Supervisor) -> HostSockets:
    """The sockets of this computer that containers mount."""
    paths, host = supervisor.paths, supervisor.host
    return HostSockets(
        paths.sockets,
        paths.docker_socket,
        os.environ,
        lambda: shared(_settings(supervisor), host),
        host.open_folder,
    )


def advice(path: str, settings: Settings) -> str:
    """What to do so that a container can mount ``path``. Looks at this computer's disk."""
    there = Path(path)
    home = Path.home()
    if not there.exists():
        return f"It does not exist on this computer either. Make it in a folder that is shared, such as {home}."
    folder = str(there if there.is_dir() else there.parent)
    guest = to_guest(folder)
    if system_folder(guest) is not None:
        remedy = "have its program listen in" if there.is_socket() else "copy what is needed to"
        return f"It is in a folder of the system's, which cannot be shared; {remedy} {home}."
    if not settings.share_home and is_within(guest, to_guest(str(home))):
        command = "slipway settings set share_home true"
    else:
        kept = [share for share in settings.shared_folders if not is_within(to_guest(share), guest)]
        command = f"slipway settings set shared_folders {as_words([*kept, folder])}"
    return f"Share its folder: {command} (or in Slipway's window: Settings, Folders)."


def _settings(supervisor: Supervisor) -> Settings:
    try:
        return supervisor.store.load()
    except SettingsError:  # reported when something is started
        return Settings()
