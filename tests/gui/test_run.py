"""The Run dialog: what it checks, the line it shows, and what comes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from desktop.ui.models.run import RunRequest
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.run import RunDialog, is_image_missing
from desktop.ui.pages.shell import ShellPanel
from desktop.ui.widgets.progress import ProgressDialog
from desktop.ui.window import Window
from engine.client.errors import NotFound, ServerError
from tests.gui.drive import fill, fill_row, go, messages, names, press, press_tool, refusal, state, top
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
    fill(dialog, name="store")
    until(lambda: len(dialog.ports.rows) > 1, "what the image exposes")
    fill_row(dialog, ("Host port 1", "8080"))
    assert dialog.ports.texts == ("8080:6379",)
    assert "docker run -d --name store -p 8080:6379 redis:8" in dialog.line.text()
    assert refusal(dialog, "Host port 1") == "Port 8080 is in use by the container web."
    press(dialog, "Run")
    assert dialog.isVisible()
    fill_row(dialog, ("Host port 1", "47999"), ("Host port 2", "47999"), ("Container port 2", "2"))
    assert refusal(dialog, "Host port 1") == "Port 47999 is listed twice."
    press(dialog, "Run")
    assert dialog.isVisible()
    press_tool(dialog, "Remove, row 2")
    assert dialog.ports.texts == ("47999:6379",)
    assert refusal(dialog, "Host port 1") == ""
    press(dialog, "Run")
    until(lambda: state(shown, "store") == "running")
    until(lambda: messages(shown) == ["store is running"])


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("name", "a b", "is not allowed"),
        ("command", "sh -c 'x", "quotation mark"),
        ("cpus", "many", "Enter a number"),
        ("memory", "1k", "The least is"),
    ],
)
def test_what_cannot_be_is_refused_in_place(shown: Window, field: str, text: str, why: str) -> None:
    dialog = run_dialog(shown, "redis:8")
    dialog.show_more(True)
    fill(dialog, **{field: text})
    assert why in refusal(dialog, field)
    press(dialog, "Run")
    assert dialog.isVisible()


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (("Host port", "80"), ("Container port", "x"), "not a port"),
        (("Host port", "80"), ("Container port", ""), "not a port"),
        (("Volume or folder", "data"), ("Folder in the container", ""), "begins with “/”"),
        (("Volume or folder", ""), ("Folder in the container", "/x"), "which volume or folder?"),
        (("Volume or folder", "~/site"), ("Folder in the container", "/x"), "whole path"),
        (("Variable", ""), ("Value", "1"), "name of the variable is missing"),
        (("Variable", "A B"), ("Value", "1"), "no spaces"),
    ],
)
def test_what_cannot_be_is_refused_in_its_row(
    shown: Window, first: tuple[str, str], second: tuple[str, str], why: str
) -> None:
    dialog = run_dialog(shown, "traefik:3")  # not here: it declares nothing
    fill_row(dialog, *((f"{name} 1", text) for name, text in (first, second)))
    if not all((first[1], second[1])):
        assert refusal(dialog, f"{first[0]} 1") == "", "it may still be completed"
    press(dialog, "Run")
    assert why in refusal(dialog, f"{first[0]} 1")
    assert dialog.isVisible()


def test_rows_grow_and_shrink_and_follow_the_tab_key(shown: Window) -> None:
    dialog = run_dialog(shown, "traefik:3")
    fill_row(dialog, ("Variable 1", "A"), ("Value 1", "1"), ("Variable 2", "B"))
    assert dialog.environment.texts == ("A=1", "B=")
    assert len(dialog.environment.rows) == 3, "there is always one to type into"
    press_tool(dialog, "Remove, row 1", within=dialog.environment)
    assert list(dialog.environment.texts) == ["B="]
    first, second = dialog.environment.rows
    first.fields[0].setFocus()
    reached: list[QWidget] = [first.fields[0]]
    while reached[-1] is not second.fields[0]:
        QTest.keyClick(reached[-1], Qt.Key.Key_Tab)
        reached.append(dialog.focusWidget())
        assert len(reached) < 6, [item.accessibleName() for item in reached]
    assert [item.accessibleName() for item in reached[1:]] == ["Value 1", "Remove, row 1", "Variable 2"]


def test_what_the_image_declares_is_offered(shown: Window) -> None:
    dialog = run_dialog(shown, "postgres:17")
    until(lambda: len(dialog.ports.rows) > 1, "what the image exposes")
    offered = dialog.ports.rows[0]
    assert offered.fields[1].text() == "5432"
    assert offered.fields[1].isReadOnly()
    assert dialog.request().ports == (), "nothing is published unasked"
    assert dialog.request().volumes == ()
    press_tool(dialog, f"Use {offered.offer.fill}, row 1" if offered.offer else "")
    assert dialog.request().ports == (f"{offered.fields[0].text()}:5432",)
    fill_row(dialog, ("Volume or folder 1", "pgdata"))
    assert dialog.request().volumes == ("pgdata:/var/lib/postgresql/data",)
    dialog.volumes.rows[0].check.setChecked(True)  # type: ignore[union-attr]  # volumes have one
    assert dialog.request().volumes == ("pgdata:/var/lib/postgresql/data:ro",)
    assert dialog.request().environment == ()
    press(dialog, "Show 2 variables of the image")
    fill_row(dialog, ("Value 1", "17.5"))
    assert dialog.request().environment == (f"{dialog.environment.rows[0].fields[0].text()}=17.5",)
    dialog.image.setCurrentText("traefik:3")
    assert dialog.request().volumes == ("pgdata:/var/lib/postgresql/data",), "what was completed stays"


LINE = """docker run -d --name shop \
    -p 8088:80 -p 53:53/udp -v shop:/srv:ro \
    --mount type=bind,source=/home/me,target=/me,readonly \
    -e 'GREETING=hello world' --restart unless-stopped -m 512m --gpus all nginx:1.29 nginx -g 'daemon off;'
