"""What a workload was before: a Deployment's replica sets, the ControllerRevisions of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from desktop.ui.models.kubernetes.meta import Json
from desktop.ui.models.kubernetes.workloads import Workload
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.client import JSON_PATCH, STRATEGIC
from engine.kubernetes.client.errors import NotFound
from engine.kubernetes.client.kinds import CONTROLLER_REVISIONS, DEPLOYMENTS, REPLICA_SETS

REVISION = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"
"""A label that a Deployment's controller adds to the template of each replica set."""


@dataclass(frozen=True)
class Revision:
    """One that a workload has had.

    :ivar images: of its containers, in words.
    :ivar patch: what brings the workload back to it, of the kind ``how``.
    """

    number: int
    images: str
    patch: Any
    how: str


async def previous_revision(item: Workload, client: KubernetesClient) -> Revision:
    """The revision before the current one. :raise NotFound: there is none"""
    plain = item.kind is DEPLOYMENTS
    found, _ = await client.list(REPLICA_SETS if plain else CONTROLLER_REVISIONS, item.meta.namespace)
    make = _of_replica_set if plain else _of_controller_revision
    own = [make(one) for one in found if any(ref["uid"] == item.meta.uid for ref in _owners(one))]
    if len(own) < 2:
        raise NotFound(f"“{item.meta.name}” has no earlier revision", "It has not been changed since it was made.")
    return sorted(own, key=lambda one: one.number)[-2]


async def roll_back(item: Workload, revision: Revision, client: KubernetesClient) -> None:
    """Have the workload be what it was at a revision."""
    await client.patch(item.kind, item.meta.namespace, item.meta.name, revision.patch, how=revision.how)


def _of_replica_set(item: Json) -> Revision:
    template = {**item["spec"]["template"]}
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {key: value for key, value in (meta.get("labels") or {}).items() if key != TEMPLATE_HASH}
    step = {"op": "replace", "path": "/spec/template", "value": {**template, "metadata": meta}}
    number = int((item["metadata"].get("annotations") or {}).get(REVISION) or 0)
    return Revision(number, _images(template), [step], JSON_PATCH)


def _of_controller_revision(item: Json) -> Revision:
    """Its data is a strategic merge patch that replaces the template."""
    data = item["data"]
    return Revision(int(item["revision"]), _images(data["spec"]["template"]), data, STRATEGIC)


def _images(template: Json) -> str:
    return ", ".join(str(one["image"]) for one in template["spec"]["containers"])


def _owners(item: Json) -> list[Any]:
    return list(item["metadata"].get("ownerReferences") or ())
