"""What containers use: in the list, on a container's and a project's page, kept while nothing of it is shown."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.ui import stats as sampling
from desktop.ui.models import containers as model
from desktop.ui.models.stats import History, Sample
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.project import ProjectPage
from desktop.ui.pages.stats import StatsPanel, limits_of
from desktop.ui.window import Window
from tests.gui.drive import act, choose, go, names
from tests.gui.stage import until

MIB = 2**20


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers are asked often, whether shown or not."""
    monkeypatch.setattr(sampling, "TICK_MS", 50)
    monkeypatch.setattr("desktop.ui.models.stats.SHOWN_SECONDS", 0.1)
    monkeypatch.setattr("desktop.ui.models.stats.UNSEEN_SECONDS", 0.2)
    monkeypatch.setattr("desktop.ui.models.stats.UNSEEN_RATE", 100.0)


def page(shown: Window) -> ContainersPage:
    made = go(shown, "containers")
    assert isinstance(made, ContainersPage)
    until(lambda: "web" in names(made))
    return made


def key_of(shown: Window, name: str) -> str:
    return next(item.id for item in shown.context.lists.containers.items if item.name == name)


def past(shown: Window, name: str) -> History:
    """A history of ten minutes in the place of the container's own."""
    made, now = History(), time.time()
    for number in range(61):
        at = now - 600 + number * 10
        made.add(Sample(at, number * 2.0, (64 + number) * MIB, 0, (number * 5000.0,) * 4), at)
    shown.context.lists.stats.histories[key_of(shown, name)] = made
    return made


def test_each_running_container_has_a_history_while_none_is_shown(shown: Window) -> None:
    assert shown.place == "home"
    lists = shown.context.lists
    running = {item.id for item in lists.containers.items if item.state == "running"}
    until(lambda: set(lists.stats.latest) == running)
    web = key_of(shown, "web")
    shown.session.bridge.call(shown.session.engine.containers.stop(web))
    until(lambda: web not in lists.stats.latest)
    assert len(lists.stats.histories[web].times)
    shown.session.bridge.call(shown.session.engine.containers.remove(web, force=True))
    until(lambda: web not in lists.stats.histories)


def test_the_list_draws_lines_and_says_the_same_in_words(shown: Window) -> None:
    made = page(shown)
    table = made.table
    past(shown, "web")
    until(lambda: table.index_of(key_of(shown, "web")).siblingAtColumn(model.CPU_TREND).data())
    cell = table.index_of(key_of(shown, "web")).siblingAtColumn(model.CPU_TREND)
    assert "highest in 10 minutes" in cell.data()
    assert table.isColumnHidden(model.MEMORY_TREND)
    table.columns.show_column(model.MEMORY_TREND, True)
    assert not table.isColumnHidden(model.MEMORY_TREND)
    memory = cell.siblingAtColumn(model.MEMORY_TREND)
    assert "MiB, highest in 10 minutes" in memory.data()
    table.columns.fit()
    area = table.visualRect(memory)
    drawn = table.viewport().grab(area).toImage()
    assert len({drawn.pixel(x, y) for x in range(drawn.width()) for y in range(drawn.height())}) > 2


def test_what_the_user_chose_of_the_columns_is_kept(shown: Window) -> None:
    columns = page(shown).table.columns
    columns.show_column(model.MEMORY_TREND, True)
    columns.show_column(model.CPU_TREND, False)
    kept = columns.state()
    columns.reset()
    table = page(shown).table
    assert table.isColumnHidden(model.MEMORY_TREND)
    columns.restore(kept)
    assert not table.isColumnHidden(model.MEMORY_TREND)
    assert table.isColumnHidden(model.CPU_TREND)


def panel_of(shown: Window, name: str) -> StatsPanel:
    made = page(shown)
    choose(made, name)
    past(shown, name)
    panel = made.open(made.table.chosen()[0].record, "stats").tab("stats")
    assert isinstance(panel, StatsPanel)
    return panel


def test_plots_have_ten_minutes_at_once(shown: Window) -> None:
    panel = panel_of(shown, "web")
    cpu, memory, network, disk = panel.plots
    until(lambda: "%" in cpu.values[0].text())
    assert memory.values[0].text().endswith("MiB")
    assert [part.text().split()[0] for part in (*network.values, *disk.values)] == [
        "received",
        "sent",
        "read",
        "written",
    ]
    assert "highest in 10 minutes" in memory.accessibleDescription()


def test_a_moment_is_chosen_by_keys(shown: Window) -> None:
    plot = panel_of(shown, "web").plots[1]
    until(lambda: "MiB" in plot.values[0].text())
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert plot.moment.text().count(":") == 2
    assert plot.values[0].text() == "64 MiB"
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert plot.values[0].text() == "65 MiB"
    assert plot.moment.text() in plot.accessibleDescription()
    plot.clearFocus()
    assert plot.moment.text() == ""


def test_a_limit_is_told(shown: Window) -> None:
    plot = panel_of(shown, "web").plots[1]
    plot.set_limit(128 * MIB, "limit 128 MiB")
    assert plot.limit.text() == "limit 128 MiB"
    assert plot.accessibleDescription().endswith("limit 128 MiB")
    assert limits_of({"NanoCpus": 1_500_000_000, "Memory": 5}) == (150.0, 5.0)
    assert limits_of({"CpuQuota": 50_000}) == (50.0, 0.0)
    assert limits_of({}) == (0.0, 0.0)


def test_a_project_has_the_sums(shown: Window) -> None:
    made = page(shown)
    for name in ("shop-db-1", "shop-web-1", "shop-cache-1"):
        past(shown, name)
    choose(made, "shop")
    act(made, "details")
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ProjectPage)
    detail.show_tab("stats")
    panel = detail.tab("stats")
    assert isinstance(panel, StatsPanel)
    until(lambda: "MiB" in panel.plots[1].values[0].text())
    panel.plots[1].choose(30)
    assert 3 * 64 <= float(panel.plots[1].values[0].text().split()[0]) <= 3 * 124
