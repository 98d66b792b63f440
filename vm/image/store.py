"""A folder of finished images of one kind: found by architecture and version, added whole or not at all, verified.

    FOLDER/VERSION/       kernel  initramfs  root.erofs  manifest.json (of a system image)
    FOLDER/.VERSION.XXX/  one being built; taken away when its builder has gone
    FOLDER/.VERSION.lock  held while that version is being built
    FOLDER/.VERSION.pruned/  one being removed

manifest.json: ``{schema, version, arch, created_by, packages: {name: version}, tools: {name: version},
files: {name: {size, sha256}}, total_size}``; sizes in bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vm.errors import HostError, ImageError
from vm.host import try_lock
from vm.spec import Arch, BootFiles

log = logging.getLogger(__name__)

SCHEMA = 1
MANIFEST = "manifest.json"

NEWEST = 2
"""How many images of an architecture are kept: the present one, and the one to go back to."""


@dataclass(frozen=True)
class ImageKind:
    """What a store's images are.

    :ivar title: their name in messages.    :ivar files: what each holds.
    :ivar repair: the command that makes one again.
    """

    title: str
    files: tuple[str, ...]
    repair: str


SYSTEM = ImageKind("system image", ("kernel", "initramfs", "root.erofs"), "slipway image build --force")
FILES = SYSTEM.files


@dataclass(frozen=True)
class ImageInfo:
    """What a manifest says, and where the image is.

    :ivar total_size: bytes of all files.
    :ivar files: name → (bytes, SHA-256 in hex).
    """

    folder: Path
    version: str
    arch: Arch
    total_size: int
    packages: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def boot(self) -> BootFiles:
        """A system image's files to boot from."""
        kernel, initramfs, root = (self.folder / name for name in FILES)
        return BootFiles(self.arch, kernel, initramfs, root, self.version)


