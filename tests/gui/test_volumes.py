"""Volumes as a whole: their sizes, and what exports, imports, clones and empties them."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel

from desktop.ui.jobs import again
from desktop.ui.models.activity import Kind, State
from desktop.ui.models.volumes import SIZE, VolumeLine
from desktop.ui.pages.files import FilesPanel
from desktop.ui.pages.volume import VolumePage
from desktop.ui.pages.volume_operations import ask_import, export
from desktop.ui.pages.volume_removal import RemovedVolumesDialog
from desktop.ui.pages.volumes import VolumesPage
from desktop.ui.volume_archives import compressed, decompressed
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.progress import ProgressDialog
from desktop.ui.window import Window
from engine.client import EngineClient
from engine.client.models import OURS
from engine.client.volume_files import VolumeFiles
from tests.gui.drive import act, agree, choose, fill, go, messages, names, press, refusal, strike, top
from tests.gui.stage import until


def volumes(shown: Window) -> VolumesPage:
    page = go(shown, "volumes")
    assert isinstance(page, VolumesPage)
    until(lambda: "cache" in names(page), "the volumes")
    return page


def line(page: VolumesPage, name: str) -> VolumeLine:
    found = [row.record for row in page.table.visible_rows() if row.record.volume.name == name]
    assert isinstance(found[0], VolumeLine)
    return found[0]


def put(shown: Window, volume: str, **files: str) -> None:
    """Put files into a volume."""
    done: list[int] = []

    async def write(engine: EngineClient) -> int:
        opened = VolumeFiles(engine, volume)

        async with opened.opened():
            async for _ in opened.fill(once(packed(files))):
                pass
        return len(files)

    shown.session.bridge.call(write(shown.session.engine), done.append)
    until(lambda: done, "the files")


async def once(data: bytes) -> AsyncGenerator[bytes]:
    yield data


async def whole(pieces: AsyncGenerator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def packed(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def held(shown: Window, volume: str) -> dict[str, str]:
    """What is in a volume."""
    found: list[bytes] = []

    async def read(engine: EngineClient) -> bytes:
        opened = VolumeFiles(engine, volume)
        async with opened.opened():
            return b"".join([piece async for piece in opened.content()])

    shown.session.bridge.call(read(shown.session.engine), found.append)
    until(lambda: found, "what is in it")
    return unpacked(found[0])


def ours(shown: Window) -> list[int]:
    """How many containers and images of ours the engine has."""
    found: list[list[int]] = []

    async def count(engine: EngineClient) -> list[int]:
        wanted = {"label": [OURS]}
        containers = await engine.containers.list(all=True, filters=wanted)
        return [len(containers), len(await engine.images.list(filters=wanted))]

    shown.session.bridge.call(count(shown.session.engine), found.append)
    until(lambda: found, "the count")
    return found[0]


def unpacked(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: file.read().decode() for entry in tar if (file := tar.extractfile(entry)) is not None}


def dialogs() -> list[QDialog]:
    return [item for item in QApplication.topLevelWidgets() if isinstance(item, QDialog) and item.isVisible()]


def test_sizes_come_while_the_page_is_shown(shown: Window) -> None:
    page = volumes(shown)
    until(lambda: line(page, "cache").size == 48_000_000, "the sizes")
    assert page.table.records.columns[SIZE].text(line(page, "cache")) == "48 MB"


@pytest.mark.parametrize("ending", [".tar.zst", ".tar.gz", ".tar"])
def test_out_into_a_file_and_in_again(shown: Window, tmp_path: Path, ending: str) -> None:
    page = volumes(shown)
    put(shown, "cache", **{"a.txt": "first", "deep/näme.txt": "second" * 9000})
    target = tmp_path / f"out{ending}"
    export(page, shown.context, line(page, "cache"), target)
    until(lambda: f"Exported “cache” to {target}" in messages(shown))
    assert [item.name for item in tmp_path.iterdir()] == [target.name]
    magic = {".tar.zst": b"\x28\xb5\x2f\xfd", ".tar.gz": b"\x1f\x8b", ".tar": b""}[ending]
    assert target.read_bytes().startswith(magic)
    plain = asyncio.run(whole(decompressed(target, [0])))
    expected = {"a.txt": "first", "deep/näme.txt": "second" * 9000}
    assert unpacked(plain) == expected
    form = ask_import(page, shown.context, target)
    fill(form, name="cache")
    assert refusal(form, "name") == "There is a volume of that name."
    fill(form, name="again")
    press(form, "Import")
    until(lambda: f"Imported {target.name} into “again”" in messages(shown))
    assert held(shown, "again") == expected
    until(lambda: "again" in names(page))


def test_by_the_files_dialogs_and_the_keyboard(
    shown: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = volumes(shown)
    put(shown, "cache", **{"a.txt": "first"})
    offered: list[str] = []

    def save(*about: str) -> tuple[str, str]:
        offered.append(about[2])
        return str(tmp_path / "cache.tar.zst"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "cache.tar.zst"), ""))
    choose(page, "cache")
    act(page, "export")
    until(lambda: any("Exported" in text for text in messages(shown)))
    assert [Path(name).name for name in offered] == ["cache.tar.zst"]
    page.show_subject("import")
    form = top(Form)
    QTest.keyClick(form, Qt.Key.Key_Return)  # the offered name is one that is free
    until(lambda: any("into “cache-2”" in text for text in messages(shown)))
    assert held(shown, "cache-2") == {"a.txt": "first"}


@pytest.mark.parametrize("damage", ["cut", "text", "nothing"])
def test_a_file_that_is_no_archive_leaves_no_volume(shown: Window, tmp_path: Path, damage: str) -> None:
    page = volumes(shown)
    path = tmp_path / "broken.tar.zst"
    archive = asyncio.run(whole(compressed(once(packed({"a.txt": "x" * 100_000})), path)))
    content = {"cut": archive[:-20], "text": b"this is no archive" * 99, "nothing": b""}[damage]
    path.write_bytes(content)
    form = ask_import(page, shown.context, path)
    press(form, "Import")
    dialog = top(ProgressDialog)
    until(lambda: dialog.done_with)
    assert ("damaged" if damage == "cut" else "not a tar archive") in dialog.status.text()
    dialog.close()
    assert held(shown, "cache") == {}
    until(lambda: "broken" not in names(page), "the volume to go")


def test_a_clone_has_all_and_can_be_made_while_it_is_written(shown: Window) -> None:
    page = volumes(shown)
    put(shown, "shop_db", **{"base/1": "rows"})
    choose(page, "shop_db")
    until(lambda: line(page, "shop_db").running == ("shop-db-1",))
    act(page, "clone")
    form = top(Form)
    assert any("“shop-db-1” is running and may write to it" in text for text in texts(form))
    press(form, "Clone")
    until(lambda: "Cloned “shop_db” to “shop_db-copy”" in messages(shown))
    assert held(shown, "shop_db-copy") == {"base/1": "rows"}
    assert held(shown, "shop_db") == {"base/1": "rows"}
    assert ours(shown) == [0, 0]


def texts(dialog: QDialog) -> list[str]:
    return [item.text() for item in dialog.findChildren(QLabel)]


def test_what_a_running_container_writes_is_asked_for(
    shown: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = volumes(shown)
    until(lambda: line(page, "shop_db").running == ("shop-db-1",))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "db.tar.zst"), ""))
    choose(page, "shop_db")
    act(page, "export")
    question = top(Question)
    assert any("“shop-db-1” is running" in text for text in texts(question))
    press(question, "Export anyway")
    until(lambda: (tmp_path / "db.tar.zst").exists())


def test_emptying(shown: Window) -> None:
    page = volumes(shown)
    put(shown, "cache", **{"a.txt": "first"})
    until(lambda: line(page, "shop_db").running == ("shop-db-1",))
    choose(page, "shop_db")
    act(page, "empty")
    assert messages(shown) == ["“shop_db” is in use by a running container"]
    assert not dialogs()
    detail = page.open(line(page, "cache"))
    assert isinstance(detail, VolumePage)
    next(made for made in detail.offered if made.accessibleName() == "Empty…").click()
    agree()
    until(lambda: "Emptied “cache”" in messages(shown))
    panel = detail.tab("files")
    assert isinstance(panel, FilesPanel)
    until(lambda: panel.note.text() == "This folder is empty.", "the files to be shown again")
    assert held(shown, "cache") == {}


def test_cancelled_leaves_neither_file_nor_volume(shown: Window, tmp_path: Path) -> None:
    page = volumes(shown)
    put(shown, "cache", **{"a.txt": "x" * 40_000_000})
    dialog = export(page, shown.context, line(page, "cache"), tmp_path / "never.tar.zst")
    until(lambda: dialog.bars, "a first step")
    press(dialog, "Cancel")
    until(lambda: any("Cancelled" in text for text in messages(shown)))
    (kept,) = [item for item in shown.session.activities.log.items if item.kind is Kind.VOLUME]
    assert (kept.title, kept.state) == ("Exporting “cache” to never.tar.zst", State.CANCELLED)
    assert again(shown.context, kept) is dialog.job.order
    assert held(shown, "cache") == {"a.txt": "x" * 40_000_000}
    until(lambda: not list(tmp_path.iterdir()), "the part to go")
    until(lambda: ours(shown) == [0, 0], "what is ours to go")


def bring_back(shown: Window) -> None:
    """Press “Undo” in the message."""
    banner = next(item for item in shown.banners.shown() if item.property("kind") == "done")
    next(made for made in banner.buttons if made.text() == "Undo").click()


def copies(shown: Window) -> list[Path]:
    return sorted(shown.session.paths.removed_volumes.glob("*"))


def test_a_prune_is_undone(shown: Window) -> None:
    page = volumes(shown)
    put(shown, "cache", **{"a.txt": "first"})
    labelled(shown, "team-data", team="core")
    until(lambda: "team-data" in names(page))
    put(shown, "team-data", **{"b.txt": "second"})
    page.prune()
    question = top(Question)
    assert question.option.isChecked()
    assert any("cache   48 MB" in text for text in texts(question))
    press(question, "Prune")
    until(lambda: names(page) == ["shop_db"], "the volumes to go")
    until(lambda: messages(shown) == ["Freed 96 MB"])
    assert len(copies(shown)) == 4
    bring_back(shown)
    until(lambda: {"cache", "team-data"} <= set(names(page)), "the volumes")
    until(lambda: "Restored 2 volumes" in messages(shown))
    assert held(shown, "cache") == {"a.txt": "first"}
    assert held(shown, "team-data") == {"b.txt": "second"}
    assert line(page, "team-data").volume.labels == {"team": "core"}
    assert not copies(shown)


def labelled(shown: Window, name: str, **labels: str) -> None:
    shown.session.bridge.call(shown.session.engine.volumes.create(name, labels=labels))


def test_a_removal_is_undone_later_under_another_name(shown: Window) -> None:
    page = volumes(shown)
    put(shown, "cache", **{"a.txt": "first"})
    choose(page, "cache")
    act(page, "remove")
    agree(option=True)
    until(lambda: messages(shown) == ["Removed “cache”"])
    labelled(shown, "cache")
    until(lambda: "cache" in names(page))
    page.show_subject("removed")
    dialog = top(RemovedVolumesDialog)
    assert [row.record.name for row in dialog.table.records.rows()] == ["cache"]
    assert "1 volume," in dialog.note.text()
    strike(dialog.table, Qt.Key.Key_Down)
    strike(dialog.table, Qt.Key.Key_Return)
    until(lambda: "“cache” has been restored as “cache-2”" in messages(shown))
    assert held(shown, "cache-2") == {"a.txt": "first"}
    assert held(shown, "cache") == {}


def test_what_is_in_use_meanwhile_stays_without_a_copy(shown: Window) -> None:
    page = volumes(shown)
    page.prune()
    question = top(Question)
    user: list[str] = []
    config = {"Image": "alpine:3.22", "HostConfig": {"Binds": ["cache:/data"]}}
    shown.session.bridge.call(shown.session.engine.containers.create(config), user.append)
    until(lambda: user, "a container that uses it")
    press(question, "Prune")
    until(lambda: messages(shown) == ["cache could not be removed"])
    assert "cache" in names(page)
    assert not copies(shown)


def test_a_copy_can_be_left_out_and_deleted(shown: Window) -> None:
    page = volumes(shown)
    labelled(shown, "spare")
    until(lambda: "spare" in names(page))
    choose(page, "spare")
    act(page, "remove")
    agree(option=False)
    until(lambda: messages(shown) == ["Removed “spare”"])
    assert not copies(shown)
    assert all(made.text() != "Undo" for made in shown.banners.shown()[0].buttons)
    choose(page, "cache")
    act(page, "remove")
    agree(option=True)
    until(lambda: len(copies(shown)) == 2)
    until(lambda: "Removed “cache”" in messages(shown))
    dialog = page.removed_dialog()
    dialog.table.choose(dialog.table.records.rows()[0].key)
    dialog.delete.click()
    agree()
    until(lambda: not copies(shown))
    assert dialog.note.text().startswith("There is none.")
