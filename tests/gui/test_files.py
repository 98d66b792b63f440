"""Files of containers and volumes: look, go up and down, bring here and put there; nothing stays behind."""

from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDrag, QDragEnterEvent, QDropEvent, QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.file_editor import FileEditor
from desktop.ui.pages.files import FilesPanel
from desktop.ui.pages.volume import VolumePage
from desktop.ui.pages.volumes import VolumesPage
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from engine.client import EngineClient
from engine.client.files import DELETED, Entry
from engine.client.models import OURS
from tests.gui.drive import act, agree, choose, go, messages, names, press, strike, top
from tests.gui.stage import until


def listed(panel: FilesPanel, *, gone: bool = False) -> list[str]:
    """The names in a folder. :param gone: those that the container has deleted too."""
    records = [row.record for row in panel.table.records.rows()]
    return sorted(entry.name for entry in records if gone or entry.since != DELETED)


def container_files(shown: Window, name: str) -> FilesPanel:
    page = go(shown, "containers")
    until(lambda: name in names(page))
    assert isinstance(page, ContainersPage)
    choose(page, name)
    panel = page.open(page.table.chosen()[0].record, "files").tab("files")
    assert isinstance(panel, FilesPanel)
    return panel


def volume_page(shown: Window, name: str) -> VolumePage:
    page = go(shown, "volumes")
    assert isinstance(page, VolumesPage)
    until(lambda: name in names(page))
    choose(page, name)
    act(page, "details")
    detail = shown.stack.currentWidget()
    assert isinstance(detail, VolumePage)
    return detail


def ours(shown: Window) -> list[int]:
    """How many containers and images of ours the engine has."""
    found: list[list[int]] = []

    async def count() -> list[int]:
        engine, wanted = shown.session.engine, {"label": [OURS]}
        containers = await engine.containers.list(all=True, filters=wanted)
        return [len(containers), len(await engine.images.list(filters=wanted))]

    shown.session.bridge.call(count(), found.append)
    until(lambda: found, "the engine's answer")
    return found[0]


@pytest.mark.parametrize("name", ["web", "builder"])
def test_a_containers_folders_by_keyboard(shown: Window, name: str) -> None:
    """``web`` runs and has a shell; ``builder`` is read as an archive."""
    panel = container_files(shown, name)
    until(lambda: listed(panel) == ["etc", "var"])
    assert not panel.up.isEnabled()
    panel.table.choose("etc")
    strike(panel.table, Qt.Key.Key_Return)
    until(lambda: listed(panel) == ["hostname", "os-release"])
    assert panel.path.text() == "/etc"
    strike(panel.table, Qt.Key.Key_Backspace)
    until(lambda: listed(panel) == ["etc", "var"])
    panel.path.setText("/nowhere")
    QTest.keyClick(panel.path, Qt.Key.Key_Return)
    until(lambda: "There is no folder /nowhere" in panel.note.text())


def test_backspace_leaves_a_folder_from_its_list_only(shown: Window) -> None:
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    panel.path.setText("/etc")
    strike(panel.path, Qt.Key.Key_Return)
    until(lambda: listed(panel) == ["hostname", "os-release"])
    said = panel.note.text()
    for elsewhere in (panel.path, panel.up, panel.upload):
        strike(elsewhere, Qt.Key.Key_Backspace)
        assert (panel.note.text(), panel.folder) == (said, "/etc"), elsewhere.accessibleName()
    assert panel.path.text() == "/et"
    strike(panel.table, Qt.Key.Key_Backspace)
    until(lambda: listed(panel) == ["etc", "var"])


def test_files_go_up_and_down(shown: Window, tmp_path: Path) -> None:
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    panel.path.setText("/etc")
    QTest.keyClick(panel.path, Qt.Key.Key_Return)
    until(lambda: "hostname" in listed(panel))
    source = tmp_path / "näme with blanks.txt"
    source.write_text("contents\n")
    panel.upload_files([source])
    until(lambda: source.name in listed(panel))
    assert messages(shown) == ["Uploaded näme with blanks.txt (9 B)"]
    target = tmp_path / "back.txt"
    panel.download_to(Entry(source.name, False, 9, 0, ""), target)
    until(lambda: "Downloaded back.txt (9 B)" in messages(shown))
    assert target.read_text() == "contents\n"
    panel.download_to(Entry("etc", True, 0, 0, ""), tmp_path / "nothing.tar")
    until(lambda: any("Could not find" in text for text in messages(shown)))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["back.txt", source.name]


