"""Images: the table's filters and platforms, builds with their steps, one image's page, prune and removal."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from desktop.ui.models.image_filters import parse
from desktop.ui.models.images import PLATFORM
from desktop.ui.models.layers import freed_bytes, steps
from desktop.ui.pages.build_dialog import BuildDialog
from desktop.ui.pages.image import ImagePage, LayersPanel, OverviewPanel, PlatformsPanel
from desktop.ui.pages.image_forms import BuildForm
from desktop.ui.pages.image_prune import PruneDialog
from desktop.ui.pages.images import ImagesPage
from desktop.ui.pages.run import RunDialog
from desktop.ui.window import Window
from engine.client.build.build import Build
from engine.client.models import Layer
from tests.gui.drive import act, agree, choose, fill, go, messages, names, press, state, top
from tests.gui.stage import until


@pytest.fixture
def page(shown: Window) -> ImagesPage:
    found = go(shown, "images")
    assert isinstance(found, ImagesPage)
    until(lambda: "redis" in names(found))
    return found


def type_into_search(page: ImagesPage, text: str) -> None:
    page.search.clear()
    QTest.keyClicks(page.search, text)


class TestTable:
    def test_platforms_come_after_the_list(self, page: ImagesPage) -> None:
        platform = page.table.records.columns[PLATFORM].text

        def shown_platforms() -> dict[str, str]:
            return {row.record.reference: platform(row.record) for row in page.table.records.rows()}

        until(lambda: shown_platforms().get("alpine-arm:3.22") == "linux/arm64")
        until(lambda: shown_platforms().get("redis:8") == "linux/amd64")

    def test_filters_are_the_engines(self, page: ImagesPage) -> None:
        type_into_search(page, "label=team=core")
        until(lambda: names(page) == ["alpine-arm"])
        type_into_search(page, "reference=nginx:1.*")
        until(lambda: names(page) == ["nginx", "nginx"])  # the image, and the one name that fits
        type_into_search(page, "since=redis:8 node")
        until(lambda: names(page) == ["node"])
        type_into_search(page, "dangling=true")
        until(lambda: names(page) == ["<none>"])
        page.search.clear()
        until(lambda: "redis" in names(page))

    def test_filters_follow_events(self, shown: Window, page: ImagesPage) -> None:
        type_into_search(page, "reference=redis:*")
        until(lambda: names(page) == ["redis"])
        shown.session.bridge.call(shown.session.engine.images.tag("redis:8", "redis:extra"))
        until(lambda: len(names(page)) == 3)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("colour=red", "no filter “colour”"),
            ("before=", "needs a value"),
            ("dangling=maybe", "true or false"),
            ("before=nothing:1", "No such image"),
        ],
    )
    def test_what_is_no_filter_is_told_in_place(self, page: ImagesPage, text: str, why: str) -> None:
        type_into_search(page, text)
        until(lambda: why in page.filter_note.text())
        assert page.filter_note.isVisible()
        assert page.search.property("invalid")
        page.search.clear()
        until(lambda: page.filter_note.isHidden())

    def test_the_menu_explains_and_fills_in(self, page: ImagesPage) -> None:
        actions = page.menu.menu().actions()
        assert [item.text().partition("=")[0] for item in actions] == [
            *("dangling", "before", "since", "label", "reference", "until"),
        ]
        actions[3].trigger()
        assert page.search.text() == "label=team=core"
        assert page.search.selectedText() == "team=core"
        until(lambda: names(page) == ["alpine-arm"])


def test_filters_and_words_are_told_apart() -> None:
    query = parse("web label=a=b label=c before=x:1")
    assert (query.words, query.filters) == ("web", {"label": ["a=b", "c"], "before": ["x:1"]})
    assert query.error == ""


class TestBuild:
    def test_the_form_checks_in_place(self, page: ImagesPage, tmp_path: Path) -> None:
        form = page.build_dialog()
        fill(form, folder=str(tmp_path), tag="Me/App")
        press(form, "Build")
        assert form.isVisible()  # the tag has capitals, and there is no Dockerfile
        (tmp_path / "Dockerfile").write_text("FROM alpine:3.22\nARG word\nRUN make\n")
        fill(form, tag="me/app:1")
        form.arguments.setPlainText("no equals sign")
        press(form, "Build")
        assert form.isVisible()
        form.arguments.setPlainText("word=x=y")
        fill(form, target="last")
        form.no_cache.setChecked(True)
        form.pull.setChecked(True)
        wanted = Build(tmp_path, ("me/app:1",), target="last", arguments={"word": "x=y"}, cache=False, pull=True)
        assert form.build() == wanted
        press(form, "Build")
        dialog = top(BuildDialog)
        until(lambda: dialog.done_with)
        until(lambda: "me/app" in names(page))

    def build(self, page: ImagesPage, folder: Path, *lines: str) -> BuildDialog:
        (folder / "Dockerfile").write_text("\n".join(lines))
        return page.build(Build(folder, ("me/app:1",)))

    def states(self, dialog: BuildDialog) -> list[str]:
        return [row.record.state for row in dialog.table.records.rows()]

    def test_steps_are_live_and_cached_the_next_time(self, page: ImagesPage, tmp_path: Path) -> None:
        dialog = self.build(page, tmp_path, "FROM alpine:3.22", "RUN make")
        until(lambda: "running" in self.states(dialog))
        until(lambda: self.states(dialog) == ["done", "done"])
        until(lambda: "Built me/app:1" in dialog.status.text())
        press(dialog, "Close")
        again = self.build(page, tmp_path, "FROM alpine:3.22", "RUN make")
        until(lambda: self.states(again) == ["cached", "cached"])
        until(lambda: again.done_with)
        press(again, "Run…")
        assert top(RunDialog).windowTitle()

    def test_a_step_that_fails_is_shown_with_what_it_printed(self, page: ImagesPage, tmp_path: Path) -> None:
        dialog = self.build(page, tmp_path, "FROM alpine:3.22", "RUN false")
        until(lambda: "exit code: 1" in dialog.status.text())
        assert self.states(dialog) == ["done", "failed"]
        assert dialog.log.text.toPlainText() == "doing RUN false"
        press(dialog, "Close")

    def test_cancel_in_the_middle(self, shown: Window, page: ImagesPage, tmp_path: Path) -> None:
        dialog = self.build(page, tmp_path, "FROM alpine:3.22", "RUN sleep")
        until(lambda: self.states(dialog) == ["done", "running"])
        press(dialog, "Cancel")
        until(lambda: messages(shown) == ["Cancelled: Building me/app:1"])
        assert "me/app" not in names(page)

    def test_a_dockerfile_has_to_be_in_the_folder(self, page: ImagesPage, tmp_path: Path) -> None:
        form = BuildForm(page)
        form.folder.setText(str(tmp_path))
        for name, why in (("../x", "in the folder"), ("absent", "no file")):
            form.dockerfile.setText(name)
            form.check(final=True)
            assert why in form.dockerfile.accessibleDescription()
        form.deleteLater()


class TestPage:
    def open(self, page: ImagesPage, name: str) -> ImagePage:
        choose(page, name)
        act(page, "details")
        found = page.context.places.stack.currentWidget()  # type: ignore[attr-defined]  # the window's
        assert isinstance(found, ImagePage)
        return found

    def test_overview_and_layers(self, page: ImagesPage) -> None:
        detail = self.open(page, "alpine-arm")
        layers = detail.tab("layers")
        assert isinstance(layers, LayersPanel)
        until(lambda: layers.table.records.rowCount() == 3)
        detail.show_tab("overview")
        overview = detail.tab("overview")
        assert isinstance(overview, OverviewPanel)
        until(lambda: any(part.text() == "linux/arm64" for part in overview.findChildren(QLabel)))

    def test_platforms_of_the_registry(self, page: ImagesPage) -> None:
        until(lambda: len(page.details[page.context].known) > 3)
        detail = self.open(page, "alpine-arm")
        detail.show_tab("platforms")
        panel = detail.tab("platforms")
        assert isinstance(panel, PlatformsPanel)
        until(lambda: "3 platforms" in panel.note.text())
        marked = [row.record[0] for row in panel.table.records.rows() if row.record[1]]
        assert marked == ["linux/arm64"]

    def test_a_registry_that_does_not_tell_says_why(self, page: ImagesPage) -> None:
        name = next(name for name in names(page) if name.startswith("ghcr.io"))
        detail = self.open(page, name)
        detail.show_tab("platforms")
        panel = detail.tab("platforms")
        assert isinstance(panel, PlatformsPanel)
        until(lambda: "denied access" in panel.note.text())


class TestGoing:
    def test_force_leaves_the_containers(self, shown: Window, page: ImagesPage) -> None:
        choose(page, "debian")
        act(page, "remove")
        agree(option=True)  # "builder" has ended
        until(lambda: "debian" not in names(page))
        assert state(shown, "builder") == "exited"

    def test_prune_lists_and_counts(self, shown: Window, page: ImagesPage) -> None:
        page.prune()
        dialog = top(PruneDialog)
        until(lambda: "1 image and frees" in dialog.sum.text())
        dialog.option.setChecked(True)
        until(lambda: "images and frees" in dialog.sum.text())
        idle = [row for row in page.table.records.rows() if not row.record.users]
        assert dialog.table.records.rowCount() == len(idle) > 1
        press(dialog, "Prune")
        until(lambda: any("Freed" in text for text in messages(shown)))


def layer(text: str, size: int) -> Layer:
    return Layer("<missing>", 1, text, size, (), "")


class TestLayers:
    def test_instructions_find_their_layers(self) -> None:
        history = [layer('CMD ["x"]', 0), layer("WORKDIR /a", 0), layer("COPY . .", 5), layer("ADD rootfs", 9)]
        assert [step.chain for step in steps(history, ("a", "b", "c"))] == [
            *(("a",), ("a", "b"), ("a", "b", "c"), ()),
        ]

    def test_what_others_have_is_not_freed_and_nothing_twice(self) -> None:
        chains = {"one": ("a", "b"), "two": ("a", "b", "c"), "kept": ("a",)}
        gone = {
            "one": steps([layer("RUN b", 20), layer("ADD a", 100)], chains["one"]),
            "two": steps([layer("RUN c", 3), layer("RUN b", 20), layer("ADD a", 100)], chains["two"]),
        }
        assert freed_bytes(gone, chains, ["kept"]) == 23
        assert freed_bytes({"one": gone["one"]}, chains, ["two", "kept"]) == 0
