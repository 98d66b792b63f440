"""Having and saving a support bundle, for the command line and the window: a ZIP of the texts that were shown."""

from __future__ import annotations

import asyncio
import io
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

from desktop.control.client import ControlClient
from desktop.control.codec import decode
from desktop.control.schema import BundleFile
from vm.errors import HostError, UserError
from vm.files import write_atomically
from vm.host import programs

ALONE_SECONDS = 120.0


async def have_bundle(client: ControlClient) -> list[BundleFile]:
    """The files of a support bundle, without secrets; fewer when no supervisor starts.

    :raise HostError: it cannot be made at all.
    """
    try:
        await client.ready()
        return await client.bundle()
    except UserError as error:
        why = BundleFile("supervisor.txt", f"{error.message}\n{error.hint}\n")
        return [why, *await asyncio.to_thread(_collect_alone)]


def _collect_alone() -> list[BundleFile]:
    argv = programs.program("desktop.support")
    try:
        done = subprocess.run(
            argv,
            cwd=programs.installation(),
            capture_output=True,
            text=True,
            check=True,
            timeout=ALONE_SECONDS,
            creationflags=programs.NO_WINDOW,
        )
    except subprocess.CalledProcessError as error:
        raise HostError(
            "The support bundle cannot be made", "Mention this when you ask for help.", error.stderr
        ) from error
    except subprocess.TimeoutExpired as error:
        raise HostError("The support bundle takes too long", "Try again.", str(error)) from error
    return decode(list[BundleFile], done.stdout)


def save_bundle(path: Path, files: Sequence[BundleFile]) -> None:
    """Write ``files`` to ``path``, whole or not at all, readable by the user only.

    :raise HostError: it cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(f"slipway/{file.name}", file.text)
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise HostError(
            f"The bundle cannot be written to {path}: {error.strerror}", "Choose another folder.", str(error)
        ) from error
