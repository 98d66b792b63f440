"""Changes of the host's files: what is left out, how it is written, which folders matter, and a real watcher."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import InotifyEvent, InotifyFD

from engine.file_events.event_sender import LEASE_SECONDS, EventSender
from engine.file_events.file_event import FileEvent, Kind, coalesce, drop_mountpoints, encode_event, encode_lease
from engine.file_events.mounts_in_use import MountsInUse, mounts_in_use, share_of
from engine.file_events.watcher import Watcher, is_local
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import LinkError

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")
"""watchdog says so when a folder came while it was walking, and goes on; as an error it would end its thread."""


def create(path: str) -> FileEvent:
    return FileEvent(Kind.CREATE, path)


def write(path: str) -> FileEvent:
    return FileEvent(Kind.WRITE, path)


def modify(path: str) -> FileEvent:
    return FileEvent(Kind.MODIFY, path)


def delete(path: str) -> FileEvent:
    return FileEvent(Kind.DELETE, path)


def move(path: str, target: str) -> FileEvent:
    return FileEvent(Kind.MOVE, path, target)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([], []),
        ([modify("a"), modify("a"), modify("b"), modify("a")], [modify("a"), modify("b")]),
        ([create("a"), modify("a"), modify("a")], [write("a")]),
        ([create("a"), modify("a"), delete("a")], []),
        ([create("a"), create("b"), modify("a"), delete("a"), modify("b")], [write("b")]),
        ([delete("a"), create("a"), modify("a")], [delete("a"), write("a")]),
        ([create("a"), delete("a"), modify("a")], [modify("a")]),
        ([create("a"), delete("a"), create("a")], [create("a")]),
        ([create("d"), create("d/a"), create("d/a")], [create("d"), create("d/a")]),
        (
            [create("d/a"), FileEvent(Kind.MOVE, "d", "e", folder=True), create("d/a")],
            [create("d/a"), FileEvent(Kind.MOVE, "d", "e", folder=True), create("d/a")],
        ),
        (
            [create("d/a"), FileEvent(Kind.MOVE, "d", "e", folder=True), modify("d/a")],
            [create("d/a"), FileEvent(Kind.MOVE, "d", "e", folder=True), modify("d/a")],
        ),
        ([modify("a"), delete("a")], [modify("a"), delete("a")]),
        (
            [create("t"), modify("t"), move("t", "a"), modify("a")],
            [write("t"), move("t", "a"), modify("a")],
        ),
        ([create("t"), move("t", "a"), delete("t")], [create("t"), move("t", "a"), delete("t")]),
        ([modify("a"), move("b", "a"), modify("a")], [modify("a"), move("b", "a"), modify("a")]),
    ],
)
def test_coalescing(changes: list[FileEvent], left: list[FileEvent]) -> None:
    assert coalesce(changes) == left


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (modify("f"), [modify("f")]),
        (delete("f"), []),
        (create("f"), [modify("f")]),
        (move("t", "f"), [delete("t"), modify("f")]),
        (move("f", "x"), [modify("x")]),
        (FileEvent(Kind.MOVE, "d", "x", folder=True), [FileEvent(Kind.CREATE, "x", folder=True)]),
        (FileEvent(Kind.CREATE, "d", folder=True), []),
        (FileEvent(Kind.DELETE, "d", folder=True), []),
        (move("a", "b"), [move("a", "b")]),
    ],
)
def test_what_is_mounted_itself_does_not_go(change: FileEvent, left: list[FileEvent]) -> None:
    assert list(drop_mountpoints([change], {"f", "d"})) == left


# -- written for the guest ----------------------------------------------------------------------------------------


def fields(data: bytes) -> list[str]:
    assert data.endswith(b"\0")
    found = data[:-1].split(b"\0")
    assert len(found) == 10
    return [field.decode("utf-8", "surrogateescape") for field in found]


def test_a_record(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "ü b"
    file.parent.mkdir()
    file.write_text("four")
    found = file.stat()
    told = fields(encode_event(modify(str(file)), str(tmp_path)))
    assert told[:4] == ["modify", str(tmp_path), "sub/ü b", ""]
    assert told[4:8] == [f"{found.st_mode:o}", "4", str(found.st_mtime_ns), str(found.st_ctime_ns)]
    assert found.st_ctime_ns < int(told[8])
    assert told[9] == "1"


def test_a_move_has_both_names_and_what_is_there_now(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("content")
    told = fields(encode_event(move(f"{tmp_path}/old", f"{tmp_path}/new"), str(tmp_path)))
    assert told[2:4] == ["old", "new"]
    assert told[5] == "7"


def test_a_move_out_of_the_share_and_one_to_what_is_gone_again(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "share").mkdir()
    share = str(tmp_path / "share")
    for target in (f"{tmp_path}/other", f"{share}/gone"):
        told = fields(encode_event(move(f"{share}/old", target), share))
        assert told[0] == "delete"
        assert told[2:4] == ["old", ""]


def test_what_is_gone_already_is_not_told(tmp_path: Path) -> None:
    assert encode_event(create(f"{tmp_path}/x"), str(tmp_path)) == b""
    assert encode_event(modify(f"{tmp_path}/x"), str(tmp_path)) == b""
    for folder, kind in ((True, stat.S_IFDIR), (False, stat.S_IFREG)):
        told = fields(encode_event(FileEvent(Kind.DELETE, f"{tmp_path}/x", folder=folder), str(tmp_path)))
        assert stat.S_IFMT(int(told[4], 8)) == kind


def test_what_is_there_again_by_now_is_told_with_its_time(tmp_path: Path) -> None:
    """So that the guest can tell a file that a container has replaced from one that the host has."""
    (tmp_path / "x").touch()
    gone = FileEvent(Kind.DELETE, f"{tmp_path}/x")
    for change in (gone, move(f"{tmp_path}/x", f"{tmp_path}/y")):
        told = fields(encode_event(change, str(tmp_path)))
        assert told[0] == "delete"
        assert int(told[7]) == (tmp_path / "x").stat().st_ctime_ns
    (tmp_path / "x").unlink()
    assert fields(encode_event(gone, str(tmp_path)))[7] == "0"


def test_a_lease(tmp_path: Path) -> None:
    told = fields(encode_lease(f"{tmp_path}/tree", str(tmp_path), 9))
    assert told[:8] == ["lease", str(tmp_path), "tree", "", "0", "9", "0", "0"]
    assert int(told[8]) > 0
    assert len(told) == 10
    assert fields(encode_lease(str(tmp_path), str(tmp_path), 0))[2] == ""


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/a\xff")
    Path(path).touch()
    assert b"\0a\xff\0" in encode_event(create(path), str(tmp_path))


# -- what is used -------------------------------------------------------------------------------------------------


def test_what_running_containers_mount(tmp_path: Path) -> None:
    for name in ("project/src", "other", "single"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("single/file", "project/file"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "other")
    (tmp_path / "out").symlink_to("/usr")
    sources = ["project", "project/src", "other", "single/file", "project/file"]
    mounts = [{"Type": "bind", "Source": f"{tmp_path}/{name}"} for name in (*sources, "link", "out")]
    mounts += [{"Type": "bind", "Source": "/run/docker.sock"}, {"Type": "volume", "Source": f"{tmp_path}/volume"}]
    found = mounts_in_use(mounts, [str(tmp_path)])
    assert found.trees == {f"{tmp_path}/project", f"{tmp_path}/other"}
    assert found.files == {f"{tmp_path}/single/file"}
    assert found.held == {f"{tmp_path}/{name}" for name in sources}
    assert found.covers(f"{tmp_path}/project/x/y")
    assert found.covers(f"{tmp_path}/single/file")
    assert not found.covers(f"{tmp_path}/single/other")
    assert not found.covers(f"{tmp_path}/projects")


def test_places_in_the_machine() -> None:
    assert share_of("/data/x", ["/home", "/data"]) == "/data"
    assert share_of("/x", ["/data"]) is None


# -- a real watcher -----------------------------------------------------------------------------------------------


@pytest.fixture
async def watcher(tmp_path: Path) -> AsyncIterator[Watcher]:
    (tmp_path / "tree" / "ours").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    made = Watcher((str(tmp_path / "tree" / "ours"),))
    trees = MountsInUse(frozenset({f"{tmp_path}/tree"}), frozenset({f"{tmp_path}/files/one"}), frozenset())
    assert await asyncio.to_thread(made.watch, trees)
    yield made
    await asyncio.to_thread(made.close)


async def gathered(watcher: Watcher, enough: Callable[[list[FileEvent]], bool]) -> list[FileEvent]:
    found: list[FileEvent] = []
    async with asyncio.timeout(20):
        while not enough(found):
            await watcher.news.wait()
            found += watcher.take()
    return coalesce(found)


async def test_a_watcher_tells_what_happens_in_order(watcher: Watcher, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "ours" / "log").write_text("not of interest")
    (tree / "folder").mkdir()
    (tree / "a").write_text("x")
    (tree / "a").rename(tree / "b")
    (tree / "b").write_text("more")
    (tree / "b").unlink()
    (tmp_path / "files" / "two").touch()
    (tmp_path / "files" / "one").write_text("x")
    ends = {(Kind.DELETE, f"{tree}/b"), (Kind.MODIFY, f"{tmp_path}/files/one")}  # of two watches, in any order
    changes = await gathered(watcher, lambda found: ends <= {(change.kind, change.path) for change in found})
    told = [(change.kind, change.path.removeprefix(f"{tmp_path}/")) for change in changes if not change.folder]
    assert [one for one in told if one[1] in ("tree/a", "tree/b")] == [
        (Kind.WRITE, "tree/a"),
        (Kind.MOVE, "tree/a"),
        (Kind.MODIFY, "tree/b"),
        (Kind.DELETE, "tree/b"),
    ]
    assert {path for _, path in told} == {"tree/a", "tree/b", "files/one"}
    assert create(f"{tree}/folder") in [FileEvent(change.kind, change.path) for change in changes if change.folder]


async def test_a_tree_that_is_made_at_once_is_told_whole(watcher: Watcher, tmp_path: Path) -> None:
    deep = tmp_path / "tree" / "x" / "y" / "z"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    changes = await gathered(watcher, lambda found: any(change.path == f"{deep}/file" for change in found))
    made = [change.path for change in coalesce(changes) if change.kind is Kind.CREATE]
    assert made == [f"{tmp_path}/tree/x", f"{tmp_path}/tree/x/y", str(deep), f"{deep}/file"]


@pytest.mark.skipif(sys.platform != "linux", reason="only inotify merges what waits to be read")
async def test_many_writes_to_a_file_are_few_events(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[InotifyEvent] = []
    handle = InotifyFD.handle_event

    def count(reader: InotifyFD, event: InotifyEvent) -> None:
        handled.append(event)
        handle(reader, event)

    monkeypatch.setattr(InotifyFD, "handle_event", count)
    writes = 2000
    with (tmp_path / "tree" / "large").open("wb", buffering=0) as file:
        for _ in range(writes):
            file.write(b"x")
            await asyncio.sleep(0)
    (tmp_path / "tree" / "after").touch()
    changes = await gathered(watcher, lambda found: create(f"{tmp_path}/tree/after") in found)
    assert write(f"{tmp_path}/tree/large") in changes
    assert 2 < len(handled) < writes // 10


async def test_a_folder_that_comes_back_is_watched_again(watcher: Watcher, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "ours").rmdir()
    tree.rmdir()
    wanted = MountsInUse(frozenset({str(tree)}))
    async with asyncio.timeout(20):
        while await asyncio.to_thread(watcher.watch, wanted):
            await asyncio.sleep(0.02)  # until its watch has ended, of which there is no word
    watcher.take()
    tree.mkdir()
    assert await asyncio.to_thread(watcher.watch, wanted)
    (tree / "file").touch()
    await gathered(watcher, lambda found: any(change.path == f"{tree}/file" for change in found))


async def test_what_is_used_no_longer_is_not_told(watcher: Watcher, tmp_path: Path) -> None:
    await asyncio.to_thread(watcher.watch, MountsInUse(frozenset({f"{tmp_path}/files"})))
    (tmp_path / "tree" / "file").touch()
    (tmp_path / "files" / "file").touch()
    changes = await gathered(watcher, bool)
    assert {change.path for change in changes} == {f"{tmp_path}/files/file"}


async def test_too_much_at_once(watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.file_events.watcher.LIMIT", 3)
    for number in range(10):
        (tmp_path / "tree" / str(number)).touch()
    (tmp_path / "files" / "one").touch()
    await watcher.news.wait()
    await asyncio.sleep(0.2)
    assert len(watcher.take()) <= 4


async def test_a_full_table_is_told_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the folders inside a tree watchdog says nothing when they do not fit."""
    (tmp_path / "tree" / "inside").mkdir(parents=True)
    tree, wanted = str(tmp_path / "tree"), MountsInUse(frozenset({f"{tmp_path}/tree"}))
    add, room = InotifyFD.add_callback, [tree]

    def limited(self: InotifyFD, path: bytes, *others: Any) -> Any:
        if room and os.fsdecode(path) not in room:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return add(self, path, *others)

    monkeypatch.setattr(InotifyFD, "add_callback", limited)
    watcher = Watcher()
    try:
        assert not await asyncio.to_thread(watcher.watch, wanted)
        why = "inotify watch limit reached; raise it with: sudo sysctl fs.inotify.max_user_watches=1048576"
        assert watcher.unwatched == {tree: why}
        room[:] = ["nothing"]  # and now not even the tree itself
        await asyncio.to_thread(watcher.watch, MountsInUse())
        assert not await asyncio.to_thread(watcher.watch, wanted)
        assert watcher.unwatched == {tree: why}
        room.clear()
        assert await asyncio.to_thread(watcher.watch, wanted)
        assert watcher.unwatched == {}
        (tmp_path / "tree" / "inside" / "file").touch()
        await gathered(watcher, lambda found: any(change.path == f"{tree}/inside/file" for change in found))
    finally:
        await asyncio.to_thread(watcher.close)


