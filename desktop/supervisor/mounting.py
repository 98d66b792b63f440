"""What the endpoint has to know before a container may mount a folder: what is shared, what the machine has."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from desktop.settings.schema import Settings, SettingsError
from desktop.settings.shares import as_words
from desktop.supervisor.folders import shared
from engine.endpoint.mounts import MountJudge
from engine.host_sockets import HostSockets
from vm.errors import EngineError
from vm.guest.hostpath import is_within, system_folder, to_guest

if TYPE_CHECKING:  # the supervisor makes the judge, which asks the supervisor
    from desktop.supervisor.app import Supervisor

LOOK_SECONDS = 20.0

LOOK = """for path in {paths}; do
if [ -d "$path" ] && [ -z "$(ls -A "$path")" ]; then echo empty
elif [ -e "$path" ]; then echo there
else echo -
fi
done"""


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


def _settings(supervisor: Supervisor) -> Settings:
    try:
        return supervisor.store.load()
    except SettingsError:  # told when something is started
        return Settings()


def mount_judge(supervisor: Supervisor) -> MountJudge:
    """The endpoint's judge of bind mounts."""
    host = supervisor.host
    settings = partial(_settings, supervisor)

    async def look(paths: Sequence[str]) -> set[str]:
        command = LOOK.format(paths=" ".join(map(shlex.quote, paths)))
        told = await supervisor.machine.link.run(command, timeout=LOOK_SECONDS)
        return has(dict(zip(paths, told.stdout.decode().split(), strict=False)))

    async def advise(path: str) -> str:
        if host.no_shared_folders:
            return f"No folders can be shared: {host.no_shared_folders}."
        return await asyncio.to_thread(advice, path, settings())

    async def make(folders: Sequence[str]) -> None:
        await asyncio.to_thread(make_missing, folders)

    return MountJudge(supervisor.sockets, lambda: shared(settings(), host), look, advise, make)


def has(found: dict[str, str]) -> set[str]:
    """The paths that the machine can give a container itself.

    An empty folder of the machine's, such as its ``/mnt``, is not what anybody means; but a folder that cannot be
    shared, such as ``/tmp``, is the machine's where this computer has none.
    """
    return {path for path, kind in found.items() if kind == "there" or (kind == "empty" and system_folder(path))}


def make_missing(folders: Sequence[str]) -> None:
    """Make those that are missing.

    :raise EngineError: one cannot be made.
    """
    for folder in map(Path, folders):
        if not os.path.lexists(folder):
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                raise EngineError(
                    f"“{folder}” is shared, but is not there, and cannot be made: {error.strerror}",
                    "Put it back, or make it as somebody who may.",
                ) from error


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
