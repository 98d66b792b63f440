"""A walk through the real window with two real engines elsewhere: ``python -m tests.e2e.engines_walk PICTURES``.

It runs on a screen of its own (screen.py). What it needs is in the environment: the addresses of the engines, and
the folder of the certificates. Slipway's own engine is the stand-in.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSpinBox

from desktop.ui.engine_connection import State
from desktop.ui.pages.container import ContainerPage, LogPanel
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.services import ServicesPage
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.terminal import Terminal
from desktop.ui.window import Window
from engine.remote.endpoints import TlsFiles
from tests.gui.drive import act, agree, choose, fill, go, names, press, top
from tests.gui.far_engines import context
from tests.gui.screenshots import take
from tests.gui.stage import home, until, window
from tests.gui.test_engines import followed, use

TLS, SSH, PKI = "FAR_TLS", "FAR_SSH", "FAR_PKI"
IMAGE = "slipway/busybox:latest"


def run_one(shown: Window, name: str) -> ContainerPage:
    """Run a container by the form, and open its page."""
    page = go(shown, "containers")
    assert isinstance(page, ContainersPage)
    dialog = page.run_dialog(IMAGE)
    assert not dialog.volumes.local, "folders are the other computer's"
    fill(dialog, name=name, command="sh -c 'echo it runs there; exec sleep 1000'")
    press(dialog, "Run")
    until(lambda: name in names(page), "the container")
    return page.open(next(row.record for row in page.table.visible_rows() if row.record.name == name), "logs")


def look_inside(shown: Window, detail: ContainerPage, pictures: Path, what: str) -> None:
    """Its log, a terminal, its load and its files."""
    log = detail.tab("logs")
    assert isinstance(log, LogPanel)
    until(lambda: "it runs there" in log.text.toPlainText(), "its log")
    detail.open_terminal()
    terminal = shown.findChildren(Terminal)[0]
    until(lambda: any("#" in line for line in terminal.cells.display), "a prompt")
    terminal.setFocus()
    QTest.keyClicks(terminal, "echo $((6*7))-is-it")
    QTest.keyClick(terminal, Qt.Key.Key_Return)
    until(lambda: any("42-is-it" in line for line in terminal.cells.display), "the answer")
    take(pictures, f"{what}-terminal", shown)
    for tab in ("stats", "files", "inspect", "ports"):
        detail.show_tab(tab)
        until(partial(detail.tab, tab))
    take(pictures, f"{what}-container", shown)


def swarm(shown: Window, pictures: Path) -> None:
    """The engine manages one."""
    QTest.keyClick(shown, Qt.Key.Key_F5)
    until(lambda: shown.side.offers("services"), "the place of services")
    page = go(shown, "services")
    assert isinstance(page, ServicesPage)
    until(lambda: names(page) == ["idle"], "the service")
    choose(page, "idle")
    act(page, "scale")
    form = top(Form)
    form.findChildren(QSpinBox)[0].setValue(2)
    press(form, "Scale")
    until(lambda: page.table.visible_rows()[0].record.running == 2, "two tasks")
    take(pictures, "services", shown)
    page.open(page.table.visible_rows()[0].record)
    take(pictures, "service", shown)
    nodes = go(shown, "nodes")
    until(lambda: len(names(nodes)) == 1, "the node")
    choose(nodes, *names(nodes))
    act(nodes, "drain")
    agree()
    until(lambda: nodes.table.visible_rows()[0].record.availability == "drain", "the drain")
    take(pictures, "nodes", shown)
    page = go(shown, "services")
    choose(page, "idle")
    act(page, "remove")
    agree()
    until(lambda: names(page) == [], "the removal")


def main(pictures: Path) -> int:
    """Walk."""
    app = QApplication([])
    assert app.platformName() == "xcb"
    pki = Path(os.environ[PKI])
    with home("running"), window(app, os.environ.get("SLIPWAY_SCHEME", "light")) as shown:
        context("lab", os.environ[TLS], TlsFiles(pki / "ca.pem", pki / "client.pem", pki / "client-key.pem"))
        context("workstation", os.environ[SSH], None)
        go(shown, "containers")
        use(shown, "lab")
        followed(shown)
        look_inside(shown, run_one(shown, "over-tls"), pictures, "tls")
        swarm(shown, pictures)
        use(shown, "workstation")
        agree()
        followed(shown)
        assert names(go(shown, "containers")) == []
        look_inside(shown, run_one(shown, "over-ssh"), pictures, "ssh")
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name() == "ssh":
                    child.kill()
        until(lambda: shown.session.chosen.state is State.LOST, "the loss")
        followed(shown)
        page = go(shown, "containers")
        choose(page, "over-ssh")
        act(page, "remove")
        take(pictures, "remove", top(Question))
        agree()
        until(lambda: names(page) == [], "the removal")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
