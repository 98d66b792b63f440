"""Manifests out of files: read, checked by the cluster, applied. The way of ``kubectl apply --server-side``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from desktop.ui.models.kubernetes.meta import Json
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.errors import ManifestError, NotFound
from engine.kubernetes.client.kinds import NAMESPACES, Kind
from engine.kubernetes.client.manifest import load_all
from vm.errors import UserError

SUFFIXES = (".yaml", ".yml", ".json")
FIRST = ("Namespace", "CustomResourceDefinition", "StorageClass", "ServiceAccount", "Secret", "ConfigMap")
"""Kinds that others need."""

NEW, CHANGED, SAME, LATER = "new", "changed", "as it is", "after its namespace or kind"

OWN_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")


@dataclass(frozen=True)
class Step:
    """What becomes of one object.

    :ivar outcome: one of the words above; empty when there is an error.
    """

    item: Json
    outcome: str
    error: UserError | None = None

    @property
    def name(self) -> str:
        """Kind and name."""
        return f"{self.item['kind']} {self.item['metadata']['name']}"


def read_manifests(paths: Iterable[Path]) -> list[Json]:
    """The objects of files, and of the files in folders; those that others need come first. Blocks.

    :raise ManifestError: a file cannot be read or has something else in it, or there are none.
    """
    found: list[Json] = []
    for path in paths:
        files = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES) if path.is_dir() else [path]
        for file in files:
            try:
                found += load_all(file.read_text(encoding="utf-8"))
            except ManifestError as error:
                raise ManifestError(f"{file.name}: {error.message}", error.hint, error.detail) from error
            except (OSError, ValueError) as error:
                raise ManifestError(f"{file} cannot be read", "Check its permissions.", str(error)) from error
    if not found:
        raise ManifestError("There are no manifests in it", f"Their names end in {', '.join(SUFFIXES)}.")
    return sorted(found, key=lambda one: FIRST.index(one["kind"]) if one["kind"] in FIRST else len(FIRST))


async def check(client: KubernetesClient, items: list[Json]) -> list[Step]:
    """Have the cluster check them all; nothing is changed."""
    made = {one["metadata"]["name"] for one in items if one["kind"] == NAMESPACES.name}
    kinds = any(one["kind"] == "CustomResourceDefinition" for one in items)
    steps = []
    for item in items:
        space = str(item["metadata"].get("namespace") or "")
        try:
            kind = await client.kind(str(item["apiVersion"]), str(item["kind"]))
            steps.append(Step(item, await _outcome(client, kind, item)))
        except NotFound as error:
            later = space in made or kinds  # what it needs is made before it
            steps.append(Step(item, LATER) if later else Step(item, "", error))
        except UserError as error:
            steps.append(Step(item, "", error))
    return steps


async def _outcome(client: KubernetesClient, kind: Kind, item: Json) -> str:
    space = str(item["metadata"].get("namespace") or client.access.namespace)
    after = await client.apply(kind, item, dry_run=True)
    try:
        before = await client.get(kind, space, str(item["metadata"]["name"]))
    except NotFound:
        return NEW
    return SAME if _essence(before) == _essence(after) else CHANGED


def _essence(item: Json) -> Json:
    meta = {key: value for key, value in item["metadata"].items() if key not in OWN_BOOKKEEPING}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}


async def apply(client: KubernetesClient, steps: list[Step]) -> AsyncIterator[Step]:
    """Apply them, one after the other; a failure does not stop the others."""
    for step in steps:
        try:
            kind = await client.kind(str(step.item["apiVersion"]), str(step.item["kind"]))
            await client.apply(kind, step.item)
        except UserError as error:
            yield Step(step.item, "", error)
        else:
            yield step
