"""The pages of single objects of Kubernetes, and manifests that are applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest

from desktop.ui.pages.kubernetes.apply import ApplyDialog
from desktop.ui.pages.kubernetes.detail import ObjectPage, PodsPanel
from desktop.ui.pages.kubernetes.events import EventsPanel
from desktop.ui.pages.kubernetes.manifest import DifferenceDialog, ManifestPanel
from desktop.ui.pages.kubernetes.pod import ContainersPanel, PodLogs, PodPage, PodShell
from desktop.ui.pages.kubernetes.pods import PodList
from desktop.ui.pages.kubernetes.values import ValuesPanel
from desktop.ui.window import Window
from engine.kubernetes.client.kinds import DEPLOYMENTS, PODS
from tests.gui.cluster import cells, detail, kubernetes, of, record_of, tab
from tests.gui.drive import messages, names, press, top
from tests.gui.stage import until
from tests.gui.test_accessible import nameless

MANIFESTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: blog}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: site, namespace: blog}
spec:
  replicas: 2
  selector: {matchLabels: {app: site}}
  template:
    metadata: {labels: {app: site}}
    spec: {containers: [{name: web, image: "nginx:1.29"}]}
"""


@pytest.fixture
def scenario() -> str:
    return "running,kubernetes"


class TestPod:
    def open(self, shown: Window, prefix: str, tab_: str) -> PodPage:
        pods = tab(shown, "pods")
        assert isinstance(pods, PodList)
        return pods.open(record_of(pods, prefix), tab_)

    def test_containers(self, shown: Window) -> None:
        page = self.open(shown, "worker-", "containers")
        panel = page.tab("containers")
        assert isinstance(panel, ContainersPanel)
        states = {row.record.name: row.record.state for row in panel.table.visible_rows()}
        assert states == {"worker": "CrashLoopBackOff: exited with 1", "sidecar": "Running"}
        assert "restarting failed container=worker" in panel.why.text()
        assert page.state.accessibleName().startswith("CrashLoopBackOff: exited with 1  ·  shop")

    def test_logs_of_both_instances_and_of_each_container(self, shown: Window) -> None:
        page = self.open(shown, "worker-", "logs")
        panel = page.tab("logs")
        assert isinstance(panel, PodLogs)
        until(lambda: "worker of worker" in panel.log.text.toPlainText(), "the log")
        panel.previous.click()
        until(lambda: "the instance before" in panel.log.text.toPlainText(), "the one before")
        panel.which.setCurrentText("sidecar")
        panel.which.activated.emit(1)
        until(lambda: "GET /1 200" in panel.log.text.toPlainText(), "the other container's")
        assert not panel.previous.isEnabled(), "it was never restarted"

    def test_a_log_that_is_not_there_says_why(self, shown: Window) -> None:
        page = self.open(shown, "api-", "logs")
        panel = page.tab("logs")
        assert isinstance(panel, PodLogs)
        until(lambda: "waiting to start" in panel.log.note.accessibleName(), "the reason")

    def test_the_log_of_a_new_instance_begins_by_itself(self, shown: Window) -> None:
        page = self.open(shown, "web-", "logs")
        panel = page.tab("logs")
        assert isinstance(panel, PodLogs)
        until(lambda: "GET /1 200" in panel.log.text.toPlainText(), "the log")
        begun: list[bool] = []
        panel.log.begin = lambda: begun.append(True)  # type: ignore[method-assign]  # counts what is begun
        page.take(page.pod)
        assert not begun, "nothing has changed"
        one = replace(page.pod.containers[0], restarts=1, key="another", restarted=True)
        page.take(replace(page.pod, containers=(one,)))
        assert begun
        assert panel.previous.isVisible()

    def test_terminal(self, shown: Window) -> None:
        page = self.open(shown, "web-", "terminal")
        panel = page.tab("terminal")
        assert isinstance(panel, PodShell)
        shell = panel.shell
        assert shell is not None
        until(lambda: "/ #" in "\n".join(shell.terminal.cells.display), "the prompt")
        waiting = self.open(shown, "api-", "terminal").tab("terminal")
        assert isinstance(waiting, PodShell)
        assert waiting.note.text() == "This container is not running."

    def test_events_and_what_becomes_of_it(self, shown: Window) -> None:
        page = self.open(shown, "too-big", "events")
        panel = page.tab("events")
        assert isinstance(panel, EventsPanel)
        until(panel.table.visible_rows, "its events")
        assert [row.record.reason for row in panel.table.visible_rows()] == ["FailedScheduling"]
        page.shared.cluster.call(lambda client: client.delete(PODS, "default", "too-big"))
        until(lambda: page.state.accessibleName() == "Deleted", "the end")
        assert detail(shown) is page


