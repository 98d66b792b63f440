"""The cluster at a glance: its node, its parts, what needs attention, and the switch."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from desktop.control.schema import KubernetesReport
from desktop.ui.kubernetes.objects import Objects
from desktop.ui.kubernetes.usage import LiveUsage
from desktop.ui.models.format import counted
from desktop.ui.models.kubernetes import nodes as node_model
from desktop.ui.models.kubernetes import pods as pod_model
from desktop.ui.pages.kubernetes.restore import restore_backup
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import Elided, button, card, column, label, link, row
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.dot import StateDot
from engine.kubernetes.client.kinds import NODES, PODS

MOST_PROBLEMS, MOST_NODES = 8, 12
CAPTION = 90
"""Width of what a fact is called."""

STATES = {"running": "running", "starting": "starting", "restarting": "restarting", "stopped": "failed"}
"""A part's state → a state of :data:`desktop.ui.theme.STATE_COLOURS`."""


class Overview(QScrollArea):
    """The tab."""

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.shared = shared
        self.node = Lines()
        self.parts = Lines()
        self.problems = Lines()
        self.pods_title = label("", "section")
        self.copy = button("Copy kubectl command", self._copy, picture="copy")
        self.restore = button("Restore a backup…", lambda: restore_backup(self, shared))
        self.disable = button("Turn off…", self._disable)
        self.reset = button("Delete the cluster…", self._reset)
        inner = QWidget()
        grid = QGridLayout()
        grid.setSpacing(PAD)
        grid.addWidget(card(label("Cluster", "section"), self.node, None), 0, 0)
        self._parts = card(label("Parts", "section"), self.parts, None)
        grid.addWidget(self._parts, 0, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(0, PAD, 0, 0)
        outer.setSpacing(PAD)
        outer.addWidget(card(self.pods_title, self.problems))
        outer.addLayout(grid)
        outer.addLayout(row(self.copy, None, self.restore, self.disable, self.reset))
        outer.addStretch(1)
        self.setWidget(inner)
        self.setFocusProxy(self.copy)
        self.nodes: Objects[node_model.Node] = Objects(shared.cluster, self, NODES, node_model.node)
        self.pods: Objects[pod_model.Pod] = Objects(shared.cluster, self, PODS, pod_model.pod)
        self.usage = LiveUsage(shared.cluster, self)
        for changed in (
            self.nodes.changed,
            self.pods.changed,
            self.usage.changed,
            shared.cluster.changed,
            shared.scope.changed,
        ):
            changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known."""
        cluster = self.shared.cluster
        report = cluster.report if cluster.own else None
        if not cluster.runs:
            return
        for part in (self._parts, self.restore, self.disable, self.reset):
            part.setVisible(cluster.own)
        found = [("", "Context", cluster.other)] if report is None else _cluster_facts(report)
        self.node.show_rows([_fact(*one) for one in (*found, *self._node_facts())])
        self.parts.show_rows([_part(one) for one in report.parts] if report is not None else [])
        pods = [one for one in self.pods.items.values() if self.shared.scope.has(one)]
        failing = sorted((one for one in pods if one.failing), key=lambda one: one.meta.key)
        words = "" if not self.pods.known else f"{counted(len(failing), 'pod')} of {len(pods)} need attention"
        self.pods_title.setText(
            words if failing else f"All {counted(len(pods), 'pod')} are well" if words else "Loading …"
        )
        shown = [_problem(self.shared, one) for one in failing[:MOST_PROBLEMS]]
        if len(failing) > MOST_PROBLEMS:
            shown.append(("", ("more",), lambda: label(f"and {len(failing) - MOST_PROBLEMS} more", "muted")))
        self.problems.show_rows(shown)

    def _node_facts(self) -> list[Fact]:
        count = sum(one.status not in ("Completed", "Succeeded") for one in self.pods.items.values())
        nodes = sorted(self.nodes.items.values(), key=lambda node: node.meta.name)
        found = [] if len(nodes) == 1 else [("", "Nodes", str(len(nodes))), ("", "Pods", str(count))]
        for node in nodes[:MOST_NODES]:
            found.append((node.colour, "Node" if len(nodes) == 1 else node.meta.name, node.status))
            use = None if self.usage.now is None else self.usage.now.nodes.get(node.meta.name)
            used: list[Fact] = []
            if use is not None:
                used = [("", "CPUs", use.of_cpus(node.cpus)), ("", "Memory", use.of_memory(node.memory))]
            if len(nodes) > 1:
                found += used
            else:
                found += [
                    *(used or [("", "Resources", node.resources)]),
                    ("", "Pods", f"{count} of {node.pods}"),
                    ("", "Runtime", f"{node.runtime}, Linux {node.kernel}"),
                ]
        return found

    # -- operations -----------------------------------------------------------------------------------------------

    def _copy(self) -> None:
        context = self.shared.cluster.other or "slipway"
        QGuiApplication.clipboard().setText(f"kubectl --context {shlex.quote(context)} get pods --all-namespaces")
        self.shared.context.banners.show_message("done", "Command copied")

    def _disable(self) -> None:
        Question(
            self,
            "Turn Kubernetes off?",
            "Its pods are stopped, its objects and volumes are kept. Docker's other containers go on.",
            "Turn off",
            danger=False,
        ).then(lambda _: self.shared.cluster.disable())

    def _reset(self) -> None:
        Question(
            self,
            "Delete the cluster?",
            "All its objects and the data in its volumes are deleted. Images stay. An empty cluster is started.",
            "Delete",
        ).then(lambda _: self.shared.cluster.reset())


Fact = tuple[str, str, str]
"""The colour of a dot (empty: none), what it is, and its value."""

Line = tuple[str, tuple[str, ...], Any]
"""The colour of a dot (empty: none), what the row shows, and what makes it."""


class Lines(QWidget):
    """Rows that are made anew only when they have changed, so that nothing loses the focus."""

    def __init__(self) -> None:
        super().__init__()
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(GAP)
        self._shown: list[tuple[str, tuple[str, ...]]] = []

    def show_rows(self, lines: list[Line]) -> None:
        """Show these."""
        wanted = [(colour, texts) for colour, texts, _ in lines]
        if wanted == self._shown:
            return
        self._shown = wanted
        while (item := self._outer.takeAt(0)) is not None:
            made = item.widget()
            if made is not None:
                made.deleteLater()
        for colour, _, make in lines:
            holder, part = QWidget(), make()
            inner = row(part) if isinstance(part, QWidget | QLayout) else row()
            if colour:
                inner.insertWidget(0, StateDot(colour))
            holder.setLayout(inner)
            self._outer.addWidget(holder)


def _cluster_facts(report: KubernetesReport) -> list[Fact]:
    found = [("", "Version", report.version), ("", "API", report.server)]
    if report.kubeconfig:
        current = ", the current one" if report.current else ""
        found.append(("", "kubectl", f"context “slipway”{current}, in {report.kubeconfig}"))
    elif report.text:  # why the user's kubeconfig was left alone
        found.append(("", "kubectl", f"{report.text}. {report.hint}".strip()))
    return found


def _fact(colour: str, name: str, text: str) -> Line:
    def make() -> QLayout:
        words = label(name, "muted")
        words.setFixedWidth(CAPTION)
        inner = row(words, *([StateDot(colour)] if colour else []), Elided(text))
        inner.setStretch(inner.count() - 1, 1)
        return inner

    return "", (colour, name, text), make


def _part(part: Any) -> Line:
    text = part.state + (f", restarted {counted(part.restarts, 'time')}" if part.restarts else "")
    error = part.error

    def make() -> QLayout:
        found = row(label(part.name), None, label(text, "muted"))
        return column(found, label(error, "small", wrap=True), gap=0) if error else found

    return STATES.get(part.state, ""), (part.name, text, error), make


def _problem(shared: Shared, pod: pod_model.Pod) -> Line:
    def make() -> QLayout:
        name = link(pod.meta.name, partial(shared.show, PODS, pod))
        words = Elided(f"{pod.status}  ·  {pod.meta.namespace}", "muted")
        inner = row(name, words)
        inner.setStretch(1, 1)
        return inner

    return "failed", (pod.meta.uid, pod.meta.name, pod.status), make
