"""Ports of pods on this computer, and terminals in pods of other clusters."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from desktop.ui.pages.kubernetes import KubernetesPage
from desktop.ui.pages.kubernetes.detail import ObjectPage
from desktop.ui.pages.kubernetes.pod import PodPage, PodShell
from desktop.ui.pages.kubernetes.ports import PortRow, PortsPanel
from desktop.ui.window import Window
from tests.gui.cluster import detail, kubernetes, record_of, tab
from tests.gui.stage import until
from tests.gui.test_accessible import check
from tests.gui.test_kubernetes_contexts import page as other_clusters  # noqa: F401 - a fixture
from tests.gui.test_kubernetes_contexts import pick


@pytest.fixture
def scenario() -> str:
    return "running,kubernetes"


def ports(shown: QWidget) -> PortsPanel:
    """The tab of the page."""
    assert isinstance(shown, PodPage | ObjectPage)
    shown.show_tab("ports")
    found = shown.tab("ports")
    assert isinstance(found, PortsPanel)
    return found


def row(panel: PortsPanel, port: int) -> PortRow:
    return next(made for target, made in panel.rows.items() if target.port == port)


def answer(made: PortRow) -> str:
    """What answers where it is forwarded to."""
    until(made.link.isVisible, "the port")
    with urllib.request.urlopen(f"http://{made.link.text()}/", timeout=30) as reply:
        return str(reply.read().decode())


class TestPorts:
    def test_one_click_forwards_and_another_stops(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        monkeypatch.setattr(
            "desktop.ui.pages.kubernetes.ports.QDesktopServices.openUrl", lambda url: opened.append(url.toString())
        )
        pods = tab(shown, "pods")
        pod = record_of(pods, "web-")
        panel = ports(pods.open(pod, "containers"))
        made = row(panel, 80)
        assert made.turn.accessibleName() == "Forward port 80"
        check(shown)
        made.turn.setFocus()
        QTest.keyClick(made.turn, Qt.Key.Key_Space)
        assert answer(made) == f"port 80 of {pod.meta.name}\n"
        assert made.turn.hasFocus()
        assert made.turn.accessibleName() == "Stop forwarding port 80"
        made.link.click()
        assert opened == [f"http://{made.link.text()}/"]
        number = int(made.link.text().rpartition(":")[2])
        check(shown)
        made.turn.click()
        assert not made.link.isVisible()

        def free() -> bool:
            try:
                socket.create_server(("127.0.0.1", number)).close()
            except OSError:
                return False
            return True

        until(free, "the end of it")

    def test_a_port_that_is_taken_is_named(self, shown: Window) -> None:
        pods = tab(shown, "pods")
        panel = ports(pods.open(record_of(pods, "web-"), "containers"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1]
            panel.port.setValue(9000)
            panel.local.setValue(number)
            panel.other.click()
            made = row(panel, 9000)
            until(lambda: "is in use on your computer by" in made.note.accessibleName(), "the reason")
            assert f"127.0.0.1:{number}" in made.note.accessibleName()
        panel.other.click()
        assert answer(made).startswith("port 9000 of web-")
        assert made.link.text() == f"localhost:{number}"

    def test_what_fails_in_the_cluster_is_said(self, shown: Window) -> None:
        pods = tab(shown, "pods")
        panel = ports(pods.open(record_of(pods, "web-"), "containers"))
        panel.port.setValue(9)
        panel.other.click()
        made = row(panel, 9)
        until(made.link.isVisible, "the port")
        with socket.create_connection(("127.0.0.1", int(made.link.text().rpartition(":")[2])), 30) as client:
            assert client.recv(10) == b""
        until(lambda: "connection refused" in made.note.accessibleName(), "the reason")

    def test_a_service_leads_to_one_of_its_pods(self, shown: Window) -> None:
        services = tab(shown, "services")
        services.lead_to(record_of(services, "web"))
        panel = ports(detail(shown))
        (made,) = panel.rows.values()
        made.turn.click()
        assert answer(made).startswith("port 80 of web-")
        services = tab(shown, "services")
        services.lead_to(record_of(services, "web"))
        again = ports(detail(shown))
        (same,) = again.rows.values()
        assert same.link.isVisible(), "it goes on, and another page shows it"
        same.turn.click()


class TestOtherClusters:
    def test_ports_and_a_terminal(self, shown: Window, other_clusters: KubernetesPage) -> None:  # noqa: F811 - the fixture
        pick(other_clusters, "production")
        pods = tab(shown, "pods")
        page = pods.open(record_of(pods, "db-"), "terminal")
        shell = page.tab("terminal")
        assert isinstance(shell, PodShell)
        assert shell.shell is not None
        terminal = shell.shell.terminal
        until(lambda: "/ #" in "".join(terminal.lines()), "the prompt")
        QTest.keyClicks(terminal, "size")
        QTest.keyClick(terminal, Qt.Key.Key_Return)
        rows, columns = terminal.size_in_cells
        until(lambda: f"{rows} {columns}" in "".join(terminal.lines()), "the size")
        QTest.keyClicks(terminal, "exit 3")
        QTest.keyClick(terminal, Qt.Key.Key_Return)
        note = shell.shell.note
        until(lambda: note.text() == "The session ended with exit code 3", "the exit code")
        check(shown)
        panel = ports(page)
        panel.port.setValue(5432)
        panel.other.click()
        made = row(panel, 5432)
        until(made.link.isVisible, "the port")
        pick(kubernetes(shown), "This computer")
        assert answer_at(made.link.text()) == "port 5432 of db-0\n", "it stays with its cluster"


def answer_at(place: str) -> str:
    with urllib.request.urlopen(f"http://{place}/", timeout=30) as reply:
        return str(reply.read().decode())
