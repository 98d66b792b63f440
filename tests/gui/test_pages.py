"""Each page and what can be done on it, by the window's own buttons, fields and menus, on the stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from desktop.ui.pages.container import ContainerPage, LogPanel
from desktop.ui.pages.image import ImagePage, LayersPanel
from desktop.ui.pages.image_forms import PullForm
from desktop.ui.pages.images import ImagesPage
from desktop.ui.pages.run import RunDialog
from desktop.ui.widgets.dialogs import Form
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from tests.gui.drive import act, agree, choose, fill, go, messages, names, press, state, top
from tests.gui.stage import until


def images_page(shown: Window) -> ImagesPage:
    page = go(shown, "images")
    assert isinstance(page, ImagesPage)
    until(lambda: "redis" in names(page))
    return page


@pytest.mark.parametrize(
    ("key", "place", "form"), [(Qt.Key.Key_N, "containers", RunDialog), (Qt.Key.Key_L, "images", PullForm)]
)
def test_a_key_asks_what_to_run_or_to_pull(shown: Window, key: Qt.Key, place: str, form: type[Form]) -> None:
    QTest.keyClick(shown, key, Qt.KeyboardModifier.ControlModifier)
    top(form)
    assert shown.place == place


def test_a_key_goes_to_the_search_field_that_is_shown(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    QTest.keyClick(shown, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert shown.focusWidget() is page.search
    choose(page, "web")
    act(page, "logs")
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ContainerPage)
    logs = detail.tab("logs")
    assert isinstance(logs, LogPanel)
    QTest.keyClick(shown, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert shown.focusWidget() is logs.search


class TestImages:
    def test_one_row_for_an_image_and_filters(self, shown: Window) -> None:
        page = images_page(shown)
        assert names(page).count("nginx") == 3  # the image, and its two tags below it
        page.filters.choose("Dangling")
        assert names(page) == ["<none>"]
        page.filters.choose("In use")
        assert "alpine-arm" not in names(page)

    def test_pull_with_progress(self, shown: Window) -> None:
        page = images_page(shown)
        form = page.pull_dialog()
        fill(form, image="No Such")
        press(form, "Pull")
        assert form.isVisible()
        fill(form, image="busybox:1.37")
        press(form, "Pull")
        until(lambda: "busybox" in names(page))
        until(lambda: "Pulled busybox:1.37" in messages(shown))

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("nosuch/a:1", "The registry has no nosuch/a:1"),
            ("private/a", "you have no access to it"),
            ("offline/a", "cannot be reached"),
        ],
    )
    def test_a_pull_that_fails_says_why(self, shown: Window, name: str, why: str) -> None:
        page = images_page(shown)
        dialog = page.show_job(page.pull(name))
        until(lambda: why in dialog.status.text())
        press(dialog, "Close")
        page.pull(name)
        until(lambda: any(why in text for text in messages(shown)))

    def test_a_pull_can_be_cancelled(self, shown: Window) -> None:
        page = images_page(shown)
        dialog = page.show_job(page.pull("endless:1"))
        until(lambda: dialog.bars)
        press(dialog, "Cancel")
        until(lambda: messages(shown) == ["Cancelled: Pulling endless:1"])
        page.pull("other:1")
        until(lambda: "other" in names(page))
        assert "endless" not in names(page)

    def test_tag_and_remove_a_tag(self, shown: Window) -> None:
        page = images_page(shown)
        choose(page, "redis")
        act(page, "tag")
        form = top(Form)
        fill(form, **{"new name": "mine/redis:8"})
        press(form, "Tag")
        until(lambda: "mine/redis" in names(page))
        choose(page, "mine/redis")
        act(page, "remove")
        agree()
        until(lambda: "mine/redis" not in names(page))
        assert "redis" in names(page)

    def test_an_image_in_use_names_its_users_and_takes_them_along(self, shown: Window) -> None:
        page = images_page(shown)
        choose(page, "redis")
        act(page, "remove")
        question = agree()
        assert any("shop-cache-1" in part.text() for part in question.findChildren(QLabel))
        until(lambda: "redis" not in names(page))
        until(lambda: state(shown, "shop-cache-1") == "")

    def test_save_and_load(self, shown: Window, tmp_path: Path) -> None:
        page = images_page(shown)
        choose(page, "redis")
        archive = tmp_path / "redis.tar"
        page.save([row.record for row in page.table.chosen()], archive)
        until(archive.exists)
        shown.session.bridge.call(shown.session.engine.images.remove("alpine-arm:3.22"))
        page.load(archive)
        until(lambda: "Loaded redis.tar" in messages(shown))
        broken = tmp_path / "broken.tar"
        broken.write_bytes(b"")
        page.load(broken)
        until(lambda: any("invalid archive" in text for text in messages(shown)))
        assert [item.name for item in tmp_path.iterdir() if item.name.endswith(".part")] == []

    def test_prune_says_what_goes_first(self, shown: Window) -> None:
        page = images_page(shown)
        page.prune()
        agree()
        until(lambda: "<none>" not in names(page))
        assert "alpine-arm" in names(page)
        page.prune()
        agree(option=True)
        until(lambda: "alpine-arm" not in names(page))

    def test_search_and_pull(self, shown: Window) -> None:
        dialog = images_page(shown).search_dialog()
        assert dialog.empty.isVisible()
        QTest.keyClicks(dialog.term, "nosuch")
        QTest.keyClick(dialog.term, Qt.Key.Key_Return)
        until(lambda: dialog.empty.title.text() == "Nothing found")
        dialog.term.setText("hello")
        dialog.official.setChecked(True)
        QTest.keyClick(dialog.term, Qt.Key.Key_Return)
        until(lambda: dialog.note.text() == "1 found")
        dialog.table.choose("hello")
        QTest.mouseClick(dialog.take, Qt.MouseButton.LeftButton)
        assert top(Form).windowTitle() == "Pull an image"

    def test_an_images_page_shows_its_layers(self, shown: Window) -> None:
        page = images_page(shown)
        choose(page, "redis")
        act(page, "details")
        detail = shown.stack.currentWidget()
        assert isinstance(detail, ImagePage)
        layers = detail.tab("layers")
        assert isinstance(layers, LayersPanel)
        until(lambda: layers.table.records.rowCount() == 3)
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        until(lambda: shown.stack.currentWidget() is page)


class TestVolumesAndNetworks:
    def test_volumes(self, shown: Window) -> None:
        page = go(shown, "volumes")
        until(lambda: "shop_db" in names(page))
        choose(page, "shop_db")
        assert not page.actions_by_name["remove"].isEnabled()  # in use
        press_create(page, name="fresh-volume")
        until(lambda: "fresh-volume" in names(page))
        choose(page, "fresh-volume")
        act(page, "remove")
        agree()
        until(lambda: "fresh-volume" not in names(page))
        page.show_subject("prune")
        agree()
        until(lambda: names(page) == ["shop_db"])

    def test_networks(self, shown: Window) -> None:
        page = go(shown, "networks")
        until(lambda: "bridge" in names(page))
        choose(page, "bridge")
        assert not page.actions_by_name["remove"].isEnabled()  # the engine's own
        form = page.create_dialog()  # type: ignore[attr-defined]  # not of every list
        fill(form, name="back", subnet="300.0.0.0/8")
        press(form, "Create")
        assert form.isVisible()
        fill(form, subnet="172.30.0.0/16")
        press(form, "Create")
        until(lambda: "back" in names(page))
        press_create(page, name="back")
        until(lambda: any("already exists" in text for text in messages(shown)))
        choose(page, "back")
        act(page, "remove")
        agree()
        until(lambda: "back" not in names(page))


def press_create(page: ListPage, **texts: str) -> None:
    form = page.create_dialog()  # type: ignore[attr-defined]  # not of every list
    fill(form, **texts)
    press(form, "Create")


def test_the_clipboard_gets_the_id(shown: Window) -> None:
    page = images_page(shown)
    choose(page, "redis")
    act(page, "copy")
    image = next(item for item in shown.context.lists.images.items if item.tags == ("redis:8",))
    assert QGuiApplication.clipboard().text() == image.id


def test_a_second_dialog_of_run_from_an_image(shown: Window) -> None:
    page = images_page(shown)
    choose(page, "redis")
    act(page, "run")
    assert top(RunDialog).request().image == "redis:8"
