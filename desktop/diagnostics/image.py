"""The system image: every byte is verified against the checksums of its build."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from engine.linux import ENGINE_ROOTFS
from vm.host.paths import bundled_images, image_url
from vm.image.fetch import build_hint, can_build
from vm.image.recipe import load_recipe
from vm.image.store import ImageStore

NAME = "image"
DESCRIPTION = "System image"


async def check(context: Context) -> Finding:
    """Run the check."""
    return await asyncio.to_thread(_check, context)


def _check(context: Context) -> Finding:
    arch = context.host.arch
    version = load_recipe(ENGINE_ROOTFS).version(arch)
    for store in (ImageStore(context.paths.images), ImageStore(bundled_images())):
        if (image := store.find(arch, version)) is not None:
            break
    else:
        if not can_build() and not image_url():
            return Finding(False, f"the image {version} is missing", build_hint())
        return Finding(
            None, f"the image {version} does not exist yet", "It is created at the next start: slipway start"
        )
    info = store.verify(image)
    return Finding(True, f"{version}, {info.total_size / 1e6:.1f} MB, verified")
