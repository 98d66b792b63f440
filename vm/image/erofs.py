"""Make a read-only file system of a folder: erofs, compressed, the same bytes for the same files."""

from __future__ import annotations

import uuid
from pathlib import Path

from vm.image.fetch import find_tool, run

NAMESPACE = uuid.UUID("6f0c3f43-0f0c-5a86-9d2e-6b1f0d7f5a51")
"""The erofs volume's UUID is made of this and the image's version."""


async def make_erofs(root: Path, target: Path, cluster: int, version: str) -> None:
    """Write the files below ``root``, all of them root's, to the file ``target``.

    :param cluster: bytes of the largest compressed cluster (mkfs.erofs(1), ``-C``).
    :param version: the image's content address.
    :raise ImageError: that is not possible; the detail is what mkfs.erofs said.
    """
    argv = [find_tool("mkfs.erofs"), "-zlz4hc", f"-C{cluster}", "-T0", f"-U{uuid.uuid5(NAMESPACE, version)}"]
    argv += ["-x-1", "--all-root", "--quiet", str(target), str(root)]
    await run(argv, "The file system cannot be made")
