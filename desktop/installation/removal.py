"""Undoes what Slipway has made outside the folder that it is installed in, for the user who removes it.

The data is everything below the home and the cache (vm/host/paths.py). It goes only when that is asked for. The
default home is Slipway's alone and goes whole; of another one, only the names that Slipway gives.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from desktop.system import Launch, System
from engine.contexts import remove_everywhere
from engine.kubernetes.kubeconfig import RECORD, Kubeconfig
from vm.errors import UserError
from vm.host.paths import Paths

WINDOWS_ENGINE = (
    "The engine of Windows containers stays, since only an administrator can remove it. "
    "Install Slipway again, then: slipway engine remove"
)

WINDOW = "window.ini"
"""Where the window keeps its place (desktop/ui/window.py)."""


def forget(paths: Paths, system: System) -> list[str]:
    """Remove the contexts of docker and kubectl, make the one before current again, and no longer start at login.

    Nothing has to run for this.

    :return: what could not be done, as sentences.
    """
    failed = [f"{error.message}. {error.hint}" for error in remove_everywhere(paths.contexts, paths.docker_host)]
    try:
        Kubeconfig(paths.kubernetes / RECORD).restore()
    except UserError as error:
        failed.append(f"{error.message}. {error.hint}")
    try:
        system.start_at_login(Launch.of(paths, background=True), False)
    except UserError as error:
        failed.append(f"{error.message}: {error.detail}")
    return failed


def delete_data(paths: Paths, default_home: Path) -> list[str]:
    """Delete the machine with all containers, images and volumes, the settings and the logs.

    :param default_home: the folder that is Slipway's alone.
    :return: what could not be deleted, as sentences.
    """
    failed: list[str] = []
    for path in _data(paths):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"{path} cannot be deleted: {error.strerror}")
    if not failed and paths.home == default_home:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(paths.home)
    for folder in (paths.cache, paths.home):
        with contextlib.suppress(OSError):  # something else is in it, or it has gone already
            folder.rmdir()
    return failed


def _data(paths: Paths) -> tuple[Path, ...]:
    """Everything of Slipway's, the least that can be made again last."""
    kept = (paths.settings, paths.boots, paths.activities, paths.contexts, paths.helpers)
    files = (*kept, paths.home / WINDOW, paths.verdicts)
    made = (paths.kubernetes, paths.kubernetes_images, paths.images)
    return (*files, paths.run, paths.logs, *made, paths.machine)
