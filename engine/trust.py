"""What registries are trusted with, handed to the machine: this computer's own authorities, Docker's ``certs.d``.

The archive is unpacked over the machine's root. dockerd reads ``/etc/docker/certs.d/HOST[:PORT]`` at each pull,
and every file of ``/etc/ssl/certs`` when it first needs one (Go's crypto/x509), so new authorities count for it
from its next start.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

from vm.errors import LinkError
from vm.guest.link_task import LinkTask
from vm.guest.stream import Link
from vm.host.certificates import own_authorities, to_pem

log = logging.getLogger(__name__)

AUTHORITIES = "etc/ssl/certs/slipway-host.pem"
REGISTRIES = "etc/docker/certs.d"
SYSTEM_REGISTRIES = Path("/etc/docker/certs.d")
KINDS = (".crt", ".cert", ".key")
"""What dockerd looks at there: authorities, client certificates, their keys."""

LARGEST = 1024 * 1024
"""Bytes of one file; a certificate has a few thousand."""

LOOK_SECONDS = 15.0
PUSH_SECONDS = 30.0
UNPACK = f"umask 077 && rm -rf /{REGISTRIES} /{AUTHORITIES} && tar -x -C /"

Archive = Callable[[], bytes]


def pack(certificates: Iterable[bytes], folders: Iterable[Path]) -> bytes:
    """The archive of certificates (DER) and of folders like ``certs.d``, the last before the others; blocks."""
    files = {}
    own = own_authorities(certificates)
    if own:
        files[AUTHORITIES] = b"".join(map(to_pem, own))
    for folder in folders:
        for path in sorted(folder.glob("*/*")):
            try:
                if path.suffix in KINDS and path.is_file() and path.stat().st_size <= LARGEST:
                    files[f"{REGISTRIES}/{path.parent.name}/{path.name}"] = path.read_bytes()
            except OSError as error:
                log.warning("%s is left out: %s", path, error)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600 if name.endswith(".key") else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def registry_folders() -> tuple[Path, ...]:
    """Where this computer keeps certificates for registries: the system's, then the user's."""
    named = os.environ.get("DOCKER_CONFIG")
    return SYSTEM_REGISTRIES, (Path(named) if named else Path.home() / ".docker") / "certs.d"


class Trust(LinkTask[Link]):
    """Keeps a running machine's trust at this computer's.

    :param archive: makes what is to be handed over; blocks.
    :ivar handed: what the machine has got.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.handed = b""

    async def work(self, way: Link) -> None:
        while True:
            archive = await asyncio.to_thread(self._archive)
            if archive != self.handed:
                try:
                    told = await way.run(UNPACK, input=archive, timeout=PUSH_SECONDS)
                except LinkError as error:
                    log.warning("certificates could not be handed over: %s", error.message)
                else:
                    self.handed = archive
                    log.info("certificates are handed over (exit %d)", told.exit_code)
            await asyncio.sleep(LOOK_SECONDS)  # there is no event that tells of a system's store on every system
