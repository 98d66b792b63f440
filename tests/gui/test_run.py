"""The Run dialog: what it checks, the line it shows, and what comes of it."""

from __future__ import annotations

import subprocess

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.ui.models.run import RunRequest
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.run import RunDialog, is_image_missing
from desktop.ui.pages.shell import ShellPanel
from desktop.ui.widgets.progress import ProgressDialog
from desktop.ui.window import Window
from engine.client.errors import NotFound, ServerError
from tests.gui.drive import fill, go, messages, names, press, refusal, state, top
from tests.gui.stage import until


def run_dialog(shown: Window, image: str = "") -> RunDialog:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    assert isinstance(page, ContainersPage)
    return page.run_dialog(image)


def test_it_shows_the_line_checks_ports_and_runs(shown: Window) -> None:
    dialog = run_dialog(shown)
    assert not dialog.verb.isEnabled()
    dialog.image.setCurrentText("redis:8")
    fill(dialog, name="store", ports="8080:6379")
    assert "docker run -d --name store -p 8080:6379 redis:8" in dialog.line.text()
    press(dialog, "Run")
    assert dialog.isVisible()  # 8080 is taken by the container web
    fill(dialog, ports="47999:1, 47999:2")
    press(dialog, "Run")
    assert dialog.isVisible()
    fill(dialog, ports="47999:6379")
    press(dialog, "Run")
    until(lambda: state(shown, "store") == "running")
    until(lambda: messages(shown) == ["store is running"])


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("name", "a b", "is not allowed"),
        ("command", "sh -c 'x", "quotation mark"),
        ("ports", "80:x", "not a port"),
        ("volumes", "data", "SOURCE:/FOLDER"),
        ("cpus", "many", "Enter a number"),
        ("memory", "1k", "The least is"),
    ],
)
def test_what_cannot_be_is_refused_in_place(shown: Window, field: str, text: str, why: str) -> None:
    dialog = run_dialog(shown, "redis:8")
    fill(dialog, **{field: text})
    assert why in refusal(dialog, field)
    press(dialog, "Run")
    assert dialog.isVisible()


def test_environment_needs_a_name_and_a_value(shown: Window) -> None:
    dialog = run_dialog(shown, "redis:8")
    QTest.keyClicks(dialog.environment, "A=1")
    assert dialog.verb.isEnabled()
    QTest.keyClick(dialog.environment, Qt.Key.Key_Return)
    QTest.keyClicks(dialog.environment, "oops")
    assert "oops" in dialog.environment_reason.text()
    assert not dialog.verb.isEnabled()


def test_what_is_restarted_is_not_removed(shown: Window) -> None:
    dialog = run_dialog(shown, "redis:8")
    dialog.remove.setChecked(True)
    assert "--rm" in dialog.line.text()
    dialog.restart.setCurrentText("always")
    assert not dialog.remove.isEnabled()
    assert "--rm" not in dialog.line.text()
    assert "--restart always" in dialog.line.text()


def test_what_is_not_here_is_pulled_first_with_progress(shown: Window) -> None:
    dialog = run_dialog(shown, "busybox:1.37")
    fill(dialog, name="fresh")
    press(dialog, "Run")
    assert top(ProgressDialog).windowTitle() == "Pulling busybox:1.37"
    until(lambda: state(shown, "fresh") == "running")
    dialog = run_dialog(shown, "nosuch/thing")
    press(dialog, "Run")
    progress = top(ProgressDialog)
    until(lambda: "There is no" in progress.status.text())
    press(progress, "Close")


def test_an_image_for_another_platform_says_what_to_do(shown: Window) -> None:
    dialog = run_dialog(shown, "windows/server:1")
    press(dialog, "Run")
    progress = top(ProgressDialog)
    until(lambda: "windows/server:1 is not available for this platform (linux/amd64)" in progress.status.text())
    assert "slipway engine use windows; or pull another one for Linux." in progress.status.text()
    press(progress, "Close")


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("No such image: alpine:3", True),
        ("image with reference a was found but its platform (linux/amd64) does not match the specified", True),
        ("image with reference a was found but does not provide the specified platform (linux/arm64)", True),
        ("No such container: web", False),
    ],
)
def test_what_is_pulled_before_it_is_run(message: str, missing: bool) -> None:
    assert is_image_missing(NotFound(message)) is missing
    assert not is_image_missing(ServerError(message))


def test_a_pull_that_is_cancelled_runs_nothing(shown: Window) -> None:
    dialog = run_dialog(shown, "slow:1")
    fill(dialog, name="never")
    press(dialog, "Run")
    progress = top(ProgressDialog)
    press(progress, "Cancel")
    until(lambda: any(text.startswith("Cancelled") for text in messages(shown)))
    assert state(shown, "never") == ""


def test_an_interactive_one_opens_its_terminal(shown: Window) -> None:
    dialog = run_dialog(shown, "alpine:3.22")
    fill(dialog, name="play")
    dialog.terminal.setChecked(True)
    assert dialog.line.text() == "docker run -it --name play alpine:3.22"
    press(dialog, "Run")
    until(lambda: isinstance(shown.stack.currentWidget(), ContainerPage))
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ContainerPage)
    panel = detail.tab("terminal")
    assert isinstance(panel, ShellPanel)
    assert panel.kind.currentText().startswith("Attach")
    until(lambda: "/ #" in "\n".join(panel.terminal.lines()))
    QTest.keyClicks(panel.terminal, "echo hello")
    QTest.keyClick(panel.terminal, Qt.Key.Key_Return)
    until(lambda: "hello" in panel.terminal.lines())


@pytest.mark.parametrize(
    "command", ["sh -c 'echo $HOME; exit 1'", 'printf "%s\n" "a b"', "echo a;b", "echo * && true"]
)
def test_the_line_runs_what_the_window_runs(command: str) -> None:
    """A shell takes the line apart."""
    request = RunRequest("alpine", command=command, environment=("A=b c$d",))
    script = "docker() { printf '%s\\0' \"$@\"; }\n" + request.command_line()
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    words = told.split("\0")[:-1]
    assert words == ["run", "-d", "-e", "A=b c$d", "alpine", *request.config()["Cmd"]]
