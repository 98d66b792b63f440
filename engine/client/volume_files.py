"""A volume: its files, and all that it holds as one archive that comes and goes.

dockerd has no calls for what is in a volume. It is seen through a container of ours that has the volume, the
machine's busybox and nothing else. dockerd's archives have owners, modes, links and capabilities. They lack other
extended attributes, although dockerd unpacks these: they are asked for, and put into the archive on its way.
"""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, cast

from engine.client import EngineClient
from engine.client.errors import ApiError, Conflict, NotFound, StreamBroken
from engine.client.files import PIECE, Chunks, ContainerFiles, open_tar
from engine.client.models import OURS
from vm.errors import EngineError

TOOLBOX = "/usr/bin/busybox"
"""Of Slipway's machine (``vm/image/recipe.toml``); static, so it runs where nothing else is."""

TOOLS = ("sh", "stat", "cat", "find", "getfattr", "rm")
INSIDE = "/volume"
LEFT_SECONDS = 60.0
"""A container of ours that has not begun for this long was left behind."""

HEAD = 2**16
"""Bytes of an archive that have its first entry, that of the volume's own folder."""

END = bytes(2 * tarfile.BLOCKSIZE)
"""What every whole tar archive ends with."""

ATTRIBUTES = ("/bin/sh", "-c", f"find {INSIDE} -exec getfattr -h {{}} + 2>/dev/null; [ $? -lt 126 ]")
CLEAR = ("/bin/find", INSIDE, "-mindepth", "1", "-maxdepth", "1", "-exec", "rm", "-rf", "--", "{}", "+")
_FILE = re.compile(rb"# file: (/volume.*?)\n(.*?)(?:\n\Z|\n(?=# file: /volume))", re.DOTALL)
_ATTRIBUTE = re.compile(
    rb'((?:user|security|system|trusted)\.[^=\n]+)="(.*?)"(?:\Z|\n(?=(?:user|security|system|trusted)\.|\Z))',
    re.DOTALL,
)
XATTR = "SCHILY.xattr."
"""The names of extended attributes in an archive begin with this; GNU tar has the same."""

Attributes = dict[str, dict[str, str]]
"""Name in the archive → what its header has beside the usual."""


class VolumeFiles(ContainerFiles):
    """A volume's files, while :meth:`hold` or :meth:`opened` lasts.

    The container lives as long as a connection to its input does, so it goes even when this process is killed; its
    image has no byte, and is removed with it or, after a crash, the next time. Lists leave out what carries
    :data:`OURS`.
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

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Be ready within a block."""
        async with aclosing(cast(Any, self.hold())) as holding:
            await anext(holding)
            yield

    async def content(self) -> AsyncGenerator[bytes]:
        """All that is in it as a tar archive, whose names begin with ``./``; its own folder is the first.

        :raise StreamBroken: it did not come to its end.
        """
        attributes = _attributes(await self._run(ATTRIBUTES))
        archive: AsyncGenerator[bytes] = _whole(self._engine.containers.get_archive(self._key, f"{INSIDE}/."))
        if attributes:
            archive = _with_attributes(archive, attributes)
        async with aclosing(archive) as pieces:
            async for piece in pieces:
                yield piece

    async def fill(self, archive: AsyncGenerator[bytes]) -> AsyncGenerator[int]:
        """Unpack a tar archive, such as :meth:`content` makes; yields the bytes sent so far.

        :raise EngineError: it is none.
        """
        async with aclosing(archive) as pieces:
            head = bytearray()
            async for piece in pieces:
                head += piece
                if len(head) >= HEAD:
                    break
            root = _root(bytes(head))
            async with aclosing(self._send(INSIDE, partial(_counted, bytes(head), pieces))) as counts:
                async for count in counts:
                    yield count
        if root is not None:  # dockerd leaves the folder that it unpacks into as it is
            root.name = INSIDE[1:]
            await self._engine.containers.put_archive(self._key, "/", root.tobuf(tarfile.PAX_FORMAT) + END)

    async def clear(self) -> None:
        """Remove all that is in it; its own folder stays as it is."""
        await self._run(CLEAR)

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


async def copy_volume(engine: EngineClient, source: str, target: str) -> AsyncGenerator[int]:
    """Put all that is in one volume into another, which is empty; yields the bytes copied so far."""
    one, other = VolumeFiles(engine, source), VolumeFiles(engine, target)
    async with one.opened(), other.opened(), aclosing(other.fill(one.content())) as counts:
        async for count in counts:
            yield count


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


async def _whole(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """An archive; dockerd reports no error while it sends one."""
    end = b""
    async with aclosing(cast(Any, pieces)) as source:
        async for piece in source:
            yield piece
            end = (end + piece)[-len(END) :]
    if end != END:
        raise StreamBroken("The engine's archive of the volume is not whole", detail=f"it ends with {end[-32:]!r}")


async def _counted(
    head: bytes, pieces: AsyncIterator[bytes], sent: Callable[[int], None]
) -> AsyncGenerator[bytes]:
    yield head
    sent(count := len(head))
    async for piece in pieces:
        yield piece
        sent(count := count + len(piece))


def _root(head: bytes) -> tarfile.TarInfo | None:
    """The entry of the folder that an archive was made of, if it begins with it."""
    try:
        with tarfile.open(fileobj=io.BytesIO(head), mode="r|") as tar:
            first = tar.next()
    except tarfile.TarError as error:
        raise EngineError("This is not a tar archive", "", str(error)) from error
    return first if first is not None and first.isdir() and first.name.strip("./") == "" else None


def _attributes(printed: bytes) -> Attributes:
    """What getfattr(1) of busybox prints: values as they are, between quotation marks."""
    found: Attributes = {}
    for path, lines in _FILE.findall(printed):
        name = "." + path.decode("utf-8", "surrogateescape").removeprefix(INSIDE)
        found[name] = {
            XATTR + key.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
            for key, value in _ATTRIBUTE.findall(lines)
        }
    return found


async def _with_attributes(archive: AsyncGenerator[bytes], attributes: Attributes) -> AsyncGenerator[bytes]:
    """The same archive, with more in the headers of these."""
    async with aclosing(archive) as chunks:
        source = Chunks(chunks)
        tar = await source.read_by(open_tar, source)
        while (member := await source.read_by(tar.next)) is not None:
            more = attributes.get(member.name, {}) if not member.islnk() else {}
            member.pax_headers = {**member.pax_headers, **more}
            yield member.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")
            file = tar.extractfile(member) if member.isreg() else None
            while file is not None and (piece := await source.read_by(file.read, PIECE)):
                yield piece
            if file is not None:
                yield bytes(-member.size % tarfile.BLOCKSIZE)
    yield END
