"""What registries are trusted with, handed to the machine: the host's own authorities, and Docker's ``certs.d``.

The guest's program ``trust`` (engine/rootfs) takes it over as a whole or not at all. dockerd reads
``/etc/docker/certs.d/HOST[:PORT]`` at each pull, and every file of ``/etc/ssl/certs`` when it first needs one
(Go's crypto/x509), so new authorities count for it from its next start.
"""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import os
import tarfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from engine.context_store import docker_folder
from vm.errors import LinkError
from vm.guest.link_task import LinkTask
from vm.guest.stream import Link
from vm.host.certificates import own_authorities, to_pem
from vm.host.optional_files import OptionalFiles

log = logging.getLogger(__name__)

AUTHORITIES = "etc/ssl/certs/slipway-host.pem"
REGISTRIES = "etc/docker/certs.d"
SYSTEM_REGISTRIES = Path("/etc/docker/certs.d")
KINDS = (".crt", ".cert", ".key")
"""What dockerd reads there: authorities, client certificates, their keys."""

LARGEST = 1024 * 1024
"""Bytes of one file; a certificate has a few thousand."""

LOOK_SECONDS = 15.0
PUSH_SECONDS = 30.0
PROGRAM = "/usr/lib/slipway/trust"

Archive = Callable[[], Awaitable[bytes]]


def pack(certificates: Iterable[bytes], folders: Iterable[Path], files: OptionalFiles) -> bytes:
    """The archive of certificates (DER) and of folders like ``certs.d``, the last before the others; blocks.

    :param files: reads the folders, and notes what is left out.
    """
    contents = {}
    own = own_authorities(certificates)
    if own:
        contents[AUTHORITIES] = b"".join(map(to_pem, own))
    for folder in folders:
        for path in [path for registry in files.folders(folder) for path in files.entries(registry)]:
            data = files.read(path, LARGEST) if path.suffix in KINDS else None
            if data is not None:
                contents[f"{REGISTRIES}/{path.parent.name}/{path.name}"] = data
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600 if name.endswith(".key") else 0o644
            try:
                tar.addfile(entry, io.BytesIO(content))
            except ValueError:  # of 256 bytes and more, or a part of more than 155: no registry is called so
                files.note(Path("/", name), OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG)))
    return made.getvalue()


def registry_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the host keeps certificates for registries: the system's, then the user's.

    :param environment: where DOCKER_CONFIG is looked up.
    """
    return SYSTEM_REGISTRIES, docker_folder(environment) / "certs.d"


class Trust(LinkTask[Link]):
    """Keeps what a running machine trusts the same as what the host trusts.

    :param archive: packs what is to be handed over.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def work(self, link: Link) -> None:
        """Hand the archive over now and whenever it changes.

        :raise LinkError: that failed; the task is started again, and tries again.
        """
        handed = b""
        while True:
            archive = await self._archive()
            if archive != handed:
                done = await link.run(PROGRAM, input=archive, timeout=PUSH_SECONDS)
                if done.exit_code != 0:
                    text = done.stderr.decode(errors="replace").strip()
                    raise LinkError("The certificates could not be handed over", detail=text)
                handed = archive
                log.info("certificates are handed over")
            await asyncio.sleep(LOOK_SECONDS)  # not every system reports changes of its store
