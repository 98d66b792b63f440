"""The window's pages of Kubernetes on the real API: what the stand-in answers is what kube-apiserver answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QSpinBox

from desktop.ui.pages.kubernetes.apply import ApplyDialog, apply_files
from desktop.ui.pages.kubernetes.manifest import DifferenceDialog, ManifestPanel
from desktop.ui.pages.kubernetes.values import ValuesPanel
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.window import Window
from tests.gui.cluster import cells, detail, kubernetes, record_of, tab
from tests.gui.drive import act, agree, choose, messages, names, press, top
from tests.gui.stage import until
from tests.gui.test_kubernetes_objects import MANIFESTS
from tests.unit.engine.kubernetes.real_api import api_server, unpacked
from vm.host import host

pytestmark = pytest.mark.slow("etcd and kube-apiserver are started, after the Kubernetes image has been built")

SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: blog}
stringData: {password: correct horse}
"""


@pytest.fixture
def scenario() -> str:
    return "running,kubernetes"


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    with api_server(folder, unpacked(folder, host().paths())) as found:
        yield found


def test_manifests_lists_edits_and_operations(shown: Window, kubeconfig: Path, tmp_path: Path) -> None:
    shutil.copyfile(kubeconfig, shown.session.paths.kubernetes / "config")  # no client has been made yet
    page = kubernetes(shown)
    (tmp_path / "site.yaml").write_text(MANIFESTS + SECRET)
    apply_files(page, page.shared, [tmp_path / "site.yaml"])
    dialog = top(ApplyDialog)
    outcome = dialog.table.records.columns[2].text
    found = {row.record.name: outcome(row.record) for row in dialog.table.visible_rows()}
    assert found["Namespace blog"] == "new"
    assert found["Deployment site"] == "after its namespace or kind"
    press(dialog, "Apply")
    until(lambda: messages(shown) == ["Applied 3 objects"], "the message")
    workloads = tab(shown, "workloads")
    assert cells(workloads, "site")["Ready"] == "0/2"
    choose(workloads, "site")
    act(workloads, "scale")
    form = top(Form)
    form.findChildren(QSpinBox)[0].setValue(4)
    press(form, "Scale")
    until(lambda: cells(workloads, "site")["Ready"] == "0/4", "the scale")
    act(workloads, "restart")
    workloads.lead_to(record_of(workloads, "site"))
    detail(shown).show_tab("yaml")
    panel = detail(shown).tab("yaml")
    assert isinstance(panel, ManifestPanel)
    until(lambda: "restartedAt" in panel.text.toPlainText(), "the restart")
    panel.edit.click()
    panel.text.setPlainText(panel.text.toPlainText().replace("replicas: 4", "replicas: -4"))
    panel.apply.click()
    until(lambda: any("must be greater than or equal to 0" in one for one in messages(shown)), "the refusal")
    shown.banners.clear()
    panel.text.setPlainText(panel.text.toPlainText().replace("replicas: -4", "replicas: 1"))
    panel.apply.click()
    difference = top(DifferenceDialog)
    changed = [line for line in difference.text.toPlainText().splitlines() if line[:1] in "+-"]
    assert changed == ["-  replicas: 4", "+  replicas: 1"]
    press(difference, "Apply")
    until(lambda: messages(shown) == ["“site” was changed"], "the change")
    config = tab(shown, "config")
    config.lead_to(record_of(config, "login"))
    values = detail(shown).tab("values")
    assert isinstance(values, ValuesPanel)
    until(lambda: values.value.toPlainText() == "••••••••", "the mask")
    values.reveal.click()
    assert values.value.toPlainText() == "correct horse"
    workloads = tab(shown, "workloads")
    choose(workloads, "site")
    act(workloads, "delete")
    assert top(Question)
    agree()
    until(lambda: "site" not in names(workloads), "the deletion")
    for other in ("pods", "services", "storage", "events"):
        page.show_subject(other)
        lists = page.tab(other).lists  # type: ignore[attr-defined]  # an ObjectList has them
        until(lambda found=lists: all(one.known for one in found), other)  # type: ignore[misc]  # a default
