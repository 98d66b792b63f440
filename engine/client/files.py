"""Files of containers and of volumes: list a folder, bring files here, put files there.

A running container's shell lists a folder; without one the engine's archive does. That holds everything below the
folder, so it is read as a stream and only so far. A volume is shown by a container of ours (volume_files.py).
"""

from __future__ import annotations

import asyncio
import posixpath
import stat
import tarfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import aclosing, asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from engine.client import EngineClient
from engine.client.errors import Conflict, NotFound
from engine.client.whole_file import write_whole
from vm.errors import EngineError

T = TypeVar("T")

LIST = (
    "command -v stat >/dev/null || exit 127; stat -c '%F|%s|%Y|%A|%n' -- * .[!.]* ..?* 2>/dev/null; [ $? -lt 126 ]"
)
"""Run in the folder: kind, bytes, seconds since 1970, mode, name; one a line. stat(1) of busybox and coreutils."""

MOST_BYTES = 256 * 2**20
"""Of an archive that are read to list one folder."""

MOST_SECONDS = 20.0
CANNOT_BEGIN, NOT_FOUND = 126, 127
"""Exit codes of an exec whose program there is not."""

PIECE = 2**18
MOST_LINKS = 40
"""Symbolic links that are followed one after another, as Linux does (path_resolution(7))."""

CHANGED, ADDED, DELETED = CHANGES = ("Changed", "Added", "Deleted")
"""Of the engine's answer, by number (API: ContainerChanges)."""

NOWHERE = "This link points to nothing", "It points to itself, or the chain of links is too long."


@dataclass(frozen=True)
class Entry:
    """A file, folder or symbolic link.

    :ivar changed: seconds since 1970. :ivar mode: as ``ls -l`` has it.
    :ivar since: how it differs from the container's image: one of :data:`CHANGES`, or empty.
    """

    name: str
    folder: bool
    size: int
    changed: int
    mode: str
    link: bool = False
    since: str = ""


@dataclass(frozen=True)
class Held:
    """What is in a file. :ivar path: where it is, after symbolic links.    :ivar whole: whether that is all."""

    path: str
    info: tarfile.TarInfo
    data: bytes
    whole: bool

    @property
    def name(self) -> str:
        """Its name."""
        return posixpath.basename(self.path)


@dataclass(frozen=True)
class Listing:
    """What is in a folder. :ivar complete: False when it was too much to be read to its end."""

    entries: tuple[Entry, ...]
    complete: bool = True


