"""What can be done with workloads: scale, restart, roll back, suspend."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from PySide6.QtWidgets import QSpinBox, QWidget

from desktop.ui.models.kubernetes.meta import Json
from desktop.ui.models.kubernetes.workloads import RESTARTED, SCALED, Workload
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import Operation
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.client import JSON_PATCH
from engine.kubernetes.client.errors import NotFound
from engine.kubernetes.client.kinds import CRON_JOBS, DEPLOYMENTS, REPLICA_SETS

MOST_REPLICAS = 10_000
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""kubectl's own annotation: a change of it replaces all pods."""

REVISION = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"


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
            lambda item: item.kind is DEPLOYMENTS,
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


def _each(shared: Shared, items: list[Workload], change: Json, failure: str, part: str = "") -> None:
    """Change the same fields of all. :param part: a subresource"""
    by_key = {f"{item.kind.name} {item.meta.key}": item for item in items}

    async def call(client: KubernetesClient, key: str) -> None:
        item = by_key[key]
        await client.patch(item.kind, item.meta.namespace, item.meta.name, change, part=part)

    subjects = [(key, item.meta.name) for key, item in by_key.items()]
    shared.cluster.each(subjects, call, failure, shared.context.banners)


def _scale(parent: QWidget, shared: Shared, items: list[Workload]) -> None:
    item = items[0]
    form = Form(parent, f"Scale “{item.meta.name}”", "Scale")
    count = QSpinBox(minimum=0, maximum=MOST_REPLICAS, value=item.wanted)
    count.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    form.add("Pods", count)

    def accepted() -> None:
        change = {"spec": {"replicas": count.value()}}
        _each(shared, items, change, "{} could not be scaled", "scale")

    form.accepted.connect(accepted)
    form.open()


def _restart(shared: Shared, items: list[Workload]) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    change = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
    _each(shared, items, change, "{} could not be restarted")


def _suspend(shared: Shared, suspend: bool, items: list[Workload]) -> None:
    _each(shared, items, {"spec": {"suspend": suspend}}, "{} could not be changed")


def _roll_back(parent: QWidget, shared: Shared, items: list[Workload]) -> None:
    """To the template before the current one, as ``kubectl rollout undo``."""
    item, banners = items[0], shared.context.banners

    def ask(found: Json) -> None:
        images = ", ".join(one["image"] for one in found["spec"]["template"]["spec"]["containers"])
        Question(
            parent,
            f"Roll back “{item.meta.name}”?",
            f"Its pods are replaced by those of revision {_revision(found)}: {images}.",
            "Roll back",
            danger=False,
        ).then(lambda _: shared.cluster.call(partial(_undo, item, found), failed=banners.error))

    shared.cluster.call(partial(_previous, item), ask, banners.error, owner=parent)


async def _previous(item: Workload, client: KubernetesClient) -> Json:
    """The replica set of the revision before the current one. :raise NotFound: there is none"""
    sets, _ = await client.list(REPLICA_SETS, item.meta.namespace)
    own = [one for one in sets if any(ref["uid"] == item.meta.uid for ref in _owners(one))]
    ordered = sorted(own, key=_revision, reverse=True)
    if len(ordered) < 2:
        raise NotFound(f"“{item.meta.name}” has no earlier revision", "It has not been changed since it was made.")
    return ordered[1]


async def _undo(item: Workload, found: Json, client: KubernetesClient) -> None:
    template = {**found["spec"]["template"]}
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {key: value for key, value in (meta.get("labels") or {}).items() if key != TEMPLATE_HASH}
    step = {"op": "replace", "path": "/spec/template", "value": {**template, "metadata": meta}}
    await client.patch(DEPLOYMENTS, item.meta.namespace, item.meta.name, [step], how=JSON_PATCH)


def _owners(item: Json) -> list[Any]:
    return list(item["metadata"].get("ownerReferences") or ())


def _revision(item: Json) -> int:
    return int((item["metadata"].get("annotations") or {}).get(REVISION) or 0)
