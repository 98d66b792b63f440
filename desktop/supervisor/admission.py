"""What the endpoint checks before a container is created or started: the steps, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from desktop.settings.schema import Settings
from desktop.settings.shares import as_words
from desktop.supervisor.context import CurrentSettings, GuestAccess
from desktop.supervisor.parts.folders import Folders
from desktop.supervisor.parts.host_sockets import MountedSockets
from desktop.supervisor.parts.ports import Ports
from desktop.supervisor.parts.proxies import HostProxies
from engine.endpoint.admission import Admission
from engine.endpoint.admission.bind_mounts import BindMounts
from engine.endpoint.admission.folders import ReplacedFolders
from engine.endpoint.admission.guest_paths import GuestPaths
from engine.endpoint.admission.host_gateway import HostGateway
from engine.endpoint.admission.inspect import (
    discard_in_guest,
    inspect_in_guest,
    plugin_in_guest,
    volumes_in_guest,
)
from engine.endpoint.admission.ports import ReservedPorts
from engine.endpoint.admission.proxies import ProxyVariables
from vm.guest.hostpath import is_within, system_folder, to_guest
from vm.guest.stream import Link


def make_admission(
    guest: GuestAccess,
    settings: CurrentSettings,
    folders: Folders,
    ports: Ports,
    sockets: MountedSockets,
    proxies: HostProxies,
    gateways: Callable[[], Sequence[str]],
) -> Admission:
    """Folders that were replaced, bind mounts, proxy variables, extra hosts, ports."""

    def connect() -> Link:
        return guest.link

    async def advise(path: str) -> str:
        return await asyncio.to_thread(advice, path, settings.get())

    steps = (
        ReplacedFolders(folders.refresh),
        BindMounts(
            sockets.sockets,
            lambda: settings.get().shares(),
            GuestPaths(connect),
            advise,
            volumes_in_guest(connect),
            plugin_in_guest(connect),
        ),
        ProxyVariables(proxies.now),
        HostGateway(gateways),
        ReservedPorts(ports.reservations),
    )
    return Admission(steps, inspect_in_guest(connect), discard_in_guest(connect))


def advice(path: str, settings: Settings) -> str:
    """What to do so that a container can mount ``path``. Looks at the host's disk."""
    there = Path(path)
    home = Path.home()
    if not there.exists():
        return f"It does not exist on your computer either. Create it in a shared folder, such as {home}."
    folder = str(there if there.is_dir() else there.parent)
    guest = to_guest(folder)
    if system_folder(guest) is not None:
        remedy = "have its program listen in" if there.is_socket() else "copy what you need to"
        return f"It is in a system folder, which cannot be shared; {remedy} {home}."
    if not settings.share_home and is_within(guest, to_guest(str(home))):
        command = "slipway settings set share_home true"
    else:
        kept = [share for share in settings.shared_folders if not is_within(to_guest(share), guest)]
        command = f"slipway settings set shared_folders {as_words([*kept, folder])}"
    return f"Share its folder: {command} (or in Slipway's window: Settings, Folders)."
