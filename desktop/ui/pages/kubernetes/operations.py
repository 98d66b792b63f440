"""What can be done with workloads: scale, restart, roll back, suspend."""

from __future__ import annotations

import time
from functools import partial

from PySide6.QtWidgets import QSpinBox, QWidget

from desktop.ui.kubernetes.revisions import Revision, previous_revision, roll_back
from desktop.ui.models.kubernetes.meta import Json
from desktop.ui.models.kubernetes.workloads import RESTARTED, SCALED, Workload
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import Operation
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.kinds import CRON_JOBS

MOST_REPLICAS = 10_000
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""kubectl's own annotation: a change of it replaces all pods."""


def workload_operations(parent: QWidget, shared: Shared) -> list[Operation]:
    """All of them, for the list and for the page of one."""
    return [
        Operation(
            "scale",
            "Scale…",
            "scale",
            partial(_scale, parent, shared),
            lambda item: item.kind in SCALED,
            single=True,
            row=True,
        ),
        Operation(
            "restart",
            "Restart",
            "restart",
            partial(_restart, shared),
            lambda item: item.kind in RESTARTED,
            "Ctrl+R",
            row=True,
        ),
        Operation(
            "rollback",
            "Roll back…",
            "undo",
            partial(_roll_back, parent, shared),
            lambda item: item.kind in RESTARTED,
            single=True,
        ),
        Operation(
            "suspend",
            "Suspend",
            "pause",
            partial(_suspend, shared, True),
            lambda item: item.kind is CRON_JOBS and not item.status.startswith("Suspended"),
            bar=False,
        ),
        Operation(
            "resume",
            "Resume",
            "play",
            partial(_suspend, shared, False),
            lambda item: item.kind is CRON_JOBS and item.status.startswith("Suspended"),
            bar=False,
        ),
    ]


def _each(shared: Shared, items: list[Workload], change: Json, failure: str, doing: str, part: str = "") -> None:
    """Change the same fields of all. :param part: a subresource"""
    by_key = {f"{item.kind.name} {item.meta.key}": item for item in items}

    async def call(client: KubernetesClient, key: str) -> None:
        item = by_key[key]
        await client.patch(item.kind, item.meta.namespace, item.meta.name, change, part=part)

    subjects = [(key, item.meta.name) for key, item in by_key.items()]
    shared.cluster.each(subjects, call, failure, doing)


def _scale(parent: QWidget, shared: Shared, items: list[Workload]) -> None:
    item = items[0]
    form = Form(parent, f"Scale “{item.meta.name}”", "Scale")
    count = QSpinBox(minimum=0, maximum=MOST_REPLICAS, value=item.wanted)
    count.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    form.add("Pods", count)

    def accepted() -> None:
        change = {"spec": {"replicas": count.value()}}
        _each(shared, items, change, "{} could not be scaled", "Scaling", "scale")

    form.accepted.connect(accepted)
    form.open()


def _restart(shared: Shared, items: list[Workload]) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    change = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
    _each(shared, items, change, "{} could not be restarted", "Restarting")


def _suspend(shared: Shared, suspend: bool, items: list[Workload]) -> None:
    _each(
        shared,
        items,
        {"spec": {"suspend": suspend}},
        "{} could not be changed",
        "Suspending" if suspend else "Resuming",
    )


def _roll_back(parent: QWidget, shared: Shared, items: list[Workload]) -> None:
    """To the template before the current one, as ``kubectl rollout undo``."""
    item, banners = items[0], shared.context.banners

    def ask(found: Revision) -> None:
        Question(
            parent,
            f"Roll back “{item.meta.name}”?",
            f"Its pods are replaced by those of revision {found.number}: {found.images}.",
            "Roll back",
            danger=False,
        ).then(lambda _: shared.cluster.call(partial(roll_back, item, found), failed=banners.error))

    shared.cluster.call(partial(previous_revision, item), ask, banners.error, owner=parent)