def test_a_volumes_files_and_nothing_is_left(shown: Window, tmp_path: Path) -> None:
    detail = volume_page(shown, "cache")
    panel = detail.tab("files")
    assert isinstance(panel, FilesPanel)
    until(lambda: panel.note.text() == "This folder is empty.")
    assert ours(shown) == [1, 1]
    assert OURS not in {name for item in shown.context.lists.containers.items for name in item.labels}
    source = tmp_path / "dump.sql"
    source.write_bytes(b"x" * 2_000_000)
    panel.upload_files([source])
    until(lambda: listed(panel) == ["dump.sql"])
    target = tmp_path / "back.sql"
    panel.download_to(panel.table.records.rows()[0].record, target)
    until(lambda: "Downloaded back.sql (2 MB)" in messages(shown))
    assert target.read_bytes() == source.read_bytes()
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    until(lambda: ours(shown) == [0, 0])
    again = volume_page(shown, "cache").tab("files")
    assert isinstance(again, FilesPanel)
    until(lambda: listed(again) == ["dump.sql"])


def test_what_a_killed_window_left_is_swept(shown: Window) -> None:
    async def leave(engine: EngineClient) -> None:
        await engine.images.make_empty({OURS: "volume"})

    shown.session.bridge.call(leave(shown.session.engine))
    until(lambda: ours(shown) == [0, 1])
    detail = volume_page(shown, "cache")
    panel = detail.tab("files")
    assert isinstance(panel, FilesPanel)
    until(lambda: panel.note.text() == "This folder is empty.")
    assert ours(shown) == [1, 1]
    shown.show_place("home")
    until(lambda: ours(shown) == [0, 0])


def test_a_folder_goes_up_and_a_link_comes_down_as_what_it_leads_to(
    shown: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "page.html").write_text("<p>hello</p>")
    (folder / "latest").symlink_to("deep/page.html")
    (folder / "around").symlink_to("around")
    (folder / "newest").symlink_to("deep")
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    drop(panel, folder)
    until(lambda: listed(panel) == ["etc", "site", "var"])
    panel.path.setText("/site")
    QTest.keyClick(panel.path, Qt.Key.Key_Return)
    until(lambda: listed(panel) == ["around", "deep", "latest", "newest"])
    entries = {row.record.name: row.record for row in panel.table.records.rows()}
    assert entries["latest"].link
    panel.download_to(entries["latest"], tmp_path / "back.html")
    until(lambda: "Downloaded back.html (12 B)" in messages(shown))
    assert (tmp_path / "back.html").read_text() == "<p>hello</p>"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *about: (str(tmp_path / Path(about[2]).name), ""))
    panel.table.choose("newest")
    panel.download.click()
    until(lambda: any("Downloaded newest.tar" in text for text in messages(shown)))
    with tarfile.open(tmp_path / "newest.tar") as tar:
        assert tar.getnames() == ["deep", "deep/page.html"]
    panel.download_to(entries["around"], tmp_path / "never")
    until(lambda: "This link points to nothing" in messages(shown))
    assert not (tmp_path / "never").exists()


