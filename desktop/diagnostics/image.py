"""The system image: every byte is compared with what the build noted."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from engine.linux import ENGINE_ROOTFS
from vm.image.recipe import load_recipe
from vm.image.store import ImageStore

NAME = "image"
DESCRIPTION = "The system image is there and whole"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    return await asyncio.to_thread(_look, context)


def _look(context: Context) -> Finding:
    arch = context.host.arch
    version = load_recipe(ENGINE_ROOTFS).version(arch)
    store = ImageStore(context.paths.images)
    boot = store.find(arch, version)
    if boot is None:
        return Finding(None, f"the image {version} is not here yet", "The next start makes it: slipway start")
    info = store.verify(boot)
    return Finding(True, f"{version}, {info.total_size / 1e6:.1f} MB, every byte as it was built")