class ImageStore:
    """All images of a kind, in one folder, which need not exist yet."""

    def __init__(self, folder: Path, kind: ImageKind = SYSTEM) -> None:
        self.folder = folder
        self.kind = kind

    def list(self) -> list[ImageInfo]:
        """Every readable image, by version; damaged or foreign folders are passed over."""
        found = []
        for path in sorted(self.folder.glob(f"[!.]*/{MANIFEST}")):
            try:
                found.append(read_manifest(path, self.kind))
            except ImageError:
                continue
        return found

    def find(self, arch: Arch, version: str) -> ImageInfo | None:
        """The image of that version, or None when it is not here.

        Only presence and sizes are looked at; see :meth:`verify`.

        :raise ImageError: it is here, but damaged.
        """
        path = self.folder / version / MANIFEST
        if not path.is_file():
            return None
        info = read_manifest(path, self.kind)
        if info.arch is not arch:
            return None
        return self.verify(info, full=False)

    def verify(self, image: ImageInfo, full: bool = True) -> ImageInfo:
        """Compare an image with its manifest.

        :param full: read all files and compare their SHA-256; else only their sizes.
        :raise ImageError: naming the first file that is missing or differs.
        """
        info = read_manifest(image.folder / MANIFEST, self.kind)
        title, hint = self.kind.title, f"Build it again: {self.kind.repair}."
        for name in self.kind.files:
            path = info.folder / name
            size, sha256 = info.files[name]
            try:
                actual = path.stat().st_size
                if actual != size:
                    raise ImageError(
                        f"The {title}'s file {name} is damaged", hint, f"{path}: {actual} bytes, not {size}"
                    )
                if full and (found := sha256_of(path)) != sha256:
                    raise ImageError(
                        f"The {title}'s file {name} is damaged",
                        hint,
                        f"{path}: SHA-256 {found}, not {sha256}",
                    )
            except OSError as error:
                raise ImageError(f"The {title}'s file {name} cannot be read", hint, str(error)) from error
        return info

    def remove(self, version: str) -> None:
        """Take an image away; nothing happens if it is not here."""
        if version and not version.startswith(".") and "/" not in version:
            shutil.rmtree(self.folder / version, ignore_errors=True)

    def prune(self, in_use: Collection[str] = (), newest: int = NEWEST) -> tuple[str, ...]:
        """Remove images that are no longer needed: of each architecture all but the newest. Blocks.

        Those that a QEMU of this user boots from, for whatever installation, stay as well.

        :param in_use: versions to keep besides.
        :param newest: how many to keep, by the time they were made.
        :return: the versions that were removed.
        """
        images = sorted(self.list(), key=lambda image: _made_at(image.folder), reverse=True)
        keep = {*in_use, *self._booted()}
        for arch in Arch:
            keep.update([image.version for image in images if image.arch is arch][:newest])
        removed = []
        for image in images:
            if image.folder.name not in keep and image.version not in keep:
                try:  # in one step: what is half removed must not look like an image
                    image.folder.rename(self.folder / f".{image.folder.name}.pruned")
                except OSError as error:
                    log.info("the image %s stays: %s", image.version, error)
                    continue
                removed.append(image.version)
        for left in self.folder.glob(".*.pruned"):
            shutil.rmtree(left, ignore_errors=True)
        return tuple(removed)

    def _booted(self) -> set[str]:
        """The versions that QEMUs were started from which run now."""
        found = set()
        for process in psutil.process_iter(["cmdline"]):
            for argument in process.info["cmdline"] or ():
                path = Path(argument)
                if path.name == self.kind.files[0] and path.parent.parent == self.folder:
                    found.add(path.parent.name)
        return found

    @asynccontextmanager
    async def building(self, version: str) -> AsyncIterator[Path]:
        """Hold the right to build ``version`` and yield an empty work folder beside the images.

        A second builder of the same version waits. The folder is taken away in the end, whatever happened, and so
        are those of builders that died.

        :raise HostError: the folder cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / f".{version}.lock").open("ab")
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            while not try_lock(lock.fileno()):
                await asyncio.sleep(0.2)  # file locks cannot be awaited
            for left in self.folder.glob(f".{version}.work-*"):
                await asyncio.to_thread(shutil.rmtree, left, True)
            try:
                work = Path(tempfile.mkdtemp(prefix=f".{version}.work-", dir=self.folder))
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                yield work
            finally:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, work, True))

    def add(self, made: Path, version: str, arch: Arch, about: dict[str, Any]) -> ImageInfo:
        """Write the manifest of the files in ``made`` and move that folder into the store in one step.

        :param about: the manifest's ``created_by``, ``packages`` and ``tools``.
        :raise HostError: the disk is full or refuses.
        """
        names = self.kind.files
        files = {name: {"size": (made / name).stat().st_size, "sha256": sha256_of(made / name)} for name in names}
        manifest = {
            "schema": SCHEMA,
            "version": version,
            "arch": arch.value,
            **about,
            "files": files,
            "total_size": sum((made / name).stat().st_size for name in names),
        }
        target = self.folder / version
        try:
            (made / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
            for path in (*(made / name for name in names), made / MANIFEST):
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            made.chmod(0o755)
            if target.exists():
                target.rename(made.parent / "replaced")
            made.rename(target)
        except OSError as error:
            raise self._unwritable(error) from error
        return read_manifest(target / MANIFEST, self.kind)

    def _unwritable(self, error: OSError) -> HostError:
        return HostError(
            f"The {self.kind.title} cannot be stored: {error.strerror or error}",
            f"Free some space and check the permissions of {self.folder}.",
            str(error),
        )


def read_manifest(path: Path, kind: ImageKind = SYSTEM) -> ImageInfo:
    """Read one manifest.json.

    :raise ImageError: it cannot be read or is not what it should be.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r}, not {SCHEMA}")
        names = kind.files
        files = {name: (int(data["files"][name]["size"]), str(data["files"][name]["sha256"])) for name in names}
        return ImageInfo(
            path.parent,
            str(data["version"]),
            Arch(data["arch"]),
            int(data["total_size"]),
            dict(data["packages"]),
            dict(data["tools"]),
            files,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(
            f"The {kind.title}'s manifest is damaged",
            f"Build it again: {kind.repair}.",
            f"{path}: {type(error).__name__}: {error}",
        ) from error


def _made_at(folder: Path) -> float:
    """When an image was made or downloaded, in seconds since the epoch; 0 when it has gone."""
    try:
        return (folder / MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
