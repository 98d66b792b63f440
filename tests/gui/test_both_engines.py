"""Both engines of Slipway's own in one view: their rows, the filter, what acts on which, and one that is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QPushButton, QWidget

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.volumes import VolumesPage
from desktop.ui.widgets.basics import Elided
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from tests.gui.drive import act, agree, choose, fill, go, messages, names, press, top
from tests.gui.stage import home, until, window

LINUX, WINDOWS, BOTH = "Linux", "Windows", "Both"


@pytest.fixture
def shown(qapp: QApplication) -> Iterator[Window]:
    """A window of a Slipway whose Windows containers have been in use, and which keeps one engine running."""
    with home("running,two"), window(qapp) as made:
        until(lambda: made.session.running, "the engine")
        for name in ("windows", "linux"):
            use(made, name)
        until(lambda: in_use(made) == "linux")
        yield made


@pytest.fixture
def both(shown: Window) -> Window:
    """Both run."""
    until(lambda: keep(shown).isVisible(), "the offer to keep both running")
    keep(shown).click()
    until(lambda: shown.session.several, "the other engine")
    return shown


def use(shown: Window, name: str) -> None:
    """Switch, and wait until the view has followed."""
    done: list[object] = []
    shown.session.control_work(lambda client: client.use_engine(name), done=lambda: done.append(1))
    until(lambda: done and in_use(shown) == name and shown.session.view.origin.os == name, f"the switch to {name}")


def in_use(shown: Window) -> str:
    status = shown.session.status
    return next((one.name for one in status.engines if one.in_use), "") if status is not None else ""


def keep(shown: Window) -> QPushButton:
    return go(shown, "containers").missing.keep


def state_bar(shown: Window) -> str:
    bars = shown.findChildren(QFrame, "statebar")
    return " ".join(part.accessibleName() for item in bars for part in item.findChildren(Elided))


def engines(page: ListPage) -> list[str]:
    return [page.engines.itemText(place) for place in range(page.engines.count())]


def limit(page: ListPage, title: str) -> None:
    page.engines.setCurrentIndex(engines(page).index(title))


def column(page: ListPage, title: str) -> dict[str, str]:
    """Name of a row → its text in a column; only of one that is shown."""
    found = next(n for n, one in enumerate(page.table.records.columns) if one.title == title)
    assert not page.table.isColumnHidden(found), f"{title} is not shown"
    text = page.table.records.columns[found].text
    return {name: text(row.record) for name, row in zip(names(page), page.table.visible_rows(), strict=True)}


def note(dialog: QWidget) -> str:
    return " ".join(item.text() for item in dialog.findChildren(QLabel, "engine_note"))


def test_the_lists_have_the_objects_of_both(both: Window) -> None:
    page = go(both, "containers")
    until(lambda: {"web", "intranet"} <= set(names(page)), "the rows of both")
    platforms = column(page, "Platform")
    assert (platforms["web"], platforms["intranet"]) == ("linux/amd64", "windows/amd64")
    assert engines(page) == [BOTH, LINUX, WINDOWS]
    assert page.engines.accessibleName() == "Engine"
    limit(page, WINDOWS)
    assert sorted(names(page)) == ["intranet", "reports"]
    page.search.setText("intra")
    assert names(page) == ["intranet"]
    page.search.clear()
    limit(page, LINUX)
    assert "intranet" not in names(page)
    assert "web" in names(page)


@pytest.mark.parametrize(
    ("place", "theirs", "ours"),
    [
        ("images", "mcr.microsoft.com/windows/servercore/iis", "nginx"),
        ("networks", "nat", "bridge"),
        ("volumes", "wwwroot", "shop_db"),
    ],
)
def test_the_other_lists_too(both: Window, place: str, theirs: str, ours: str) -> None:
    page = go(both, place)
    until(lambda: {theirs, ours} <= set(names(page)), "the rows of both")
    until(lambda: column(page, "Platform")[theirs] == "windows/amd64", "its platform")
    limit(page, LINUX)
    assert theirs not in names(page)
    assert ours in names(page)


def test_what_is_done_is_done_in_the_right_engine(both: Window) -> None:
    page = go(both, "containers")
    assert isinstance(page, ContainersPage)
    until(lambda: {"web", "reports"} <= set(names(page)))
    choose(page, "web", "intranet")
    act(page, "stop")
    until(lambda: all(column(page, "Status")[name].startswith("Exited") for name in ("web", "intranet")), "both")
    choose(page, "reports")
    act(page, "remove")
    assert note(top(Question)) == "In the engine for Windows containers"
    agree()
    until(lambda: "reports" not in names(page), "the removal")
    choose(page, "web", "intranet")
    act(page, "remove")
    assert note(top(Question)) == "In both engines"
    top(Question).reject()
    assert messages(both) == []


def test_volumes_of_one_name_are_two(both: Window) -> None:
    page = go(both, "volumes")
    assert isinstance(page, VolumesPage)
    until(lambda: names(page).count("cache") == 2, "the volume of both")
    limit(page, WINDOWS)
    choose(page, "cache")
    act(page, "remove")
    agree()
    until(lambda: "cache" not in names(page), "the removal")
    limit(page, BOTH)
    assert names(page).count("cache") == 1
    limit(page, WINDOWS)
    form = page.create_dialog()
    assert note(form) == "In the engine for Windows containers"
    fill(form, name="made-here")
    press(form, "Create")
    until(lambda: "made-here" in names(page), "the new one")
    limit(page, LINUX)
    assert "made-here" not in names(page)


def test_a_page_of_the_other_engine(both: Window) -> None:
    page = go(both, "containers")
    assert isinstance(page, ContainersPage)
    until(lambda: "intranet" in names(page))
    line = next(row.record for row in page.table.visible_rows() if row.record.name == "intranet")
    detail = page.open(line, "inspect")
    until(lambda: "iis" in detail.state.accessibleName(), "its state")
    stop = next(made for operation, made in detail.operations if operation.name == "stop")
    QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
    until(lambda: "Exited" in detail.state.accessibleName(), "the stop")


def test_a_switch_leaves_both_in_the_list(both: Window) -> None:
    page = go(both, "containers")
    until(lambda: {"web", "intranet"} <= set(names(page)))
    use(both, "windows")
    until(lambda: both.session.beside.origin.os == "linux", "the one beside")
    until(lambda: {"web", "intranet"} <= set(names(page)), "the rows of both")
    platforms = column(page, "Platform")
    assert (platforms["web"], platforms["intranet"]) == ("linux/amd64", "windows/amd64")
    assert len(names(page)) == len(set(names(page))), "each once"


def test_one_that_is_stopped_is_named(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    until(page.missing.isVisible, "the note")
    assert page.missing.text.text() == "Windows containers are not shown: their engine is stopped."
    assert not page.engines.isVisible()
    assert page.table.isColumnHidden(2), "no platform where there is one engine"
    assert not page.engine_away.isVisible()
    assert "Windows containers: stopped" in state_bar(shown)
    page.missing.switch.click()
    assert agree().windowTitle() == "Switch to Windows containers?"
    until(lambda: in_use(shown) == "windows", "the switch")
    until(lambda: page.missing.text.text() == "Linux containers are not shown: their engine is stopped.")


def test_nothing_is_said_where_the_other_was_never_used(qapp: QApplication) -> None:
    with home("running,two"), window(qapp) as made:
        page = go(made, "containers")
        until(lambda: "web" in names(page))
        assert not page.missing.isVisible()
        assert not page.engines.isVisible()
