"""The machine's system image, which comes with the package: only a Debian can build one (vm/image)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.linux import ENGINE_ROOTFS
from installers.checkout.console import StepError, say
from installers.common.tree import copy_files
from vm.errors import UserError
from vm.host import host
from vm.image.source import obtain, sources
from vm.image.store import ImageStore
from vm.spec import Arch


def copy_image(target: Path, arch: Arch = Arch.AMD64) -> None:
    """Copy the image of this version into ``target``, in a folder named after it; taken from the cache, or built.

    :raise StepError: there is none here, and it cannot be built.
    """
    store = ImageStore(host().paths().images)
    try:
        found = asyncio.run(obtain(arch, ENGINE_ROOTFS, sources(store, ENGINE_ROOTFS), lambda text, part: None))
    except UserError as error:
        raise StepError(f"{error.message}\n{error.hint}\n{error.detail}") from error
    folder = found.image.folder
    say(f"· the system image {folder.name} is {found.origin}")
    copy_files(folder, target / folder.name)
