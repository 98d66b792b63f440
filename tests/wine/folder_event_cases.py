"""Cases for changes of files on Windows, run as folder_cases.py is."""

from __future__ import annotations

import asyncio
import ctypes
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from engine.file_events.file_event import FileEvent, Kind, encode_event
from engine.file_events.mounts_in_use import MountsInUse
from engine.file_events.watcher import Watcher

IS_WINE = hasattr(ctypes.CDLL("ntdll"), "wine_get_version")


class Watched:
    """A watched folder. :ivar root: the folder, by its real name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.watcher = Watcher()
        self.seen: list[FileEvent] = []

    async def until(self, done: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(10):
                while not done():
                    await self.watcher.news.wait()
                    self.seen += self.watcher.take()
        except TimeoutError:
            raise AssertionError(f"{what} was not reported, but: {self.seen}") from None

    async def expect(self, kind: Kind, name: str, target: str = "", *, folder: bool = False) -> None:
        """This event comes."""
        goal = str(self.root / target) if target else ""
        wanted = FileEvent(kind, str(self.root / name), goal, folder)
        await self.until(lambda: wanted in self.seen, f"{wanted}")
        self.seen.clear()


async def test_files(watched: Watched) -> None:
    root = watched.root
    (root / "größe 漢字").write_text("x")
    await watched.expect(Kind.CREATE, "größe 漢字")
    (root / "größe 漢字").write_text("more")
    await watched.expect(Kind.MODIFY, "größe 漢字")
    (root / "größe 漢字").rename(root / "other")
    await watched.expect(Kind.MOVE, "größe 漢字", "other")
    (root / "other").unlink()
    await watched.expect(Kind.DELETE, "other")


async def test_folders(watched: Watched) -> None:
    root = watched.root
    (root / "folder").mkdir()
    await watched.expect(Kind.CREATE, "folder", folder=True)
    (root / "folder" / "file").write_text("x")
    await watched.expect(Kind.CREATE, r"folder\file")
    (root / "folder").rename(root / "moved")
    await watched.expect(Kind.MOVE, "folder", "moved", folder=True)
    (root / "moved" / "file").unlink()
    await watched.expect(Kind.DELETE, r"folder\file" if IS_WINE else r"moved\file")  # Wine keeps the old name


async def test_moves_between_folders(watched: Watched) -> None:
    """Wine reports the half of it that is in the folder it looks at."""
    root = watched.root
    if IS_WINE:
        return
    for name in ("a", "b"):
        (root / name).mkdir()
    (root / "a" / "file").write_text("x")
    await watched.expect(Kind.CREATE, r"a\file")
    (root / "a" / "file").rename(root / "b" / "other")
    await watched.expect(Kind.MOVE, r"a\file", r"b\other")
    (root / "a").rename(root / "b" / "a")
    await watched.expect(Kind.MOVE, "a", r"b\a", folder=True)
    (root / "b" / "a").rmdir()
    await watched.expect(Kind.DELETE, r"b\a", folder=True)


async def test_reading_is_no_change(watched: Watched) -> None:
    (watched.root / "file").write_text("x")
    await watched.expect(Kind.CREATE, "file")
    assert (watched.root / "file").read_text() == "x"
    os.utime(watched.root / "file", (1, (watched.root / "file").stat().st_mtime))
    (watched.root / "last").touch()
    await watched.until(lambda: any(one.path.endswith("last") for one in watched.seen), "the last one")
    events = [one for one in watched.seen if one.path.endswith("file") and one.kind is not Kind.MODIFY]
    assert events == []


async def test_what_the_guest_is_sent(watched: Watched) -> None:
    (watched.root / "file").write_text("four")
    os.utime(watched.root / "file", (5, 6))
    change = FileEvent(Kind.MODIFY, str(watched.root / "file"))
    kind, share, path, target, mode, size, modified, *_ = encode_event(change, str(watched.root)).split(b"\0")
    assert (kind, path, target, mode, size) == (b"modify", b"file", b"", b"100777", b"4")
    assert share.startswith(b"/c/")
    assert int(modified) == 6 * 10**9


async def test_a_watched_folder_that_goes(watched: Watched) -> None:
    """Another one in its place is watched."""
    inner = watched.root / "inner"
    inner.mkdir()
    used = MountsInUse(trees=frozenset({str(inner)}))
    assert await asyncio.to_thread(watched.watcher.watch, used)
    inner.rename(watched.root / "elsewhere")
    assert not await asyncio.to_thread(watched.watcher.watch, used)
    inner.mkdir()
    assert await asyncio.to_thread(watched.watcher.watch, used)
    (inner / "file").touch()
    await watched.expect(Kind.CREATE, r"inner\file")


async def main() -> None:
    """All of them."""
    for name, run in list(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                watched = Watched(Path(os.path.realpath(folder)))
                used = MountsInUse(trees=frozenset({str(watched.root)}))
                try:
                    assert await asyncio.to_thread(watched.watcher.watch, used), watched.watcher.unwatched
                    await run(watched)
                finally:
                    await asyncio.to_thread(watched.watcher.close)
            print(f"passed {name}")


if __name__ == "__main__":
    asyncio.run(main())