class ContainerFiles:
    """One container's files, below ``root``."""

    def __init__(self, engine: EngineClient, key: str, root: str = "/") -> None:
        self._engine, self._key, self._root = engine, key, root

    async def hold(self) -> AsyncIterator[None]:
        """Be ready, and stay so while this is iterated."""
        yield None

    async def look(self, path: str) -> Listing:
        """What is in a folder.

        :raise EngineError: there is no such folder.
        """
        inside = self._inside(path)
        state = (await self._engine.containers.inspect(self._key))["State"]
        if state.get("Status") == "running":
            found = await self._ask_shell(inside)
            if found is not None:
                return Listing(tuple(found))
        try:
            return await self._read_archive(inside)
        except NotFound as error:
            raise EngineError(f"There is no folder {path}", "", error.detail) from error

    async def look_and_compare(self, path: str) -> Listing:
        """As :meth:`look`, with how the entries differ from the container's image; those it has deleted too."""
        found = await self.look(path)
        changes = {
            posixpath.basename(name): CHANGES[kind]
            for name, kind in (await self._engine.containers.changes(self._key)).items()
            if posixpath.dirname(name) == self._inside(path)
        }
        entries = [replace(entry, since=changes.pop(entry.name, "")) for entry in found.entries]
        gone = [Entry(name, False, 0, 0, "", since=DELETED) for name, what in changes.items() if what == DELETED]
        return replace(found, entries=(*entries, *gone))

    async def remove(self, *paths: str) -> None:
        """Delete files, and folders with all that is in them, by the container's own rm(1).

        :raise EngineError: it does not run, or has none.
        """
        try:
            await self._run(("rm", "-rf", "--", *map(self._inside, paths)))
        except Conflict as error:
            hint = "The engine cannot delete files of one that does not."
            raise EngineError("Start the container to delete files in it", hint, error.detail) from error

    async def read(self, path: str, most: int) -> Held:
        """What is in a file, or in the one that a symbolic link leads to.

        :param most: bytes that are read.    :raise EngineError: it is no file.
        """
        async with self._entry(self._inside(path)) as (where, tar, member, source):
            file = _file(tar, member)
            assert member is not None
            return Held(where, member, await source.read_by(file.read, most), member.size <= most)

    async def write(self, held: Held, data: bytes, expected: bytes | None) -> bool:
        """Put something else into a file; its owner and mode stay.

        :param expected: what has to be in it still; None: whatever.    :return: whether it was, and is written.
        """
        if expected is not None:
            now = await self.read(posixpath.relpath(held.path, self._root), len(expected) + 1)
            if now.data != expected:
                return False
        info = copy(held.info)
        info.name, info.size, info.mtime = held.name, len(data), int(time.time())
        archive = info.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape") + data
        archive += bytes(-len(data) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
        await self._engine.containers.put_archive(self._key, posixpath.dirname(held.path), archive)
        return True

    async def fetch(self, place: str, names: list[str], target: Path, most: int) -> list[Path]:
        """Bring entries of a folder to the host; folders with all that is in them.

        :param most: bytes that are read of each.    :raise EngineError: it is more.
        """
        for name in names:
            inside = self._inside(posixpath.join(place, name))
            chunks = self._engine.containers.get_archive(self._key, inside)
            source = Chunks(chunks, most_bytes=most)
            async with aclosing(cast(Any, chunks)):
                try:
                    await source.read_by(_unpack, source, target)
                except (OSError, tarfile.TarError) as error:
                    if not source.cut:
                        raise EngineError(f"{name} cannot be copied", "", str(error)) from error
            if source.cut:  # tarfile takes some places where it is cut for the archive's end
                raise EngineError(f"{name} is too much to be dragged", "Download it instead.")
        return [target / name for name in names]

    async def download(self, path: str, target: Path, *, folder: bool) -> AsyncIterator[int]:
        """Bring a file, or a folder as a tar archive, to the host; nothing half-written is left.

        :param folder: it is one. Of a symbolic link comes what it leads to, whatever that is.

        :return: bytes written so far, again and again.
        """
        inside = self._inside(path)
        pieces = self._engine.containers.get_archive(self._key, inside) if folder else self._contents(inside)
        async with aclosing(write_whole(target, pieces)) as counts:
            async for count in counts:
                yield count

    async def upload(self, path: str, files: list[Path]) -> AsyncIterator[int]:
        """Copy files and folders of the host into a folder.

        :return: bytes sent so far, again and again.
        """
        async with aclosing(self._send(self._inside(path), partial(_archive, files))) as counts:
            async for count in counts:
                yield count

    async def _send(
        self, inside: str, archive: Callable[[Callable[[int], None]], AsyncIterator[bytes]]
    ) -> AsyncGenerator[int]:
        """Unpack an archive, which is given a function for what is sent of it; yields that."""
        sent: asyncio.Queue[int] = asyncio.Queue()
        pieces = archive(sent.put_nowait)
        work = asyncio.create_task(self._engine.containers.put_archive(self._key, inside, pieces))
        try:
            while not work.done():
                news = asyncio.create_task(sent.get())
                await asyncio.wait((work, news), return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    yield news.result()
                news.cancel()
            await work
        except OSError as error:
            raise EngineError(f"{error.filename} cannot be read: {error.strerror}", "", str(error)) from error
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _contents(self, path: str) -> AsyncIterator[bytes]:
        """What is in a file, piece by piece; a symbolic link is followed, to a folder too: to its archive."""
        async with self._entry(path) as (where, tar, member, source):
            if member is None or not member.isdir():
                file = _file(tar, member)
                while piece := await source.read_by(file.read, PIECE):
                    yield piece
                return
        async with aclosing(cast(Any, self._engine.containers.get_archive(self._key, where))) as archive:
            async for piece in archive:
                yield piece

    @asynccontextmanager
    async def _entry(
        self, path: str
    ) -> AsyncIterator[tuple[str, tarfile.TarFile, tarfile.TarInfo | None, Chunks]]:
        """A file or folder, symbolic links followed: where it is, and its archive after the first entry."""
        for _ in range(MOST_LINKS):
            chunks = self._engine.containers.get_archive(self._key, path)
            source = Chunks(chunks)
            async with aclosing(cast(Any, chunks)):
                tar = await source.read_by(open_tar, source)
                member = await source.read_by(tar.next)  # its first; a stream has no way back
                if member is None or not member.issym():
                    yield path, tar, member, source
                    return
                path = self._led(path, member.linkname)
        raise EngineError(*NOWHERE)

    def _led(self, path: str, link: str) -> str:
        """Where a symbolic link leads.

        :raise EngineError: out of what is shown here.
        """
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
        if not found.startswith(self._root):
            raise EngineError(f"This link points to {link}", "Its target is outside this volume.")
        return found

    def _inside(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._root, path.lstrip("/")))

    async def _run(self, command: Sequence[str]) -> bytes:
        """What a command in the container prints.

        :raise EngineError: it failed.
        """
        made = await self._engine.containers.exec(self._key, command, User="0")
        printed: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        async with await made.start() as duplex:
            await duplex.write_eof()
            async for frame in duplex.frames():
                printed[frame.stream] += frame.data
        if code := (await made.inspect()).get("ExitCode"):
            words = (printed[2] or printed[1]).decode(errors="replace").strip()
            if code in (CANNOT_BEGIN, NOT_FOUND):
                raise EngineError(f"The container has no “{command[0]}”", "", words)
            raise EngineError(words.splitlines()[0] if words else f"{command[0]} failed", "", words)
        return bytes(printed[1])

    async def _ask_shell(self, path: str) -> list[Entry] | None:
        """None when there is no shell, or no ``stat``, in the container."""
        try:
            made = await self._engine.containers.exec(self._key, ["/bin/sh", "-c", LIST], WorkingDir=path)
            output = b""
            async with await made.start() as duplex:
                await duplex.write_eof()
                async for frame in duplex.frames():
                    output += frame.data if frame.stream == 1 else b""
        except EngineError:
            return None
        if (await made.inspect()).get("ExitCode"):
            return None
        return [entry for line in output.decode(errors="replace").splitlines() for entry in _told(line)]

    async def _read_archive(self, path: str) -> Listing:
        for _ in range(MOST_LINKS):
            async with aclosing(cast(Any, self._engine.containers.get_archive(self._key, path))) as chunks:
                source = Chunks(chunks, MOST_SECONDS)
                found = await source.read_by(_entries, source, path)
            if not isinstance(found, str):
                return Listing(tuple(found), not source.cut)
            path = self._led(path, found)
        raise EngineError(*NOWHERE)


class Chunks:
    """An asynchronous stream as a file that a thread reads; it ends early when there is too much."""

    def __init__(
        self, chunks: AsyncIterator[bytes], most_seconds: float | None = None, most_bytes: int | None = None
    ) -> None:
        self._chunks, self._loop = chunks, asyncio.get_running_loop()
        self._most = most_bytes
        self._deadline = None if most_seconds is None else time.monotonic() + most_seconds
        self._data = bytearray()
        self._count = 0
        self._next: Future[bytes] | None = None
        self.cut = False

    async def read_by(self, work: Callable[..., T], *args: Any) -> T:
        """Let a thread do something that reads; cancelling this ends the stream under it, and waits for it."""
        thread = asyncio.ensure_future(asyncio.to_thread(work, *args))
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            self.cut = True
            if self._next is not None:
                self._next.cancel()
            await asyncio.wait((thread,))
            raise

    def read(self, size: int) -> bytes:
        """That many bytes; fewer at the end only. For the thread."""
        while len(self._data) < size and not self.cut:
            self._next = asyncio.run_coroutine_threadsafe(anext(self._chunks, b""), self._loop)
            try:
                chunk = self._next.result()
            except CancelledError:
                break
            if not chunk:
                break
            self._data += chunk
            self._count += len(chunk)
            if self._most is not None:
                self.cut = self._count > self._most
            if self._deadline is not None:
                self.cut = time.monotonic() > self._deadline or self._count > MOST_BYTES
        found = bytes(self._data[:size])
        del self._data[:size]
        return found


def open_tar(source: Chunks) -> tarfile.TarFile:
    """An archive to be read once, from its beginning; for the thread."""
    return tarfile.open(fileobj=cast(IO[bytes], source), mode="r|")


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> IO[bytes]:
    """What is in an entry."""
    file = tar.extractfile(member) if member is not None and member.isfile() else None
    if file is None:
        raise EngineError("This is not a file", "Only files and folders can be copied.")
    return file


def _unpack(source: Chunks, target: Path) -> None:
    """For the thread: files, folders, and links that stay within the folder; of all else nothing."""

    def kept(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        try:
            return tarfile.data_filter(member, path)
        except tarfile.FilterError:
            return None

    with open_tar(source) as tar:
        tar.extractall(target, filter=kept)


def _entries(source: Chunks, path: str) -> list[Entry] | str:
    """What is in the folder, or where a symbolic link leads."""
    entries: dict[str, Entry] = {}
    try:
        with open_tar(source) as tar:
            for number, member in enumerate(tar):
                if number == 0 and member.issym():
                    return member.linkname
                if number == 0 and not member.isdir():
                    raise EngineError(f"{path} is not a folder")
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                inside = parts[1:] if path != "/" else parts
                if len(inside) == 1:
                    mode = stat.filemode(member.mode | _KINDS.get(member.type, 0))
                    entries[inside[0]] = Entry(
                        inside[0], member.isdir(), member.size, int(member.mtime), mode, member.issym()
                    )
    except tarfile.TarError as error:
        if not source.cut:
            raise EngineError(f"{path} cannot be listed", "", str(error)) from error
    return list(entries.values())


_KINDS = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.REGTYPE: stat.S_IFREG}
"""A tar member's type → the bits of stat(2) that say so."""


def _told(line: str) -> list[Entry]:
    parts = line.split("|", 4)
    if len(parts) != 5 or not (parts[1].isdigit() and parts[2].isdigit()):
        return []  # a name with a line break in it
    kind, count, changed, mode, name = parts
    return [Entry(name, kind == "directory", int(count), int(changed), mode, kind == "symbolic link")]


def bytes_of(files: list[Path]) -> int:
    """Bytes of files, and of all that is in folders. It waits for the disk."""
    return sum(file.lstat().st_size for file, _ in _walk(files) if file.is_file() and not file.is_symlink())


def _walk(files: list[Path]) -> Iterator[tuple[Path, str]]:
    """Each file and folder, and what is below it, with the name it gets; a folder before what is in it."""
    for file in files:
        found = file.resolve()  # of what was chosen, not of what is in it: that stays a link
        yield found, file.name
        if found.is_dir():
            for inner in sorted(found.rglob("*")):
                yield inner, f"{file.name}/{inner.relative_to(found).as_posix()}"


async def _archive(files: list[Path], sent: Callable[[int], None]) -> AsyncIterator[bytes]:
    count = 0
    for file, name in await asyncio.to_thread(lambda: list(_walk(files))):
        info = await asyncio.to_thread(_header, file, name)
        if info is None:
            continue
        yield info.tobuf(tarfile.PAX_FORMAT)
        if not info.isfile():
            continue
        with file.open("rb") as source:
            while piece := await asyncio.to_thread(source.read, PIECE):
                yield piece
                count += len(piece)
                sent(count)
        yield b"\0" * (-info.size % tarfile.BLOCKSIZE)
    yield b"\0" * 2 * tarfile.BLOCKSIZE


def _header(file: Path, name: str) -> tarfile.TarInfo | None:
    """None of what is no file, folder or link, such as a socket: it cannot be carried."""
    info = tarfile.TarInfo(name)
    about = file.lstat()
    info.mtime, info.mode = int(about.st_mtime), stat.S_IMODE(about.st_mode)
    if stat.S_ISLNK(about.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, str(file.readlink())
    elif stat.S_ISDIR(about.st_mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISREG(about.st_mode):
        info.size = about.st_size
    else:
        return None
    return info
