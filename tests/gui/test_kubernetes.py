"""Kubernetes in the window: the switch, live lists, the pages of objects, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QSpinBox

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.kubernetes import KubernetesPage
from desktop.ui.pages.kubernetes.apply import ApplyDialog
from desktop.ui.pages.kubernetes.detail import ObjectPage, PodsPanel
from desktop.ui.pages.kubernetes.events import EventsPanel
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.manifest import DifferenceDialog, ManifestPanel
from desktop.ui.pages.kubernetes.overview import Overview
from desktop.ui.pages.kubernetes.page import TABS
from desktop.ui.pages.kubernetes.pod import ContainersPanel, PodLogs, PodPage, PodShell
from desktop.ui.pages.kubernetes.pods import PodList
from desktop.ui.pages.kubernetes.services import ServiceList
from desktop.ui.pages.kubernetes.values import ValuesPanel
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.window import Window
from engine.kubernetes.client.kinds import DEPLOYMENTS, PODS
from tests.bench.window import LONGEST_MS
from tests.bench.window_probe import Pulse
from tests.gui.drive import act, agree, choose, go, messages, names, press, top
from tests.gui.screenshots import settle
from tests.gui.stage import until
from tests.gui.test_accessible import check, nameless

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def scenario() -> str:
    return "running,kubernetes"


def kubernetes(shown: Window) -> KubernetesPage:
    """The page, with a cluster that runs."""
    shown.show_place("kubernetes")
    page = shown.pages["kubernetes"]
    assert isinstance(page, KubernetesPage)
    until(lambda: page.cluster.runs, "the cluster")
    return page


def tab(shown: Window, name: str) -> Any:
    """A tab that is shown, with its rows."""
    page = kubernetes(shown)
    page.show_subject(name)
    found = page.tab(name)
    if isinstance(found, ObjectList):
        until(lambda: names(found), f"rows of {name}")
    return found


def cells(page: ObjectList, name: str) -> dict[str, str]:
    """What a row says, by the titles of the columns."""
    record = record_of(page, name)
    return {column.title: column.text(record) for column in page.table.records.columns}


def record_of(page: ObjectList, name: str, test: Callable[[Any], bool] = lambda record: True) -> Any:
    rows = [row.record for row in page.table.visible_rows() if row.record.meta.name.startswith(name)]
    found = [record for record in rows if test(record)]
    assert found, (name, names(page))
    return found[0]


def detail(shown: Window) -> Any:
    return shown.stack.currentWidget()


def of(page: ObjectList, prefix: str) -> set[str]:
    return {name for name in names(page) if name.startswith(prefix)}


class TestSwitch:
    @pytest.fixture
    def scenario(self) -> str:
        return "running"

    def test_it_is_turned_on_and_off(self, shown: Window) -> None:
        QTest.keyClick(shown, Qt.Key.Key_7, CTRL)
        page = shown.pages["kubernetes"]
        assert isinstance(page, KubernetesPage)
        view = page.switch
        until(view.enable.isVisible, "the invitation")
        assert view.title.text() == "Kubernetes is off"
        until(view.enable.hasFocus, "the focus")
        check(shown)
        said: list[str] = []
        page.cluster.changed.connect(lambda: said.append(view.text.text()))
        QTest.keyClick(view.enable, Qt.Key.Key_Space)
        assert view.bar.isVisible()
        until(lambda: page.tabs.isVisible(), "the tabs")
        assert "kube-apiserver is starting" in said
        overview = page.tab("overview")
        assert isinstance(overview, Overview)
        overview.disable.click()
        agree()
        until(view.enable.isVisible, "the invitation again")
        assert not page.namespaces.isVisible()
        assert messages(shown) == []

    def test_it_stays_when_the_engine_stops(self, shown: Window) -> None:
        page = self.on(shown)
        pods = tab(shown, "pods")
        opened = pods.open(record_of(pods, "web-"), "containers")
        shown.session.stop()
        until(lambda: not opened.tabs.isEnabled(), "the end of what is shown")
        shown.show_place("kubernetes")
        until(page.switch.start.isVisible, "the way to start it again")
        assert page.switch.title.text() == "Kubernetes is on"
        page.switch.start.click()
        until(lambda: page.tabs.isVisible(), "the tabs")
        pods = tab(shown, "pods")
        assert of(pods, "web-")

    def test_a_reset_leaves_an_empty_cluster(self, shown: Window) -> None:
        page = self.on(shown)
        pods = tab(shown, "pods")
        before = {row.key for row in pods.table.visible_rows()}
        page.show_subject("overview")
        overview = page.tab("overview")
        assert isinstance(overview, Overview)
        overview.reset.click()
        agree()
        until(lambda: not page.cluster.runs, "the work")
        pods = tab(shown, "pods")
        assert not before & {row.key for row in pods.table.visible_rows()}, "what was there is gone"

    def on(self, shown: Window) -> KubernetesPage:
        shown.show_place("kubernetes")
        page = shown.pages["kubernetes"]
        assert isinstance(page, KubernetesPage)
        until(page.switch.enable.isVisible, "the invitation")
        page.switch.enable.click()
        until(lambda: page.tabs.isVisible(), "the tabs")
        return page


class TestFailure:
    @pytest.fixture
    def scenario(self) -> str:
        return "running,unbuilt"

    def test_a_failure_is_told_with_what_helps(self, shown: Window) -> None:
        shown.show_place("kubernetes")
        page = shown.pages["kubernetes"]
        assert isinstance(page, KubernetesPage)
        until(page.switch.enable.isVisible, "the invitation")
        page.switch.enable.click()
        until(lambda: page.switch.enable.accessibleName() == "Try again", "the failure")
        assert page.switch.text.text().endswith("no space left on the device. Free 6 GB of space.")
        check(shown)


class TestLists:
    def test_states_in_words(self, shown: Window) -> None:
        pods = tab(shown, "pods")
        assert cells(pods, "api-")["Status"] == "ImagePullBackOff: no such tag"
        assert cells(pods, "worker-")["Status"] == "CrashLoopBackOff: exited with 1"
        assert cells(pods, "too-big")["Status"] == "Pending: not enough memory"
        assert cells(pods, "worker-") | {"Created": ""} == {
            "Name": record_of(pods, "worker-").meta.name,
            "Namespace": "shop",
            "Status": "CrashLoopBackOff: exited with 1",
            "Ready": "1/2",
            "Restarts": "5",
            "Belongs to": "Deployment worker",
            "Created": "",
        }
        pods.filters.choose("Failing")
        assert {name.partition("-")[0] for name in names(pods)} == {"api", "worker", "too"}
        workloads = tab(shown, "workloads")
        until(lambda: cells(workloads, "api")["Status"] == "ImagePullBackOff: no such tag", "the reason")
        assert cells(workloads, "web")["Ready"] == "3/3"
        assert cells(workloads, "nightly")["Status"].startswith("0 3 * * *, last 5 hours ago")

    def test_a_namespace_narrows_every_list(self, shown: Window) -> None:
        page = kubernetes(shown)
        pods = tab(shown, "pods")
        until(lambda: page.namespaces.count() == 4, "the namespaces")
        page.namespaces.setCurrentText("shop")
        page.namespaces.activated.emit(page.namespaces.currentIndex())
        assert not of(pods, "web-")
        assert of(pods, "db-")
        assert pods.table.isColumnHidden(1)
        workloads = tab(shown, "workloads")
        assert "web" not in names(workloads)
        storage = tab(shown, "storage")
        assert "pvc-1" in names(storage), "what is in no namespace is in all of them"
        pods.filters.choose("Failing")
        pods.filters.choose("All")
        assert not of(pods, "web-"), "a filter leaves the namespace as it is"

    def test_a_narrow_window_keeps_the_names(self, shown: Window) -> None:
        shown.resize(1000, 640)
        pods = tab(shown, "pods")
        until(lambda: pods.table.isColumnHidden(5), "room")
        assert pods.table.columnWidth(0) >= 200
        shown.resize(1400, 800)
        until(lambda: not pods.table.isColumnHidden(5), "all columns")

    def test_services_lead_to_localhost(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        monkeypatch.setattr(
            "desktop.ui.pages.kubernetes.services.QDesktopServices.openUrl",
            lambda url: opened.append(url.toString()),
        )
        services = tab(shown, "services")
        assert isinstance(services, ServiceList)
        assert cells(services, "web")["On your computer"] == "localhost:30080"
        assert cells(services, "db")["On your computer"] == ""
        choose(services, "web")
        act(services, "browse")
        assert opened == ["http://localhost:30080/"]
        services.filters.choose("On your computer")
        assert names(services) == ["shop", "web"]

    def test_events_lead_to_their_object(self, shown: Window) -> None:
        events = tab(shown, "events")
        event = next(row.record for row in events.table.visible_rows() if row.record.about == ("Pod", "too-big"))
        events.lead_to(event)
        until(lambda: isinstance(detail(shown), PodPage), "the page of the pod")
        assert detail(shown).pod.meta.name == "too-big"

    def test_the_overview_names_what_needs_attention(self, shown: Window) -> None:
        overview = tab(shown, "overview")
        assert isinstance(overview, Overview)
        until(lambda: overview.pods_title.text() == "3 pods of 9 need attention", "the pods")
        found = overview.problems.findChildren(QPushButton)
        next(one for one in found if one.text() == "too-big").click()
        assert isinstance(detail(shown), PodPage)


class TestOperations:
    def test_a_deleted_pod_is_replaced(self, shown: Window) -> None:
        pods = tab(shown, "pods")
        before = of(pods, "web-")
        gone = min(before)
        choose(pods, gone)
        act(pods, "delete")
        agree()
        until(lambda: gone not in names(pods) and len(of(pods, "web-")) == 3, "the new one")
        assert messages(shown) == []

    def test_scale(self, shown: Window) -> None:
        workloads = tab(shown, "workloads")
        choose(workloads, "log-agent")
        assert not workloads.actions_by_name["scale"].isEnabled(), "it is one for each node"
        choose(workloads, "web")
        act(workloads, "scale")
        form = top(Form)
        form.findChildren(QSpinBox)[0].setValue(5)
        press(form, "Scale")
        until(lambda: cells(workloads, "web")["Ready"] == "5/5", "the pods")
        pods = tab(shown, "pods")
        until(lambda: len(of(pods, "web-")) == 5, "their rows")

    def test_restart(self, shown: Window) -> None:
        pods = tab(shown, "pods")
        before = of(pods, "web-")
        workloads = tab(shown, "workloads")
        choose(workloads, "web")
        act(workloads, "restart")
        pods = tab(shown, "pods")
        until(lambda: len(of(pods, "web-")) == 3 and not before & of(pods, "web-"), "new pods")

    def test_roll_back(self, shown: Window) -> None:
        workloads = tab(shown, "workloads")
        choose(workloads, "web")
        act(workloads, "rollback")
        until(lambda: messages(shown) == ["“web” has no earlier revision"], "the refusal")
        shown.banners.clear()
        change = {"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:1.30"}]}}}}
        shown.pages["kubernetes"].cluster.call(  # type: ignore[attr-defined]  # it is a KubernetesPage
            lambda client: client.patch(DEPLOYMENTS, "default", "web", change)
        )
        until(lambda: cells(workloads, "web")["Images"] == "nginx:1.30", "the change")
        choose(workloads, "web")
        act(workloads, "rollback")
        question = top(Question)
        assert "revision 1: nginx:1.29" in " ".join(_texts(question))
        agree()
        until(lambda: cells(workloads, "web")["Images"] == "nginx:1.29", "the image of before")

    def test_a_failure_is_named(self, shown: Window) -> None:
        """Somebody else was faster."""
        pods = tab(shown, "pods")
        record = record_of(pods, "too-big")
        choose(pods, "too-big")
        act(pods, "delete")
        agree()
        until(lambda: "too-big" not in names(pods), "the deletion")
        pods._delete([record])  # noqa: SLF001 - the row has gone
        agree()
        until(lambda: messages(shown) == ["too-big could not be deleted"], "the message")


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
        one = replace(page.pod.containers[0], restarts=1, docker_id="another", restarted=True)
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
        self.type_(panel, "replicas: 3", "replicas: 2")
        dialog = top(DifferenceDialog)
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
        self.type_(panel, "replicas: 3", "replicas: 4")
        until(lambda: "has been modified" in " ".join(messages(shown)), "the refusal")


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


class TestAccess:
    """Keyboard and screen reader."""

    @pytest.mark.parametrize("name", [name for name, _, _ in TABS])
    def test_every_tab(self, shown: Window, name: str) -> None:
        tab(shown, name)
        check(shown)

    def test_every_view_of_a_pod_and_of_a_secret(self, shown: Window) -> None:
        for name in ("containers", "logs", "terminal", "events", "yaml"):
            pods = tab(shown, "pods")
            pods.open(record_of(pods, "worker-"), name)
            check(shown)
        config = tab(shown, "config")
        config.lead_to(record_of(config, "db"))
        check(shown)

    def test_by_keys_alone(self, shown: Window) -> None:
        kubernetes(shown).show_subject("pods")
        pods = tab(shown, "pods")
        shown.setFocus()
        QTest.keyClick(shown, Qt.Key.Key_7, CTRL)
        until(lambda: QApplication.focusWidget() is pods.table, "the focus in the list")
        QTest.keyClick(pods.table, Qt.Key.Key_Down)
        chosen = [row.record.meta.name for row in pods.table.chosen()]
        assert chosen == [names(pods)[0]]
        QTest.keyClick(pods.table, Qt.Key.Key_Return)
        until(lambda: isinstance(detail(shown), PodPage), "its page")
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        until(lambda: QApplication.focusWidget() is pods.table, "the focus where it was")
        assert [row.record.meta.name for row in pods.table.chosen()] == chosen


def test_containers_of_pods_are_a_filter_of_their_own(shown: Window) -> None:
    page = go(shown, "containers")
    assert isinstance(page, ContainersPage)
    until(lambda: "web" in names(page), "the containers")
    assert not [name for name in names(page) if name.startswith("k8s_")]
    others = len(names(page))
    page.filters.choose("In pods")
    until(lambda: names(page), "the pods'")
    assert all(name.startswith("k8s_") for name in names(page))
    page.filters.choose("All")
    assert len(names(page)) == others


def _texts(dialog: Question) -> list[str]:
    return [one.text() for one in dialog.findChildren(QLabel)]


class TestMany:
    @pytest.fixture
    def scenario(self) -> str:
        return "running,many,busy,kubernetes"

    def test_a_thousand_pods_are_fluid(self, shown: Window) -> None:
        """This thread's own work for a frame is counted: the rest depends on what else the computer does."""
        pods = tab(shown, "pods")
        until(lambda: len(names(pods)) > 1000, "all pods")
        pulse = Pulse()
        bar = pods.table.verticalScrollBar()
        for number in range(30):
            bar.setValue(bar.maximum() * number // 30)
            settle(0.05)
        for text in ("load-0", "load-01", "crash", ""):
            pods.search.setText(text)
            settle(0.2)
        assert pulse.told()["own max"] < LONGEST_MS
