"""Kubernetes in the window: the switch, live lists, operations, keys, a thousand pods."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QSpinBox

from desktop.ui.models.kubernetes import pods as pod_model
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.kubernetes import KubernetesPage
from desktop.ui.pages.kubernetes.overview import Overview
from desktop.ui.pages.kubernetes.page import TABS
from desktop.ui.pages.kubernetes.pod import PodPage
from desktop.ui.pages.kubernetes.services import ServiceList
from desktop.ui.palette import gather
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.window import Window
from engine.kubernetes.client.kinds import DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS, Kind
from tests.bench.window import LONGEST_MS
from tests.bench.window_probe import Pulse
from tests.gui.cluster import cells, detail, kubernetes, of, record_of, tab, texts
from tests.gui.drive import act, agree, choose, go, messages, names, press, top
from tests.gui.screenshots import settle
from tests.gui.stage import until
from tests.gui.test_accessible import check, nameless

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def scenario() -> str:
    return "running,kubernetes"


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


class TestRestore:
    def test_a_backup_is_chosen_and_restored(self, shown: Window) -> None:
        workloads = tab(shown, "workloads")
        choose(workloads, "web")
        act(workloads, "delete")
        agree()
        until(lambda: "web" not in names(workloads), "the deletion")
        overview = tab(shown, "overview")
        assert isinstance(overview, Overview)
        overview.restore.click()
        form = top(Form)
        assert nameless(form) == []
        assert not form.verb.isDefault(), "Return loses nothing"
        choice = form.findChildren(QComboBox)[0]
        assert choice.count() == 5
        assert "30 minutes ago  ·  Kubernetes v1.37.2, 2.54 MB" in choice.itemText(0)
        press(form, "Restore")
        until(lambda: messages(shown) == ["The backup 5 was restored"], "the outcome")
        workloads = tab(shown, "workloads")
        until(lambda: "web" in names(workloads), "what was deleted")

    def test_a_failure_is_told(self, shown: Window) -> None:
        overview = tab(shown, "overview")
        assert isinstance(overview, Overview)
        page = kubernetes(shown)
        page.cluster.restore(99, lambda _: None, shown.banners.error)
        until(lambda: messages(shown) == ["There is no backup 99"], "the failure")
        until(lambda: page.cluster.runs, "the cluster again")


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
        assert cells(pods, "worker-") | {"Created": "", "CPUs": "", "Memory": ""} == {
            "Name": record_of(pods, "worker-").meta.name,
            "Namespace": "shop",
            "Status": "CrashLoopBackOff: exited with 1",
            "Ready": "1/2",
            "Restarts": "5",
            "Belongs to": "Deployment worker",
            "CPUs": "",
            "Memory": "",
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
        until(lambda: cells(services, "shop")["On your computer"] == "8080 is in use", "what is in use")
        shop = record_of(services, "shop")
        tip = services.table.records.columns[3].tip
        assert tip is not None
        assert tip(shop).endswith("Port 8080 is in use by the container “web”")
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


class TestUsage:
    def test_of_the_node_and_of_pods(self, shown: Window) -> None:
        overview = tab(shown, "overview")
        assert isinstance(overview, Overview)
        used = {"0.64 of 4 in use (16%)", "1.17 GiB of 3.74 GiB in use (31%)"}
        until(lambda: used <= {one.accessibleName() for one in overview.node.findChildren(QLabel)}, "the figures")
        pods = tab(shown, "pods")
        until(lambda: cells(pods, "web-")["Memory"].endswith(" MiB"), "the figures of pods")
        assert 0 < float(cells(pods, "web-")["CPUs"]) < 2
        assert (cells(pods, "too-big")["CPUs"], cells(pods, "too-big")["Memory"]) == ("", "")

    def test_a_cluster_that_measures_nothing(self, shown: Window) -> None:
        shown.resize(1500, 800)
        pods = tab(shown, "pods")
        columns = (pod_model.CPU, pod_model.MEMORY)
        until(lambda: not any(pods.table.isColumnHidden(column) for column in columns), "the columns")
        pods.usage.now = None
        pods.usage.changed.emit()
        until(lambda: all(pods.table.isColumnHidden(column) for column in columns), "no columns")
        assert not pods.table.isColumnHidden(pod_model.OWNER)


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
        assert nameless(form) == []
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
        assert "revision 1: nginx:1.29" in " ".join(texts(question))
        agree()
        until(lambda: cells(workloads, "web")["Images"] == "nginx:1.29", "the image of before")

    @pytest.mark.parametrize(
        ("kind", "name", "container", "images"),
        [
            (STATEFUL_SETS, "db", "postgres", ("postgres:17", "postgres:18")),
            (DAEMON_SETS, "log-agent", "agent", ("fluent/agent:3", "fluent/agent:4")),
        ],
    )
    def test_roll_back_by_controller_revisions(
        self, shown: Window, kind: Kind, name: str, container: str, images: tuple[str, str]
    ) -> None:
        workloads = tab(shown, "workloads")
        space = record_of(workloads, name).meta.namespace
        template = {"spec": {"containers": [{"name": container, "image": images[1]}]}}
        kubernetes(shown).cluster.call(
            lambda client: client.patch(kind, space, name, {"spec": {"template": template}})
        )
        until(lambda: cells(workloads, name)["Images"] == images[1], "the change")
        for number, image in enumerate(images, 1):  # back, and forth again
            choose(workloads, name)
            act(workloads, "rollback")
            assert f"revision {number}: {image}" in " ".join(texts(top(Question)))
            agree()
            until(lambda wanted=image: cells(workloads, name)["Images"] == wanted, "that image")  # type: ignore[misc]  # a default argument

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


def test_the_palette_finds_tabs_and_pods(shown: Window) -> None:
    choices = {choice.title: choice for choice in gather(shown)}
    choices["Kubernetes: Pods"].run()
    pods = tab(shown, "pods")
    found = {choice.title: choice for choice in gather(shown) if choice.kind == "Pod"}
    assert set(found) == set(names(pods))
    assert found["too-big"].detail == "default  ·  Pending: not enough memory"
    found["too-big"].run()
    assert isinstance(detail(shown), PodPage)


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


def test_containers_of_pods_are_a_filter_of_their_own(shown: Window) -> None:
    page = go(shown, "containers")
    assert isinstance(page, ContainersPage)
    until(lambda: "web" in names(page), "the containers")
    assert not [name for name in names(page) if name.startswith("k8s_")]
    others = len(names(page))
    page.filters.choose("In pods")
    until(lambda: names(page), "the pods'")
    groups = [name for name in names(page) if name.startswith("web-")]
    assert len(groups) == 3
    found = next(row for row in page.table.records.rows() if row.record.name == groups[0])
    assert sorted(row.record.name for row in found.children) == ["POD", "nginx"]
    page.filters.choose("All")
    assert len(names(page)) == others
