"""The activity: what runs and what came of it, cancel and another try, and what is kept for the next window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from desktop.ui import notifications
from desktop.ui.models.activity import Activity, State
from desktop.ui.models.images import TAG
from desktop.ui.notifications import Notifier
from desktop.ui.pages.activity import ActivityPage
from desktop.ui.pages.image_diff import ImageDiffDialog
from desktop.ui.pages.images import ImagesPage
from desktop.ui.widgets.progress import ProgressDialog
from desktop.ui.window import Window
from engine.client.build.build import Build
from tests.gui.drive import act, choose, go, messages, names, press, top
from tests.gui.stage import home, until, window


def images(shown: Window) -> ImagesPage:
    page = go(shown, "images")
    assert isinstance(page, ImagesPage)
    until(lambda: "redis" in names(page), "the images")
    return page


def activity(shown: Window) -> ActivityPage:
    """Open the page by its keys."""
    shown.raise_window()
    until(shown.isActiveWindow, "the window is active")
    QTest.keyClick(shown, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    page = shown.stack.currentWidget()
    assert isinstance(page, ActivityPage)
    return page


def listed(page: ActivityPage) -> dict[str, State]:
    """Title → state of what is listed."""
    return {row.record.title: row.record.state for row in page.table.visible_rows()}


def ended(shown: Window, title: str, state: State) -> Activity:
    """Wait for the end of an activity, and return the newest of that title."""

    def found() -> list[Activity]:
        return [item for item in shown.session.activities.log.items if item.title == title and not item.running]

    until(lambda: found() and found()[0].state is state, f"{title}: {state}")
    return found()[0]


class TestPage:
    def test_a_pull_is_counted_cancelled_and_tried_again(self, shown: Window) -> None:
        job = images(shown).pull("endless:1")
        until(lambda: shown.activity.text().startswith("Pulling endless:1 "), "the pull in the state bar")
        assert shown.activity.accessibleName().startswith("Activity: Pulling endless:1")
        page = activity(shown)
        assert listed(page) == {"Pulling endless:1": State.RUNNING}
        until(lambda: len(page.details.layers.bars) == 3, "its layers")
        assert job.running
        assert page.details.again.isHidden()
        page.details.cancel.click()
        until(lambda: listed(page) == {"Pulling endless:1": State.CANCELLED})
        assert messages(shown) == ["Cancelled: Pulling endless:1"]
        page.details.again.click()
        until(lambda: shown.session.activities.jobs, "the pull, once more")
        shown.session.activities.jobs[0].cancel()
        next(item for item in page.findChildren(QToolButton) if item.accessibleName() == "Back").click()
        assert shown.stack.currentWidget() is shown.pages["images"]

    def test_a_failure_has_its_reason_and_can_be_copied(self, shown: Window) -> None:
        images(shown).pull("nosuch/a:1")
        ended(shown, "Pulling nosuch/a:1", State.FAILED)
        until(lambda: shown.activity.text() == "1 failed")
        banner = shown.banners.shown()[0]
        assert banner.message == "The registry has no nosuch/a:1"
        next(item for item in banner.buttons if item.text() == "Details").click()
        page = shown.stack.currentWidget()
        assert isinstance(page, ActivityPage)
        assert page.details.why.text() == "The registry has no nosuch/a:1"
        assert page.details.hint.text() == "Check the spelling of the tag."
        page.details.copy.click()
        assert "Check the spelling of the tag." in QGuiApplication.clipboard().text()
        assert shown.activity.text() == "Activity"  # it has been looked at

    def test_changes_and_errors_are_listed(self, shown: Window) -> None:
        containers = go(shown, "containers")
        until(lambda: "web" in names(containers))
        choose(containers, "web")
        act(containers, "restart")
        ended(shown, "Restarting web", State.DONE)
        shown.banners.show_message("error", "It did not work", "Try again.")
        page = activity(shown)
        assert listed(page) == {"It did not work": State.FAILED, "Restarting web": State.DONE}
        page.filters.choose("Failed")
        assert list(listed(page)) == ["It did not work"]
        page.filters.choose("All")
        page.clear.click()
        until(lambda: listed(page) == {})

    def test_a_build_keeps_its_steps(self, shown: Window, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM alpine:3.22\nRUN make\n")
        page = images(shown)
        for _ in range(2):
            dialog = page.build(Build(tmp_path, ("me/app:1",)))
            until(partial(getattr, dialog, "done_with"), "the build")
            press(dialog, "Close")
        found = activity(shown)
        until(lambda: list(listed(found).values()) == [State.DONE])
        steps = found.details.build.table.records
        states = [row.record.state for row in steps.rows()]
        assert states == ["cached", "cached"]
        assert "2 from the cache" in found.details.state.accessibleName()


class TestArriving:
    def test_a_pull_has_a_row_with_how_far_it_is_and_cancel(self, shown: Window) -> None:
        page = images(shown)
        job = page.pull("endless:1")

        def coming() -> list[str]:
            return [row.record.doing for row in page.table.visible_rows() if row.record.is_new]

        until(lambda: coming() and coming()[0].endswith("%"), "how far it is")
        assert coming()[0].startswith("Pulling ")
        assert [row.key for row in page.table.chosen()] == [job.key]
        about = page.describe(page.table.chosen()[0].record)
        assert (about.title, about.facts) == ("endless:1", ())
        assert not page.actions_by_name["remove"].isEnabled()
        page.table.opened.emit(page.table.chosen()[0])
        press(top(ProgressDialog), "Hide")
        act(page, "cancel")
        until(lambda: coming() == [])
        assert not job.running

    def test_the_row_stays_until_the_image_is_there(self, shown: Window) -> None:
        page = images(shown)
        seen: list[int] = []
        page.arriving[page.context].changed.connect(
            lambda: seen.append(sum("busybox" in name for name in names(page)))
        )
        page.pull("busybox:1.37")
        until(lambda: names(page).count("busybox") == 1, "the image")
        until(lambda: not shown.session.activities.jobs, "the end of the pull")
        assert set(seen) == {1}  # never none, and never both


class TestNotifications:
    def test_what_ends_unseen_and_took_its_time_is_told(
        self, shown: Window, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[tuple[str, str, bool]] = []
        led: list[str] = []
        hidden, wanted = [True], [True]

        def show(message: str, hint: str, bad: bool, clicked: Callable[[], None]) -> None:
            told.append((message, hint, bad))
            clicked()

        Notifier(
            shown.session.activities,
            lambda: hidden[0],
            lambda then: then() if wanted[0] else None,
            show,
            led.append,
        )
        page = images(shown)
        page.pull("busybox:1")
        ended(shown, "Pulling busybox:1", State.DONE)
        assert told == []  # it was over at once
        monkeypatch.setattr(notifications, "LEAST_SECONDS", 0.0)
        page.pull("busybox:2")
        ended(shown, "Pulling busybox:2", State.DONE)
        failed = page.pull("nosuch/a:1")
        ended(shown, "Pulling nosuch/a:1", State.FAILED)
        assert [(message, bad) for message, _, bad in told] == [
            ("Pulled busybox:2", False),
            ("Pulling nosuch/a:1 failed", True),
        ]
        assert told[1][1] == "The registry has no nosuch/a:1"
        assert led[1] == failed.key
        page.pull("endless:1").cancel()
        hidden[0] = False
        page.pull("busybox:3")
        ended(shown, "Pulling busybox:3", State.DONE)
        hidden[0], wanted[0] = True, False
        page.pull("busybox:4")
        ended(shown, "Pulling busybox:4", State.DONE)
        assert len(told) == 2


def test_builds_of_a_terminal_are_listed_with_their_steps(shown: Window, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine:3.22\nRUN make\n")
    built: list[bool] = []
    work = shown.session.engine.images.build(Build(tmp_path, ("other/app:2",)))
    shown.session.bridge.follow(lambda: work, lambda _: None, partial(built.append, True))
    own = images(shown).build(Build(tmp_path, ("me/app:1",)))
    until(lambda: built and own.done_with, "both builds")
    press(own, "Close")
    page = activity(shown)
    until(lambda: set(listed(page)) == {"Building me/app:1", "Building other/app:2"}, "the builds")
    assert len(page.table.visible_rows()) == 2
    other = next(row for row in page.table.visible_rows() if row.record.title == "Building other/app:2")
    assert "not from this window" in other.record.engine
    page.choose(next(row.key for row in page.table.visible_rows() if row.key != other.key))
    page.choose(other.key)
    steps = page.details.build.table.records
    until(lambda: [row.record.name for row in steps.rows()][:1] == ["[1/2] FROM alpine:3.22"], "its steps")
    until(lambda: len(steps.rows()) == 2)


class TestImages:
    def test_updates_are_asked_for_and_pulled(self, shown: Window) -> None:
        page = images(shown)
        choose(page, "redis", "debian")
        act(page, "check")
        until(lambda: "1 of 2 images has an update" in messages(shown))
        offers = page.table.delegate.offers[TAG]
        offered = {row.record.reference: offers(row.record) for row in page.table.records.rows()}
        assert offered["redis:8"] == "Update"
        assert offered["debian:trixie-slim"] == ""
        choose(page, "redis")
        act(page, "update")
        ended(shown, "Pulling redis:8", State.DONE)
        until(lambda: not any(offers(row.record) for row in page.table.records.rows()), "it is up to date")

    def test_two_images_are_compared(self, shown: Window) -> None:
        page = images(shown)
        choose(page, "redis")
        assert not page.actions_by_name["compare"].isEnabled()
        choose(page, "redis", "debian")
        act(page, "compare")
        dialog = top(ImageDiffDialog)
        until(lambda: dialog.table.records.rowCount() > 0, "the layers")
        assert "of 3 instructions in both" in dialog.note.text()
        dialog.close()


def test_the_machine_is_listed_whoever_stops_it(shown: Window) -> None:
    shown.session.stop()
    ended(shown, "Stopping Slipway", State.DONE)
    shown.session.start()
    ended(shown, "Starting Slipway", State.DONE)


def test_a_later_window_knows_what_came_of_it_and_can_repeat_it(qapp: QApplication) -> None:
    with home("running"):
        with window(qapp) as first:
            images(first).pull("busybox:1.37")
            ended(first, "Pulling busybox:1.37", State.DONE)
            images(first).pull("endless:1")
        with window(qapp) as second:
            images(second)
            page = activity(second)
            until(lambda: listed(page).get("Pulling endless:1") is State.BROKEN_OFF, "what was under way")
            done = next(row for row in page.table.visible_rows() if row.record.state is State.DONE)
            page.choose(done.key)
            assert not page.details.again.isHidden()
            page.details.again.click()
            until(lambda: len(page.table.visible_rows()) == 3, "once more")
            ended(second, "Pulling busybox:1.37", State.DONE)