def drop(panel: FilesPanel, *files: Path) -> None:
    """Drag files from a file manager over a panel, and let go."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    over = QDragEnterEvent(QPoint(9, 9), action, data, buttons, keys)
    QApplication.sendEvent(panel, over)
    assert over.isAccepted()
    QApplication.sendEvent(panel, QDropEvent(QPointF(9, 9), action, data, buttons, keys))


def cell(panel: FilesPanel, name: str, title: str) -> str:
    columns = panel.table.records.columns
    row = next(row for row in panel.table.records.rows() if row.record.name == name)
    return next(column.text(row.record) for column in columns if column.title == title)


def in_folder(shown: Window, folder: str, entry: str) -> FilesPanel:
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    panel.path.setText(folder)
    QTest.keyClick(panel.path, Qt.Key.Key_Return)
    until(lambda: entry in listed(panel))
    return panel


def test_what_the_container_has_changed_is_marked(shown: Window) -> None:
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    assert cell(panel, "etc", "Since its image") == "Changed"
    panel.path.setText("/etc")
    QTest.keyClick(panel.path, Qt.Key.Key_Return)
    until(lambda: "motd" in listed(panel, gone=True))
    marks = {name: cell(panel, name, "Since its image") for name in listed(panel, gone=True)}
    assert marks == {"hostname": "Added", "motd": "Deleted", "os-release": ""}
    panel.table.choose("motd")
    assert not any(made.isEnabled() for made in (panel.edit, panel.delete, panel.download))
    volume = volume_page(shown, "cache").tab("files")
    assert isinstance(volume, FilesPanel)
    assert "Since its image" not in [column.title for column in volume.table.records.columns]


def test_files_are_deleted_by_keyboard(shown: Window) -> None:
    panel = in_folder(shown, "/etc", "os-release")
    panel.table.choose("hostname", "os-release")
    strike(panel.table, Qt.Key.Key_Delete)
    question = agree()
    assert question.windowTitle() == "Delete 2 items?"
    until(lambda: "hostname" not in listed(panel) and "os-release" not in listed(panel))


def test_nothing_is_deleted_in_a_container_that_does_not_run(shown: Window) -> None:
    panel = container_files(shown, "builder")
    until(lambda: listed(panel) == ["etc", "var"])
    panel.table.choose("etc")
    panel.delete.click()
    agree()
    until(lambda: messages(shown) == ["Start the container to delete files in it"])
    assert listed(panel) == ["etc", "var"]


def test_a_file_is_edited(shown: Window) -> None:
    panel = in_folder(shown, "/etc", "hostname")
    panel.table.choose("hostname")
    panel.edit.click()
    editor = top(FileEditor)
    assert editor.text.toPlainText() == "web\n"
    assert editor.text.hasFocus()
    assert not editor.verb.isEnabled()
    QTest.keyClicks(editor.text, "new-")
    press(editor, "Save")
    until(lambda: "Saved hostname" in messages(shown))
    panel.table.choose("hostname")
    panel.edit.click()
    again = top(FileEditor)
    assert again.text.toPlainText() == "new-web\n"
    QTest.keyClicks(again.text, "x")
    again.reject()
    agree()  # that what was typed is lost
    until(lambda: not again.isVisible())


def test_what_something_else_has_written_is_not_lost_unasked(shown: Window) -> None:
    panel = in_folder(shown, "/etc", "hostname")
    panel.open_editor("/etc/hostname")
    editor = top(FileEditor)
    other: list[None] = []
    shown.session.bridge.call(write(shown.session.engine, "other\n"), other.append)
    until(lambda: other, "the other change")
    QTest.keyClicks(editor.text, "mine-")
    press(editor, "Save")
    question = top(Question)
    assert question.windowTitle() == "hostname has changed"
    press(question, "Save anyway")
    until(lambda: "Saved hostname" in messages(shown))


async def write(engine: EngineClient, text: str) -> None:
    info = tarfile.TarInfo("hostname")
    info.size = len(text)
    archive = info.tobuf() + text.encode() + bytes(512 - len(text) + 1024)
    await engine.containers.put_archive("web", "/etc", archive)


def has(panel: FilesPanel, name: str) -> bool:
    return name in listed(panel)


def says(shown: Window, words: str) -> bool:
    return words in messages(shown)


def test_what_is_no_text_is_not_edited(shown: Window, tmp_path: Path) -> None:
    panel = in_folder(shown, "/etc", "hostname")
    for name, data, words in (
        ("picture", b"\xff\xd8\x00", "picture is not a text file"),
        ("zeros", b"a\0b", "zeros is not a text file"),
        ("large", b"x" * (2**20 + 1), "large is too large to be edited here"),
        ("mixed", "a\u2029b".encode(), "mixed cannot be edited here"),
    ):
        (tmp_path / name).write_bytes(data)
        panel.upload_files([tmp_path / name])
        until(partial(has, panel, name))
        panel.open_editor(f"/etc/{name}")
        until(partial(says, shown, words))


def test_files_are_dragged_out(shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    dropped: list[list[str]] = []

    def let_go(drag: QDrag, action: Qt.DropAction) -> Qt.DropAction:
        dropped.append([url.toLocalFile() for url in drag.mimeData().urls()])
        return action

    monkeypatch.setattr(QDrag, "exec", let_go)
    monkeypatch.setattr(QGuiApplication, "mouseButtons", lambda: Qt.MouseButton.LeftButton)
    panel.table.choose("etc", "var")
    view, row = panel.table.viewport(), panel.table.visualRect(panel.table.index_of("etc")).center()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    for step in (4, 30):
        place = QPointF(row.x(), row.y() + step)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        move = QMouseEvent(
            QEvent.Type.MouseMove, place, view.mapToGlobal(place), none, left, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(view, move)
    until(lambda: dropped, "the drag")
    etc, var = map(Path, dropped[0])
    assert (etc / "hostname").read_text() == "web\n"
    assert (var / "log" / "app.log").read_text() == "ready\n"
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    shown.show_place("home")
    until(lambda: not etc.parent.exists(), "the copies to go with the panel")


def test_a_click_chooses_one_of_several_and_drags_nothing(shown: Window) -> None:
    panel = container_files(shown, "web")
    until(lambda: listed(panel) == ["etc", "var"])
    panel.table.choose("etc", "var")
    row = panel.table.visualRect(panel.table.index_of("etc")).center()
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    assert [chosen.key for chosen in panel.table.chosen()] == ["etc"]


def test_what_is_there_is_replaced_only_when_that_is_agreed_to(shown: Window, tmp_path: Path) -> None:
    panel = in_folder(shown, "/etc", "hostname")
    (tmp_path / "hostname").write_text("dropped")
    drop(panel, tmp_path / "hostname")
    question = top(Question)
    assert question.windowTitle() == "Replace “hostname”?"
    assert not messages(shown)
    press(question, "Replace")
    until(lambda: "Uploaded hostname (7 B)" in messages(shown))
