"""The map of the disk: by mouse, by keys, for screen readers; what it frees, and that sizes agree."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from desktop.ui.models.disk_map import CACHE, IMAGE, VOLUME
from desktop.ui.models.format import size
from desktop.ui.pages import disk as disk_page
from desktop.ui.pages.disk import DiskPage
from desktop.ui.pages.home import HomePage
from desktop.ui.pages.image import ImagePage
from desktop.ui.theme import DARK, LIGHT, Colours
from desktop.ui.widgets import treemap
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.treemap import TileButton
from desktop.ui.window import Window
from tests.gui.drive import agree, top
from tests.gui.stage import until
from tests.gui.test_accessible import check, contrast


@pytest.fixture
def page(shown: Window, monkeypatch: pytest.MonkeyPatch) -> DiskPage:
    monkeypatch.setattr(disk_page, "DELAY_MS", 50)
    shown.show_place("home")
    home = shown.pages["home"]
    assert isinstance(home, HomePage)
    QTest.mouseClick(home.disk.details, Qt.MouseButton.LeftButton)
    made = shown.stack.currentWidget()
    assert isinstance(made, DiskPage)
    until(lambda: made.map.buttons, "the sizes")
    return made


def tile(page: DiskPage, name: str) -> TileButton:
    return next(button for button in page.map.buttons if button.tile.name == name)


def click(page: DiskPage, name: str) -> None:
    QTest.mouseClick(tile(page, name), Qt.MouseButton.LeftButton)


def test_sizes_agree_with_home_and_the_list_of_images(shown: Window, page: DiskPage) -> None:
    home = shown.pages["home"]
    assert isinstance(home, HomePage)
    until(lambda: home.disk.used["Volumes"].text() != "–")
    assert page.legend[VOLUME].text() == f"Volumes {home.disk.used['Volumes'].text()}"
    assert page.legend[CACHE].text() == f"Build cache {home.disk.used['Build cache'].text()}"
    postgres = next(item for item in shown.context.lists.images.items if "postgres:17" in item.tags)
    assert tile(page, "postgres:17").tile.bytes == postgres.size - postgres.shared


def test_a_click_says_what_removing_frees(page: DiskPage) -> None:
    assert not page.remove.isEnabled()
    click(page, "cache")
    assert page.gain.text() == "Removing it frees 48 MB"
    assert page.remove.isEnabled()
    click(page, "shop_db")
    assert page.gain.text() == ""
    assert not page.remove.isEnabled()
    assert "shop-db-1" in page.about.accessibleName()
    click(page, "Shared layers")
    assert not page.remove.isEnabled()


def test_a_volume_is_removed(shown: Window, page: DiskPage) -> None:
    click(page, "cache")
    before = page.total.text()
    QTest.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    question = agree()
    assert any("48 MB" in part.text() for part in question.findChildren(QLabel))
    until(lambda: all(button.tile.name != "cache" for button in page.map.buttons))
    assert page.total.text() != before


def test_an_image_is_removed_by_keys(shown: Window, page: DiskPage) -> None:
    long = next(b for b in page.map.buttons if b.tile.kind == IMAGE and not b.tile.used and b.tile.key)
    long.setFocus()
    QTest.keyClick(long, Qt.Key.Key_Space)
    assert page.map.tile == long.tile
    QTest.keyClick(long, Qt.Key.Key_Delete)
    key = long.tile.key
    agree()
    until(lambda: all(button.tile.key != key for button in page.map.buttons))
    until(lambda: all(item.id != key for item in shown.context.lists.images.items), "the list to follow")


def test_the_build_cache_is_pruned(page: DiskPage) -> None:
    click(page, "Build cache")
    assert page.gain.text() == "Removing it frees 120 MB"
    QTest.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    agree()
    until(lambda: all(button.tile.kind != CACHE for button in page.map.buttons))


def test_arrows_go_from_tile_to_tile(page: DiskPage) -> None:
    first = page.map.buttons[0]
    first.setFocus()
    reached = {first.tile.name}
    for key in (Qt.Key.Key_Right,) * 6 + (Qt.Key.Key_Down,) * 6 + (Qt.Key.Key_Left,) * 6:
        now = page.map.tile
        QTest.keyClick(next((b for b in page.map.buttons if b.tile == now), first), key)
        assert page.map.tile is not None
        reached.add(page.map.tile.name)
        assert page.name.accessibleName().startswith(page.map.tile.name)
    assert len(reached) >= 4
    stops = [button for button in page.map.buttons if button.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert [button.tile for button in stops] == [page.map.tile]


def test_return_opens_an_object(shown: Window, page: DiskPage) -> None:
    QTest.keyClick(tile(page, "postgres:17"), Qt.Key.Key_Return)
    opened = shown.stack.currentWidget()
    assert isinstance(opened, ImagePage)
    assert opened.line.reference == "postgres:17"


def test_screen_readers_hear_sizes_and_gains(shown: Window, page: DiskPage) -> None:
    cache = tile(page, "cache")
    assert cache.accessibleName() == "cache, Volumes"
    assert cache.accessibleDescription() == "48 MB. No container uses it. Removing it frees 48 MB"
    check(shown)


def test_an_engine_that_is_away_is_said(shown: Window, page: DiskPage) -> None:
    shown.session.stop()
    until(lambda: page.note.isVisible())
    assert page.note.text() == disk_page.AWAY
    assert not page.map.buttons


def test_a_question_names_the_containers_of_an_image(page: DiskPage) -> None:
    click(page, "postgres:17")
    QTest.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    question = top(Question)
    assert any("shop-db-1" in part.text() for part in question.findChildren(QLabel))
    question.reject()
    assert page.gain.text() == f"Removing it and what uses it frees {size(tile(page, 'postgres:17').tile.gain)}"


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_names_on_tiles_can_be_read(colours: Colours) -> None:
    """WCAG 2.2, 1.4.3: 4.5 : 1, also on the strong colours."""
    hues = [colours.muted, *(colours.logs[number] for number in treemap.HUES.values())]
    for hue in hues:
        for strength in (treemap.IN_USE, treemap.UNUSED):
            assert contrast(colours.text, mixed(hue, colours.ground, strength / 255)) >= 4.5, (hue, strength)


def mixed(over: str, under: str, part: float) -> str:
    pairs = zip(bytes.fromhex(over[1:]), bytes.fromhex(under[1:]), strict=True)
    return "#" + bytes(round(part * a + (1 - part) * b) for a, b in pairs).hex()
