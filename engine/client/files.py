"""Files of containers and of volumes: list a folder, bring files here, put files there.

A running container's shell lists a folder; without one the engine's archive does. That holds everything below the
folder, so it is read as a stream and only so far. A volume is shown by a container of ours (:class:`Volume`).
"""

from __future__ import annotations

import asyncio
import posixpath
import stat
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from engine.client import EngineClient
from engine.client.errors import ApiError, Conflict, NotFound
from engine.client.models import OURS
from vm.errors import EngineError

T = TypeVar("T")

LIST = (
    "command -v stat >/dev/null || exit 127; stat -c '%F|%s|%Y|%A|%n' -- * .[!.]* ..?* 2>/dev/null; [ $? -lt 126 ]"
)
"""Run in the folder: kind, bytes, seconds since 1970, mode, name; one a line. stat(1) of busybox and coreutils."""

MOST_BYTES = 256 * 2**20
"""Of an archive that are read to list one folder."""

MOST_SECONDS = 20.0
PIECE = 2**18
MOST_LINKS = 40
"""Symbolic links that are followed one after another, as Linux does (path_resolution(7))."""

NOWHERE = "This link points to nothing", "It points to itself, or the chain of links is too long."

TOOLBOX = "/usr/bin/busybox"
"""Of Slipway's machine (``vm/image/recipe.toml``); static, so it runs where nothing else is."""

TOOLS = ("sh", "stat", "cat")
INSIDE = "/volume"
LEFT_SECONDS = 60.0
"""A container of ours that has not begun for this long was left behind."""


@dataclass(frozen=True)
class Entry:
    """A file, folder or symbolic link. :ivar changed: seconds since 1970. :ivar mode: as ``ls -l`` has it."""

    name: str
    folder: bool
    size: int
    changed: int
    mode: str
    link: bool = False


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

    async def download(self, path: str, target: Path, *, folder: bool) -> AsyncIterator[int]:
        """Bring a file, or a folder as a tar archive, to the host; nothing half-written is left.

        :param folder: it is one. Of a symbolic link comes what it leads to, whatever that is.

        :return: bytes written so far, again and again.
        """
        part = target.with_name(target.name + ".part")
        inside = self._inside(path)
        pieces = self._engine.containers.get_archive(self._key, inside) if folder else self._contents(inside)
        count = 0
        try:
            with part.open("wb") as out:
                async with aclosing(cast(Any, pieces)) as source:
                    async for piece in source:
                        count += await asyncio.to_thread(out.write, piece)
                        yield count
            part.replace(target)  # a rename does not wait
            yield count
        except OSError as error:
            raise EngineError(f"{target} cannot be written: {error.strerror}", "", str(error)) from error
        finally:
            part.unlink(missing_ok=True)

    async def upload(self, path: str, files: list[Path]) -> AsyncIterator[int]:
        """Copy files and folders of the host into a folder.

        :return: bytes sent so far, again and again.
        """
        sent: asyncio.Queue[int] = asyncio.Queue()
        work = asyncio.create_task(
            self._engine.containers.put_archive(self._key, self._inside(path), _archive(files, sent.put_nowait))
        )
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

    async def _contents(self, path: str) -> AsyncIterator[bytes]:
        """What is in a file, piece by piece; a symbolic link is followed, to a folder too: to its archive."""
        for _ in range(MOST_LINKS):
            chunks = self._engine.containers.get_archive(self._key, path)
            source = Chunks(chunks)
            async with aclosing(cast(Any, chunks)):
                tar = await source.read_by(_tar, source)
                member = await source.read_by(tar.next)  # its first; a stream has no way back
                if member is not None and member.issym():
                    path = self._led(path, member.linkname)
                    continue
                if member is not None and member.isdir():
                    break
                file = tar.extractfile(member) if member is not None and member.isfile() else None
                if file is None:
                    raise EngineError("This is not a file", "Only files and folders can be copied.")
                while piece := await source.read_by(file.read, PIECE):
                    yield piece
                return
        else:
            raise EngineError(*NOWHERE)
        async with aclosing(cast(Any, self._engine.containers.get_archive(self._key, path))) as archive:
            async for piece in archive:
                yield piece

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


class Volume(ContainerFiles):
    """A volume's files, through a container of ours that has the volume, the machine's busybox and nothing else.

    It lives as long as a connection to its input does, so it goes even when this process is killed; its image has
    no byte, and is removed with it or, after a crash, the next time. Lists leave out what carries :data:`OURS`.
    """

    def __init__(self, engine: EngineClient, name: str) -> None:
        super().__init__(engine, "", INSIDE)
        self._name = name

    async def hold(self) -> AsyncIterator[None]:
        await sweep(self._engine)
        image = await self._engine.images.make_empty({OURS: "volume"})
        key = ""
        try:
            key = self._key = await self._engine.containers.create(self._config(image))
            async with await self._engine.containers.attach(key) as line:
                await self._engine.containers.start(key)
                yield None
                async for _ in line.frames():
                    pass  # it prints nothing: this waits for its end
        finally:
            await self._leave(key, image)

    async def _leave(self, key: str, image: str) -> None:
        """Remove the container, which goes by itself when its input ends, and its image."""
        try:
            if key:
                try:
                    await self._engine.containers.remove(key, force=True)
                except Conflict:  # it is going already
                    await self._engine.containers.wait(key, "removed")
        except NotFound:
            key = ""  # it has gone
        except EngineError:
            return  # the engine is away; what is left is swept the next time
        await self._engine.images.remove(image)

    def _config(self, image: str) -> dict[str, Any]:
        tools = [{"Type": "bind", "Source": TOOLBOX, "Target": f"/bin/{name}", "ReadOnly": True} for name in TOOLS]
        volume = {"Type": "volume", "Source": self._name, "Target": INSIDE, "VolumeOptions": {"NoCopy": True}}
        return {
            "Image": image,
            "Cmd": ["/bin/cat"],
            "Env": ["PATH=/bin"],
            "Labels": {OURS: "volume"},
            "OpenStdin": True,
            "StdinOnce": True,
            "HostConfig": {"AutoRemove": True, "NetworkMode": "none", "Mounts": [volume, *tools]},
        }


async def sweep(engine: EngineClient) -> None:
    """Remove what a window that was killed has left of ours."""
    wanted = {"label": [OURS]}
    for container in await engine.containers.list(all=True, filters=wanted):
        if container.state != "running" and time.time() - container.created > LEFT_SECONDS:
            await engine.containers.remove(container.id, force=True)
    for image in await engine.images.list(filters=wanted):
        try:
            await engine.images.remove(image.id)
        except ApiError:
            continue  # another window uses it


class Chunks:
    """An asynchronous stream as a file that a thread reads; it ends early when there is too much."""

    def __init__(self, chunks: AsyncIterator[bytes], most_seconds: float | None = None) -> None:
        self._chunks, self._loop = chunks, asyncio.get_running_loop()
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
            if self._deadline is not None:
                self.cut = time.monotonic() > self._deadline or self._count > MOST_BYTES
        found = bytes(self._data[:size])
        del self._data[:size]
        return found


def _tar(source: Chunks) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], source), mode="r|")


def _entries(source: Chunks, path: str) -> list[Entry] | str:
    """What is in the folder, or where a symbolic link leads."""
    entries: dict[str, Entry] = {}
    try:
        with _tar(source) as tar:
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
