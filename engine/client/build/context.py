"""The folder as a tar archive, made while it is sent: nothing is written twice, and big files stay on the disk.

As the docker command sends it: everything belongs to root, symbolic links stay links, sockets are left out.
The folder itself is the first entry: BuildKit takes for an archive only what has a whole header in its first 1024
bytes, which an entry with an extended header has not. A Dockerfile that .dockerignore leaves out comes along all
the same, or BuildKit would not find it.
"""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from pathlib import Path

from engine.client.build.ignore import read, walk
from vm.errors import EngineError

PIECE = 2**20
END = bytes(2 * tarfile.BLOCKSIZE)

KNOWS_OWNERS = hasattr(os, "getuid")
"""A system without them has no execute bits either; there every file can be executed, as docker has it."""


async def pieces(folder: Path, dockerfile: str) -> AsyncIterator[bytes]:
    """The archive of a folder, piece by piece.

    :param dockerfile: its path in the folder.    :raise EngineError: something in it cannot be read.
    """
    made = archive(folder, dockerfile)
    while piece := await asyncio.to_thread(next, made, b""):
        yield piece


def archive(folder: Path, dockerfile: str) -> Iterator[bytes]:
    """See :func:`pieces`."""
    waiting = b""
    tar = tarfile.TarFile(fileobj=io.BytesIO(), mode="w")  # makes the headers, holds nothing
    try:
        for name in chain((".",), walk(folder, read(folder, dockerfile), (dockerfile,))):
            for part in _entry(tar, folder, name):
                waiting += part
                if len(waiting) >= PIECE:
                    yield waiting
                    waiting = b""
    except OSError as error:
        raise EngineError(f"The folder cannot be read: {error}", "", repr(error)) from error
    yield waiting + END


def _entry(tar: tarfile.TarFile, folder: Path, name: str) -> Iterator[bytes]:
    path = folder / name
    info: tarfile.TarInfo | None = tar.gettarinfo(path, arcname=name)
    if info is None:  # a socket
        return
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = int(info.mtime)
    if not KNOWS_OWNERS:
        info.mode = info.mode & 0o755 | 0o111
    if info.islnk():  # the other name may be left out; each is a file of its own
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if info.isreg():
        yield from _contents(path, info.size)


def _contents(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as source:
        while left and (piece := source.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
    if left:
        raise EngineError(f"{path} became shorter while it was read", "Run the build again.")
    yield bytes(-size % tarfile.BLOCKSIZE)
