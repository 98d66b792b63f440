"""Pictures of every page, light and dark: ``python3 -m tests.gui.screenshots DIR``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtWidgets import QApplication, QWidget

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.images import ImagesPage
from desktop.ui.pages.kubernetes.page import TABS
from desktop.ui.pages.networks import NetworksPage
from desktop.ui.pages.project import ProjectPage
from desktop.ui.pages.volumes import VolumesPage
from desktop.ui.window import PLACES, Window
from tests.gui import cluster
from tests.gui.drive import dialogs
from tests.gui.stage import home, until, window

SETTLE_SECONDS = 0.4


def settle(seconds: float = SETTLE_SECONDS) -> None:
    """Let what has just come be painted."""
    import time

    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end)


def take(folder: Path, name: str, widget: QWidget) -> None:
    """Save a picture of a widget."""
    settle()
    assert widget.grab().save(str(folder / f"{name}.png"))
    print(folder / f"{name}.png")


def container(shown: Window, name: str, tab: str) -> None:
    """Open a container's page."""
    page = shown.pages["containers"]
    assert isinstance(page, ContainersPage)
    rows = [row for row in page.table.visible_rows() if row.record.name == name]
    page.open(rows[0].record, tab)


def terminal(shown: Window, name: str) -> None:
    """Open a container's terminal, and type into it."""
    page = shown.pages["containers"]
    assert isinstance(page, ContainersPage)
    panel = page.terminal(next(row.record for row in page.table.visible_rows() if row.record.name == name))
    until(lambda: panel.terminal.lines()[0], "its prompt")


def pages(shown: Window, folder: Path, scheme: str) -> None:
    """Every page of one scheme."""
    until(lambda: shown.context.lists.images.known, "the images")
    shown.setFocus()  # no key has been pressed yet
    for name, _ in PLACES:
        shown.show_place(name)
        settle(2.5 if name in ("home", "containers", "logs") else SETTLE_SECONDS)
        take(folder, f"{scheme}-{name}", shown)
    for tab in ("folders", "behaviour", "engine", "windows", "proxy", "docker", "tls", "diagnosis", "reset"):
        shown.show_place("settings", tab)
        take(folder, f"{scheme}-settings-{tab}", shown)
    shown.show_place("containers")
    for tab in ("logs", "stats", "inspect", "files", "ports"):
        container(shown, "web", tab)
        settle(2.5 if tab == "stats" else SETTLE_SECONDS)
        take(folder, f"{scheme}-container-{tab}", shown)
    terminal(shown, "web")
    take(folder, f"{scheme}-container-terminal", shown)
    shown.drawer.close_all()
    shown.show_page(ProjectPage(shown.context, "shop"))
    settle(1.5)
    take(folder, f"{scheme}-project", shown)
    shown.show_page(ProjectPage(shown.context, "shop", "stats"))
    settle(4.5)  # two samples
    take(folder, f"{scheme}-project-stats", shown)
    shown.show_place("home", "disk")
    settle(1.0)
    take(folder, f"{scheme}-disk", shown)
    for place in ("volumes", "networks"):
        shown.show_place(place)
        page = shown.pages[place]
        assert isinstance(page, VolumesPage | NetworksPage)
        page.open(page.table.visible_rows()[-1].record)
        settle(1.5)
        take(folder, f"{scheme}-{place[:-1]}", shown)
    shown.show_place("images")
    images = shown.pages["images"]
    assert isinstance(images, ImagesPage)
    images.open(images.table.visible_rows()[0].record)
    take(folder, f"{scheme}-image", shown)
    for name, make in dialogs(shown).items():
        dialog = make()
        take(folder, f"{scheme}-dialog-{name}", dialog)
        dialog.close()


def kubernetes(shown: Window, folder: Path, scheme: str) -> None:
    """The page of Kubernetes with a cluster, and those of a pod and a workload."""
    pods = cluster.tab(shown, "pods")
    for name, _, _ in TABS:
        cluster.tab(shown, name)
        settle()
        take(folder, f"{scheme}-kubernetes-{name}", shown)
    for name in ("containers", "logs", "terminal", "events", "yaml"):
        cluster.tab(shown, "pods")
        pods.open(cluster.record_of(pods, "worker-"), name)
        settle(1.0)
        take(folder, f"{scheme}-pod-{name}", shown)
    workloads = cluster.tab(shown, "workloads")
    workloads.lead_to(cluster.record_of(workloads, "web"))
    take(folder, f"{scheme}-workload", shown)


def main(folder: Path) -> int:
    """Take them all."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    for scheme in ("light", "dark"):
        with home("running"), window(app, scheme) as shown:
            pages(shown, folder, scheme)
        with home("running,kubernetes"), window(app, scheme) as shown:
            kubernetes(shown, folder, scheme)
    with home("slow"), window(app) as shown:
        shown.setFocus()
        take(folder, "light-home-stopped", shown)
        shown.session.start()
        until(lambda: shown.session.running, "the start", 60)
        settle(8)  # the plots need samples
        take(folder, "light-home-started", shown)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
