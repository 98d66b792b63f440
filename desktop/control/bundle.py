"""Saving a support bundle, for the command line and for the window: a ZIP of the texts that were shown."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from desktop.control.schema import BundleFile
from vm.errors import HostError
from vm.files import write_atomically


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