# -- leases -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="only inotify reports every change")
async def test_trees_are_exact_while_all_in_them_is_followed(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, plain = str(tmp_path / "tree"), str(tmp_path / "plain")
    assert watcher.exact() == frozenset()  # a folder in it is not reported
    (tmp_path / "plain").mkdir()
    wanted = MountsInUse(frozenset({tree, plain}), frozenset({f"{tmp_path}/files/one"}))
    await asyncio.to_thread(watcher.watch, wanted)
    assert watcher.exact() == {plain}
    add = InotifyFD.add_callback

    def full(self: InotifyFD, path: bytes, *others: Any) -> Any:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(InotifyFD, "add_callback", full)
    (tmp_path / "plain" / "new").mkdir()
    await gathered(watcher, lambda found: any(change.path == f"{plain}/new" for change in found))
    assert watcher.exact() == frozenset()
    assert "inotify watch limit reached" in watcher.unwatched[plain]
    monkeypatch.setattr(InotifyFD, "add_callback", add)
    assert await asyncio.to_thread(watcher.watch, wanted)
    assert watcher.exact() == {plain}
    (tmp_path / "plain").rename(tmp_path / "former")
    (tmp_path / "plain").mkdir()
    assert watcher.exact() == frozenset()  # what is followed is the former
    assert watcher.outdated
    await asyncio.to_thread(watcher.watch, wanted)
    assert watcher.exact() == {plain}
    assert not watcher.outdated
    watcher.take()
    (tmp_path / "plain" / "file").touch()
    await gathered(watcher, lambda found: any(change.path == f"{plain}/file" for change in found))
    monkeypatch.setattr("engine.file_events.watcher.EXACT", False)
    assert watcher.exact() == frozenset()


@pytest.mark.parametrize(
    ("folder", "local"),
    [
        ("/home/u/app", True),
        ("/home/u", False),  # it has the other computer's in it
        ("/home/u/nas", False),
        ("/home/u/nas/app", False),
        ("/home/u/nas2", True),
        ("/mnt/usb", False),
        ("/", False),
    ],
)
def test_what_other_computers_may_change_is_not_local(folder: str, local: bool) -> None:
    mounts = {"/": "ext4", "/home": "btrfs", "/home/u/nas": "nfs4", "/mnt/usb": "fuseblk"}
    assert is_local(folder, mounts) is local
    assert not is_local(folder, {})


class Guest:
    """The program in the machine: what each one that was started has heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.carrier = MemoryCarrier(self.run)
        self.changed = asyncio.Condition()

    async def run(self, stream: MemoryStream) -> None:
        place = len(self.heard)
        self.heard.append(b"")
        while data := await stream.read(65536):
            async with self.changed:
                self.heard[place] += data
                self.changed.notify_all()

    def leases(self) -> list[tuple[str, int]]:
        """Of all of them: trees and seconds."""
        words = b"".join(self.heard).decode().split("\0")[:-1]
        return [(words[at + 2], int(words[at + 5])) for at in range(0, len(words), 10) if words[at] == "lease"]

    async def until(self, leases: list[tuple[str, int]]) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.leases() == leases)


async def test_leases_are_told_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest()
    sender = EventSender(guest.carrier, lambda: ["/s", "/t"])
    await sender.set_leases([])
    assert guest.carrier.opened == []
    await sender.set_leases(["/s/b", "/t", "/elsewhere"])
    await sender.set_leases(["/s/b"])
    await sender.set_leases([])
    expected = [("b", LEASE_SECONDS), ("", LEASE_SECONDS), ("", 0), ("b", 0)]
    await guest.until(expected)
    assert guest.carrier.opened == ["exec /usr/lib/slipway/replay"]
    monkeypatch.setattr("engine.file_events.event_sender.RENEW_SECONDS", 0.0)
    for _ in range(2):
        await sender.set_leases(["/s/b"])
    await guest.until([*expected, ("b", LEASE_SECONDS), ("b", LEASE_SECONDS)])
    await sender.close()


async def test_a_program_that_is_lost_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.file_events.event_sender.RETRY_SECONDS", 0.0)
    guest = Guest()
    sender = EventSender(guest.carrier, lambda: ["/s"])
    await sender.set_leases(["/s/a"])
    await guest.carrier.streams[0].break_off(LinkError("lost"))
    await sender.send(b"a change")
    assert sender.leased == frozenset()
    await sender.set_leases(["/s/a"])
    await guest.until([("a", LEASE_SECONDS)] * 2)
    assert len(guest.heard) == 2
    guest.carrier.refuse = LinkError("away")
    await sender.close()
    await sender.send(b"a change")
    assert sender.leased == frozenset()