"""


def test_a_line_that_is_pasted_fills_the_form(shown: Window) -> None:
    dialog = run_dialog(shown)
    QGuiApplication.clipboard().setText(LINE)
    field = dialog.image.lineEdit()
    assert field is not None
    field.paste()
    request = dialog.request()
    assert request.image == "nginx:1.29"
    assert (request.name, request.ports) == ("shop", ("8088:80", "53:53/udp"))
    assert request.volumes == ("shop:/srv:ro", "/home/me:/me:ro")
    assert request.environment == ("GREETING=hello world",)
    assert (request.restart, request.memory) == ("unless-stopped", "512m")
    assert request.command == "nginx -g 'daemon off;'"
    assert dialog.memory.isVisible(), "what is set is shown"
    assert "--gpus all" in dialog.note.text()
    assert dialog.note.isVisible()


def test_a_line_without_an_image_says_so(shown: Window) -> None:
    dialog = run_dialog(shown)
    QGuiApplication.clipboard().setText("docker run -p 80:80")
    field = dialog.image.lineEdit()
    assert field is not None
    field.paste()
    assert dialog.note.text() == "The line has no image."
    assert not dialog.verb.isEnabled()


def test_variables_come_from_a_file(shown: Window, tmp_path: Path) -> None:
    dialog = run_dialog(shown, "traefik:3")
    fill_row(dialog, ("Variable 1", "A"), ("Value 1", "old"), ("Variable 2", "KEPT"), ("Value 2", "1"))
    file = tmp_path / ".env"
    file.write_text("# settings\nA=new\nTOKEN=a=b c\nHOME\n\n")
    dialog.import_env_file(file)
    assert sorted(dialog.request().environment) == ["A=new", "KEPT=1", "TOKEN=a=b c"]
    assert dialog.note.text() == "2 variables from .env"
    file.write_bytes(b"A=\xff")
    dialog.import_env_file(file)
    assert ".env cannot be read" in dialog.note.text()


def test_what_few_containers_need_is_folded(shown: Window) -> None:
    dialog = run_dialog(shown, "redis:8")
    assert not dialog.memory.isVisible()
    press(dialog, "More")
    assert dialog.memory.isVisible()
    fill(dialog, memory="1k")
    press(dialog, "Less")
    assert dialog.memory.isVisible(), "what is wrong stays in sight"
    fill(dialog, memory="")
    press(dialog, "Less")
    assert not dialog.memory.isVisible()


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
    rows = go(shown, "containers").table.records
    found = [row.record for row in rows.rows() if row.record.name == "fresh"]
    assert [line.status.partition(" ")[0].rstrip("…") for line in found] == ["Pulling"]
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
    panel = shown.drawer.current
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