class TestObjects:
    def test_a_workloads_page_has_its_pods(self, shown: Window) -> None:
        workloads = tab(shown, "workloads")
        workloads.lead_to(record_of(workloads, "web"))
        page = detail(shown)
        assert isinstance(page, ObjectPage)
        panel = page.tab("pods")
        assert isinstance(panel, PodsPanel)
        until(lambda: len(panel.table.visible_rows()) == 3, "its pods")
        assert page.state.accessibleName() == "Deployment  ·  default  ·  Running"

    def test_secrets_are_masked(self, shown: Window) -> None:
        config = tab(shown, "config")
        config.lead_to(record_of(config, "db"))
        page = detail(shown)
        panel = page.tab("values")
        assert isinstance(panel, ValuesPanel)
        until(lambda: panel.value.toPlainText() == "••••••••", "the mask")
        panel.reveal.click()
        assert panel.value.toPlainText() == "correct horse"
        panel.reveal.click()
        assert panel.value.toPlainText() == "••••••••"
        page.show_tab("yaml")
        manifest = page.tab("yaml")
        assert isinstance(manifest, ManifestPanel)
        until(lambda: "kind: Secret" in manifest.text.toPlainText(), "the YAML")
        assert "password: ••••••••" in manifest.text.toPlainText()
        assert "Y29ycmVjdCBob3JzZQ==" not in manifest.text.toPlainText()

    def test_config_maps_are_not(self, shown: Window) -> None:
        config = tab(shown, "config")
        config.lead_to(record_of(config, "settings"))
        panel = detail(shown).tab("values")
        until(lambda: panel.value.toPlainText() == "info", "the first value")
        panel.keys.choose("site.conf")
        assert "listen 80;" in panel.value.toPlainText()

    def edit(self, shown: Window) -> ManifestPanel:
        workloads = tab(shown, "workloads")
        workloads.lead_to(record_of(workloads, "web"))
        page = detail(shown)
        page.show_tab("yaml")
        panel = page.tab("yaml")
        assert isinstance(panel, ManifestPanel)
        until(lambda: "replicas: 3" in panel.text.toPlainText(), "the YAML")
        panel.edit.click()
        assert panel.editing
        return panel

    def type_(self, panel: ManifestPanel, old: str, new: str) -> None:
        panel.text.setPlainText(panel.text.toPlainText().replace(old, new, 1))
        panel.apply.click()

    def test_an_edit_is_checked_and_shown_before(self, shown: Window) -> None:
        panel = self.edit(shown)
        until(panel.text.hasFocus, "the focus")
        QTest.keyClick(panel.text, Qt.Key.Key_Escape)
        assert panel.isVisible(), "it does not throw the changes away"
        self.type_(panel, "replicas: 3", "replicas: 2")
        dialog = top(DifferenceDialog)
        assert nameless(dialog) == []
        lines = dialog.text.toPlainText().splitlines()
        assert "-  replicas: 3" in lines
        assert "+  replicas: 2" in lines
        assert not any("generation" in line for line in lines)
        press(dialog, "Apply")
        until(lambda: not panel.editing, "the change")
        until(lambda: messages(shown) == ["“web” was changed"], "the message")
        pods = tab(shown, "pods")
        until(lambda: len(of(pods, "web-")) == 2, "two pods")

    def test_what_is_not_acceptable_stays_to_be_mended(self, shown: Window) -> None:
        panel = self.edit(shown)
        self.type_(panel, "replicas: 3", "replicas: -1")
        until(lambda: "greater than or equal to 0" in " ".join(messages(shown)), "the refusal")
        assert panel.editing
        self.type_(panel, "replicas: -1", "replicas: [")
        until(lambda: "not YAML: line" in " ".join(messages(shown)), "where it is wrong")
        assert panel.editing
        panel.cancel.click()
        until(lambda: "replicas: 3" in panel.text.toPlainText(), "what was before")
        assert not panel.editing

    def test_a_change_of_others_is_not_overwritten(self, shown: Window) -> None:
        panel = self.edit(shown)
        done: list[Any] = []
        shown.pages["kubernetes"].cluster.call(  # type: ignore[attr-defined]  # it is a KubernetesPage
            lambda client: client.patch(DEPLOYMENTS, "default", "web", {"metadata": {"labels": {"a": "b"}}}),
            done.append,
        )
        until(lambda: done, "the others' change")
        until(lambda: panel.note.text().startswith("It has changed since."), "the warning")
        self.type_(panel, "replicas: 3", "replicas: 4")
        until(lambda: "has been modified" in " ".join(messages(shown)), "the refusal")


