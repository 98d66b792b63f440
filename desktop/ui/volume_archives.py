"""Volumes as files on the host: exported, imported, copied. What is interrupted leaves neither file nor volume."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, cast

from desktop.ui.archives import file_size
from engine.client import EngineClient
from engine.client.errors import NotFound
from engine.client.models import Progress
from engine.client.volume_files import VolumeFiles, copy_volume
from engine.client.whole_file import write_whole
from vm.errors import EngineError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMATS = "Archives (*.tar.zst *.tar.gz *.tgz *.tar);;All files (*)"
READABLE = "Archives (*.tar *.tar.zst *.tar.gz *.tgz *.tar.xz *.tar.bz2);;All files (*)"
ENDING = ".tar.zst"
PIECE = 2**20
GZIP_WINDOW = 31
"""zlib's number for gzip's format."""

OPENERS: Mapping[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x28\xb5\x2f\xfd": zstd.ZstdFile,
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
"""What a compressed file begins with → what reads it."""


class Compressor(Protocol):
    """What the compressors of the library have in common."""

    def compress(self, data: bytes, /) -> bytes:
        """Take some; return what has come of it."""

    def flush(self) -> bytes:
        """Return the rest."""


async def export_volume(engine: EngineClient, name: str, target: Path, size: int) -> AsyncGenerator[Progress]:
    """Write all that is in a volume to an archive, compressed as the file's name says.

    :param size: its bytes, about.    :raise EngineError: the file cannot be written.
    """
    files, count = VolumeFiles(engine, name), 0

    async def counted() -> AsyncGenerator[bytes]:
        nonlocal count
        async with aclosing(files.content()) as pieces:
            async for piece in pieces:
                yield piece
                count += len(piece)

    async with files.opened(), aclosing(write_whole(target, compressed(counted(), target))) as counts:
        async for _ in counts:
            yield Progress(name, "Read", count, max(size, count))


async def import_volume(engine: EngineClient, path: Path, name: str) -> AsyncGenerator[Progress]:
    """Make a volume of an archive.

    :raise EngineError: the file cannot be read, or is not an archive.
    """
    async with new_volume(engine, name), aclosing(fill_volume(engine, path, name)) as steps:
        async for step in steps:
            yield step


async def fill_volume(engine: EngineClient, path: Path, name: str) -> AsyncGenerator[Progress]:
    """Unpack an archive into a volume that exists."""
    files, total = VolumeFiles(engine, name), await asyncio.to_thread(file_size, path)
    read = [0]
    async with files.opened(), aclosing(files.fill(decompressed(path, read))) as counts:
        async for _ in counts:
            yield Progress(path.name, "Read", read[0], total)


async def clone_volume(engine: EngineClient, source: str, target: str, size: int) -> AsyncGenerator[Progress]:
    """Make a volume with the same content, and labels except compose's, which would make it one of the project's.

    :param size: its bytes, about.
    """
    labels = (await engine.volumes.inspect(source)).get("Labels") or {}
    mine = {key: value for key, value in labels.items() if not key.startswith("com.docker.")}
    async with new_volume(engine, target, labels=mine), aclosing(copy_volume(engine, source, target)) as counts:
        async for count in counts:
            yield Progress(source, "Copied", count, max(size, count))


@asynccontextmanager
async def new_volume(engine: EngineClient, name: str, **about: Any) -> AsyncIterator[None]:
    """Make a volume, which goes again when the block fails.

    :raise EngineError: there is one of that name.
    """
    with suppress(NotFound):
        await engine.volumes.inspect(name)
        raise EngineError(f"There is a volume “{name}” already", "Choose another name.")
    await engine.volumes.create(name, **about)
    try:
        yield
    except BaseException:
        with suppress(EngineError):  # the engine may be what failed
            await engine.volumes.remove(name)
        raise


async def compressed(pieces: AsyncGenerator[bytes], target: Path) -> AsyncGenerator[bytes]:
    """The same, compressed as a file's name says: ``.tar`` not at all, ``.gz`` by gzip, all else by Zstandard."""
    packer = _packer(target.name.lower())
    async with aclosing(pieces) as source:
        async for piece in source:
            if packer is None:
                yield piece
            elif packed := await asyncio.to_thread(packer.compress, piece):
                yield packed
    if packer is not None:
        yield await asyncio.to_thread(packer.flush)


async def decompressed(path: Path, read: list[int]) -> AsyncGenerator[bytes]:
    """What is in a file, whatever has compressed it. :param read: gets the bytes of the file that were read."""
    try:
        with path.open("rb") as source:
            begin = await asyncio.to_thread(source.read, max(map(len, OPENERS)))
            source.seek(0)
            opener = next((OPENERS[magic] for magic in OPENERS if begin.startswith(magic)), None)
            unpacked = opener(source) if opener is not None else source
            while piece := await asyncio.to_thread(unpacked.read, PIECE):
                yield piece
                read[0] = source.tell()
    except (zstd.ZstdError, lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise EngineError(f"{path.name} is damaged", "It cannot be decompressed.", str(error)) from error
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}", "", str(error)) from error


def _packer(name: str) -> Compressor | None:
    if name.endswith(".tar"):
        return None
    if name.endswith((".gz", ".tgz")):
        return cast(Compressor, zlib.compressobj(wbits=GZIP_WINDOW))
    return zstd.ZstdCompressor()
