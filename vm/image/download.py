"""Download an image from a web server, and keep it only when it is what its manifest says.

    URL/VERSION/manifest.json   kernel   initramfs   root.erofs

The manifest has the SHA-256 of each file. It is trusted because the installed package names its own SHA-256 (a
*pin*, in ``SHA256SUMS`` beside the bundled images), or else because it came over HTTPS.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import ipaddress
import logging
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from vm.errors import HostError, ImageError
from vm.image.fetch import Progress
from vm.image.store import MANIFEST, ImageInfo, ImageKind, ImageStore, read_manifest
from vm.spec import Arch

log = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
TIMEOUT = 30.0
"""Seconds a server may be silent."""

CANCEL_SECONDS = 2.0
"""For a download to notice that it was cancelled; one that waits for a silent server ends later by itself."""

PIECE = 256 * 1024
MANIFEST_LIMIT = 1024 * 1024
NOT_FOUND = 404


async def download(
    url: str, arch: Arch, version: str, store: ImageStore, progress: Progress, *, pin: str | None = None
) -> ImageInfo | None:
    """Download the image ``version`` into ``store``. Cancelling leaves nothing behind.

    A second download of the same version waits for the first and returns its result.

    :param url: the server's base address.
    :param pin: the SHA-256 of the manifest, in hex; None: HTTPS has to do.
    :return: None when the server does not have it.
    :raise ImageError: what came is not what it should be, or the server is not to be trusted.
    :raise HostError: the server cannot be reached, or the disk is full.
    """
    if pin is None:
        require_trust(url)
    base = f"{url.rstrip('/')}/{version}"
    kind = store.kind
    async with store.building(version) as work:
        if (there := store.find(arch, version)) is not None:
            return there
        loop = asyncio.get_running_loop()
        cancelled = threading.Event()

        def show(text: str, fraction: float) -> None:
            loop.call_soon_threadsafe(progress, text, fraction)

        fetching = asyncio.ensure_future(
            asyncio.to_thread(_fetch, base, kind, arch, version, work / "made", pin, show, cancelled)
        )
        try:
            info = await asyncio.shield(fetching)
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.wait([fetching], timeout=CANCEL_SECONDS)
            fetching.add_done_callback(asyncio.Future.exception)  # nothing else reads it
            raise
        if info is None:
            return None
        about = {"created_by": f"downloaded from {url}", "packages": info.packages, "tools": info.tools}
        return await asyncio.to_thread(store.add, info.folder, version, arch, about)


def read_pins(bundle: Path) -> dict[str, str]:
    """The pins in ``bundle``: version → SHA-256 of its manifest; lines as sha256sum(1) writes them."""
    try:
        lines = (bundle / SUMS).read_text().splitlines()
    except OSError:
        return {}
    pins = {}
    for line in lines:
        digest, _, name = line.partition(" ")
        version, _, file = name.strip(" *").partition("/")
        if file == MANIFEST:
            pins[version] = digest.lower()
    return pins


def require_trust(url: str) -> None:
    """:raise ImageError: anybody on the way could put another manifest in place of this server's."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise ImageError(
        f"System images are not downloaded from {url}, which is not encrypted", "Use an address with https://."
    )


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _fetch(
    base: str,
    kind: ImageKind,
    arch: Arch,
    version: str,
    folder: Path,
    pin: str | None,
    show: Callable[[str, float], None],
    cancelled: threading.Event,
) -> ImageInfo | None:
    """Download all files into ``folder``; in a thread."""
    folder.mkdir()
    try:
        show(f"downloading the {kind.title}", 0.0)
        if not _fetch_file(
            f"{base}/{MANIFEST}", folder / MANIFEST, MANIFEST_LIMIT, pin, cancelled, lambda _: None
        ):
            return None
        info = read_manifest(folder / MANIFEST, kind)
        if (info.arch, info.version) != (arch, version):
            raise ImageError(
                f"The server has a different {kind.title}",
                detail=f"{base}: {info.arch} {info.version}, not {arch} {version}",
            )
        total, done = max(1, sum(size for size, _ in info.files.values())), 0
        for name in kind.files:
            size, digest = info.files[name]
            before = done

            def count(so_far: int, before: int = before) -> None:
                show(f"downloading the {kind.title}", (before + so_far) / total)

            if not _fetch_file(f"{base}/{name}", folder / name, size, digest, cancelled, count):
                raise ImageError(f"The server has no {kind.title} file {name}", detail=f"{base}/{name}")
            done += size
        return info
    except urllib.error.HTTPError as error:
        error.close()
        raise HostError(f"The {kind.title} cannot be downloaded: {error}", "Try again later.", base) from error
    except (http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise HostError(
            f"The {kind.title} cannot be downloaded",
            "Check your internet connection and your proxy.",
            f"{base}: {error}",
        ) from error
    except OSError as error:
        raise HostError(
            f"The {kind.title} cannot be stored: {error.strerror or error}",
            f"Free some space and check the permissions of {folder.parent.parent}.",
            str(error),
        ) from error


def _fetch_file(
    url: str,
    path: Path,
    limit: int,
    digest: str | None,
    cancelled: threading.Event,
    show: Callable[[int], None],
) -> bool:
    """Download one file; whether the server has it.

    :param limit: bytes; no more are taken.
    :raise ImageError: it is longer, or its SHA-256 is not ``digest``.
    """
    try:
        response = urllib.request.urlopen(url, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != NOT_FOUND:
            raise
        error.close()
        return False
    sha256, size = hashlib.sha256(), 0
    with response, path.open("wb") as file:
        while data := response.read(PIECE):
            if cancelled.is_set():
                raise ConnectionAbortedError("the download was cancelled")
            size += len(data)
            if size > limit:
                break
            sha256.update(data)
            file.write(data)
            show(size)
    if size > limit or (digest is not None and sha256.hexdigest() != digest):
        raise ImageError(
            f"The downloaded file {path.name} is damaged",
            "Try again. If it happens again, the server or a proxy changes files.",
            f"{url}: {size} bytes, SHA-256 {sha256.hexdigest()}; expected {digest}",
        )
    return True