class TestApply:
    def drop(self, shown: Window, *paths: Path) -> None:
        page = kubernetes(shown)
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        place, buttons = QPointF(5, 5), Qt.MouseButton.LeftButton
        event = QDropEvent(place, Qt.DropAction.CopyAction, mime, buttons, Qt.KeyboardModifier.NoModifier)
        page.dropEvent(event)

    def steps(self, dialog: ApplyDialog) -> dict[str, str]:
        text = dialog.table.records.columns[2].text
        return {row.record.name: text(row.record) for row in dialog.table.visible_rows()}

    def test_a_folder_is_checked_and_applied(self, shown: Window, tmp_path: Path) -> None:
        (tmp_path / "site.yaml").write_text(MANIFESTS)
        (tmp_path / "settings.json").write_text(
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"},'
            ' "data": {"LOG_LEVEL": "debug"}}'
        )
        (tmp_path / "notes.txt").write_text("no manifest")
        self.drop(shown, tmp_path)
        dialog = top(ApplyDialog)
        assert self.steps(dialog) == {
            "Namespace blog": "new",
            "ConfigMap settings": "changed",
            "Deployment site": "after its namespace or kind",
        }
        assert nameless(dialog) == []
        press(dialog, "Apply")
        until(lambda: messages(shown) == ["Applied 3 objects"], "the message")
        workloads = tab(shown, "workloads")
        until(lambda: "site" in names(workloads) and cells(workloads, "site")["Ready"] == "2/2", "its pods")
        self.drop(shown, tmp_path / "settings.json")
        assert self.steps(top(ApplyDialog)) == {"ConfigMap settings": "as it is"}

    def test_what_the_cluster_refuses_is_left_out(self, shown: Window, tmp_path: Path) -> None:
        wrong = MANIFESTS.replace("replicas: 2", "replicas: -2").replace(", namespace: blog", "")
        strange = "---\napiVersion: example.com/v1\nkind: Boat\nmetadata: {name: tug}\n"
        (tmp_path / "site.yaml").write_text(wrong + strange)
        self.drop(shown, tmp_path / "site.yaml")
        dialog = top(ApplyDialog)
        found = self.steps(dialog)
        assert "greater than or equal to 0" in found["Deployment site"]
        assert found["Boat tug"] == "The cluster knows no Boat of example.com/v1"
        press(dialog, "Apply")
        until(lambda: messages(shown) == ["Applied 1 object"], "the message")

    def test_a_file_that_is_no_manifest(self, shown: Window, tmp_path: Path) -> None:
        (tmp_path / "site.yaml").write_text("a: [")
        self.drop(shown, tmp_path / "site.yaml")
        until(lambda: messages(shown), "the message")
        assert messages(shown)[0].startswith("site.yaml: The text is not YAML: line")
