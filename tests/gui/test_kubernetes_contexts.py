"""Other clusters of the user's kubeconfig on the pages of Kubernetes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from desktop.ui.pages.kubernetes import KubernetesPage
from desktop.ui.pages.kubernetes.overview import Overview
from desktop.ui.pages.kubernetes.pods import PodList
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from engine.kubernetes.client.manifest import dump, load
from tests.gui.cluster import cells, kubernetes, record_of, tab
from tests.gui.drive import act, choose, names, top
from tests.gui.stage import until
from tests.gui.test_accessible import check


@pytest.fixture
def scenario() -> str:
    return "running,kubernetes"


@pytest.fixture
def page(shown: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesPage:
    """The page, beside a kubeconfig with the stand-in's cluster by another name, and one that does not answer."""
    config = load((shown.session.paths.kubernetes / "config").read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    config["clusters"] += [{"name": "far", "cluster": cluster}]
    config["clusters"] += [{"name": "gone", "cluster": {**cluster, "server": "https://127.0.0.1:9"}}]
    config["users"] += [{"name": "me", "user": user}]
    config["contexts"] += [
        {"name": "production", "context": {"cluster": "far", "user": "me"}},
        {"name": "attic", "context": {"cluster": "gone", "user": "me"}},
    ]
    (tmp_path / "config").write_text(dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    made = kubernetes(shown)
    until(lambda: made.clusters.count() == 3, "the contexts")
    return made


def pick(page: KubernetesPage, name: str) -> None:
    page.clusters.setCurrentText(name)
    page.clusters.activated.emit(page.clusters.currentIndex())


def test_another_cluster_in_the_same_views(shown: Window, page: KubernetesPage) -> None:
    assert [page.clusters.itemText(place) for place in range(3)] == ["This computer", "attic", "production"]
    assert page.clusters.isVisible()
    services = tab(shown, "services")
    assert cells(services, "web")["On your computer"] == "localhost:30080"
    pick(page, "production")
    until(lambda: names(services), "its services")
    assert cells(services, "web")["On your computer"] == "", "they answer where the cluster is"
    pods = tab(shown, "pods")
    assert isinstance(pods, PodList)
    choose(pods, record_of(pods, "web-").meta.name)
    assert pods.actions_by_name["terminal"].isEnabled(), "it goes by the cluster's API"
    act(pods, "delete")
    question = top(Question)
    said = [label.text() for label in question.findChildren(QLabel)]
    assert "In the cluster of the context “production”" in said
    question.reject()
    detail = pods.open(record_of(pods, "web-"))
    assert {"terminal", "ports"} <= set(detail.tab_names)
    check(shown)
    overview = tab(shown, "overview")
    assert isinstance(overview, Overview)
    assert not overview.disable.isVisible(), "it is not Slipway's to turn off"
    check(shown)
    pick(page, "This computer")
    until(overview.disable.isVisible, "Slipway's own")


def test_one_that_does_not_answer(shown: Window, page: KubernetesPage) -> None:
    pods = tab(shown, "pods")
    pick(page, "attic")
    until(lambda: pods.waiting.title.text() == "The cluster cannot be reached", "the reason")
    assert names(pods) == []
    pick(page, "This computer")
    until(lambda: names(pods), "Slipway's own")


def test_it_needs_no_engine(shown: Window, page: KubernetesPage) -> None:
    """Another cluster is shown while Slipway's own is off."""
    pick(page, "attic")
    shown.session.stop()
    until(lambda: not page.cluster.session.running, "the end of the engine")
    assert page.tabs.isVisible()
    pick(page, "This computer")
    until(page.switch.isVisible, "the switch")
