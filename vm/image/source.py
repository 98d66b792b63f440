"""Where an image comes from: kept from before, bundled with the package, downloaded, or built.

Only Debian and its relatives can build an image; everybody can use one. The sources are asked in that order, and
the first that has the wanted version wins. When none has, one error gives the reason of each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from vm.errors import HostError, ImageError, UserError
from vm.host.paths import bundled_images, image_url
from vm.image.build import build
from vm.image.download import download, read_pins
from vm.image.fetch import Progress
from vm.image.recipe import load_recipe
from vm.image.store import SYSTEM, ImageInfo, ImageKind, ImageStore
from vm.spec import Arch, BootFiles

log = logging.getLogger(__name__)


class Origin(StrEnum):
    """Where an image came from."""

    KEPT = "kept"
    BUNDLED = "bundled"
    DOWNLOADED = "downloaded"
    BUILT = "built"


class Source(Protocol):
    """A place that may have images."""

    @property
    def origin(self) -> Origin:
        """What its images are."""
        ...

    async def obtain(self, arch: Arch, version: str, progress: Progress) -> ImageInfo | None:
        """The image of that version; None when this source does not have it.

        :raise UserError: it should have it, but cannot provide it.
        """
        ...


@dataclass(frozen=True)
class Folder:
    """A folder of finished images: the cache, or one that came with the installed package."""

    store: ImageStore
    origin: Origin

    async def obtain(self, arch: Arch, version: str, progress: Progress) -> ImageInfo | None:
        return await asyncio.to_thread(self.store.find, arch, version)


@dataclass(frozen=True)
class Server:
    """A web server with images; those that are downloaded are verified and kept in ``store``.

    :ivar url: its base address; ``URL/VERSION/manifest.json`` and the files beside it.
    :ivar pins: version → SHA-256 of its manifest, as the installed package has it.
    """

    store: ImageStore
    url: str
    pins: dict[str, str]
    origin: Origin = Origin.DOWNLOADED

    async def obtain(self, arch: Arch, version: str, progress: Progress) -> ImageInfo | None:
        return await download(self.url, arch, version, self.store, progress, pin=self.pins.get(version))


@dataclass(frozen=True)
class Builder:
    """The host, where it can build.

    :ivar force: build even what ``store`` has.
    """

    store: ImageStore
    engine_rootfs: Path
    mirror: str | None = None
    force: bool = False
    origin: Origin = Origin.BUILT

    async def obtain(self, arch: Arch, version: str, progress: Progress) -> ImageInfo | None:
        return await build(arch, self.store, self.engine_rootfs, progress, mirror=self.mirror, force=self.force)


@dataclass(frozen=True)
class Found:
    """An image, and where it came from."""

    image: ImageInfo
    origin: Origin

    @property
    def boot(self) -> BootFiles:
        """A system image's files to boot from."""
        return self.image.boot


def sources(
    store: ImageStore,
    engine_rootfs: Path,
    *,
    mirror: str | None = None,
    url: str | None = None,
    bundle: Path | None = None,
    force: bool = False,
) -> tuple[Source, ...]:
    """The sources of this installation, in the order they are asked.

    :param mirror: address of a Debian archive for a build; None: the host's own.
    :param url: address of a server with images; None: as :func:`vm.host.paths.image_url` has it; empty: none.
    :param bundle: the folder of bundled images; None: the installed package's.
    :param force: do not use what is here: download or build again.
    """
    return (*ready_made(store, url=url, bundle=bundle, force=force), Builder(store, engine_rootfs, mirror, force))


def ready_made(
    store: ImageStore, *, url: str | None = None, bundle: Path | None = None, force: bool = False
) -> tuple[Source, ...]:
    """The sources of images of this store's kind that need no build; as :func:`sources`."""
    bundle = bundled_images() if bundle is None else bundle
    url = image_url() if url is None else url
    found: list[Source] = []
    if not force:
        found += [Folder(store, Origin.KEPT), Folder(ImageStore(bundle, store.kind), Origin.BUNDLED)]
    if url:
        found.append(Server(store, url, read_pins(bundle)))
    return tuple(found)


async def obtain(arch: Arch, engine_rootfs: Path, asked: Sequence[Source], progress: Progress) -> Found:
    """Find or make the system image that belongs to this version of Slipway.

    Cancelling leaves nothing half done behind.

    :param engine_rootfs: the engine's guest files, which are part of the image's version.
    :param asked: see :func:`sources`.
    :param progress: called with what is going on, and how far it is (0…1).
    :raise HostError: no source has it, and the host cannot build it.
    :raise ImageError: the one kept here is damaged, or no source has it, for these reasons.
    """
    version = await asyncio.to_thread(lambda: load_recipe(engine_rootfs).version(arch))
    return await obtain_version(SYSTEM, arch, version, asked, progress)


async def obtain_version(
    kind: ImageKind, arch: Arch, version: str, asked: Sequence[Source], progress: Progress
) -> Found:
    """Find or make one version of an image; as :func:`obtain`.

    :param asked: sources of images of that kind.
    """
    failures: list[UserError] = []
    for source in asked:
        try:
            image = await source.obtain(arch, version, progress)
        except (HostError, ImageError) as error:
            if source.origin is Origin.KEPT:
                raise
            log.warning("no %s %s: %s %s", source.origin, kind.title, error.message, error.detail)
            failures.append(error)
            continue
        if image is not None:
            log.info("the %s %s is %s", kind.title, version, source.origin)
            return Found(image, source.origin)
    if len(failures) == 1:
        raise failures[0]
    raise ImageError(
        f"No {kind.title} is available: " + "; ".join(error.message for error in failures),
        next((error.hint for error in reversed(failures) if error.hint), ""),
        "\n".join(filter(None, (error.detail for error in failures))),
    )
