"""The client on the real API: every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from engine.kubernetes.client import Change, KubernetesClient, read_access
from engine.kubernetes.client.client import JSON_PATCH, STRATEGIC
from engine.kubernetes.client.errors import Conflict, Forbidden, Invalid, NotFound
from engine.kubernetes.client.kinds import ALL, CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS
from tests.unit.engine.kubernetes.real_api import api_server, unpacked
from vm.host import host

pytestmark = pytest.mark.slow("etcd and kube-apiserver are started, after the Kubernetes image has been built")


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    with api_server(folder, unpacked(folder, host().paths())) as found:
        yield found


@pytest.fixture
async def cluster(kubeconfig: Path) -> AsyncIterator[KubernetesClient]:
    async with KubernetesClient(read_access(kubeconfig)) as made:
        yield made


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "nginx:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


async def test_every_kind_is_where_it_is_looked_for(cluster: KubernetesClient) -> None:
    assert (await cluster.version()).startswith("v1.")
    for kind in ALL:
        _, version = await cluster.list(kind)
        assert version, kind
    names = [one["metadata"]["name"] for one in (await cluster.list(NAMESPACES))[0]]
    assert "default" in names


async def test_an_object_is_made_changed_and_deleted(cluster: KubernetesClient) -> None:
    made = await cluster.apply(DEPLOYMENTS, deployment("site"))
    assert made["spec"]["replicas"] == 1
    dry = {**made, "spec": {**made["spec"], "replicas": 7}}
    assert (await cluster.replace(DEPLOYMENTS, dry, dry_run=True))["spec"]["replicas"] == 7
    assert (await cluster.get(DEPLOYMENTS, "default", "site"))["spec"]["replicas"] == 1
    scaled = await cluster.patch(DEPLOYMENTS, "default", "site", {"spec": {"replicas": 3}}, part="scale")
    assert scaled["spec"]["replicas"] == 3
    with pytest.raises(Conflict, match="modified"):
        await cluster.replace(DEPLOYMENTS, made)
    note = {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}
    noted = await cluster.patch(DEPLOYMENTS, "default", "site", note, how=STRATEGIC)
    assert noted["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}
    step = [{"op": "replace", "path": "/spec/replicas", "value": 2}]
    assert (await cluster.patch(DEPLOYMENTS, "default", "site", step, how=JSON_PATCH))["spec"]["replicas"] == 2
    wrong = {"spec": {"selector": {"matchLabels": {"app": "other"}}}}
    with pytest.raises(Invalid, match="selector"):
        await cluster.patch(DEPLOYMENTS, "default", "site", wrong)
    await cluster.delete(DEPLOYMENTS, "default", "site")
    with pytest.raises(NotFound, match="site"):
        await cluster.get(DEPLOYMENTS, "default", "site")


async def test_a_long_list_and_its_changes(cluster: KubernetesClient) -> None:
    for number in range(130):
        await cluster.apply(CONFIG_MAPS, config_map(f"many-{number:03}", n=str(number)))
    following = cluster.follow(CONFIG_MAPS, "default")
    async with aclosing(cast(Any, following)) as changes:
        first: Change = await anext(changes)
        assert first.type == "LISTED"
        assert sum(one["metadata"]["name"].startswith("many-") for one in first.items) == 130
        await cluster.apply(CONFIG_MAPS, config_map("many-000", n="changed"))
        changed = await asyncio.wait_for(anext(changes), 30)
        assert (changed.type, changed.items[0]["data"]) == ("MODIFIED", {"n": "changed"})
        await cluster.delete(CONFIG_MAPS, "default", "many-001")
        assert (await asyncio.wait_for(anext(changes), 30)).type == "DELETED"


async def test_kinds_are_found_by_the_cluster(cluster: KubernetesClient) -> None:
    found = await cluster.kind("policy/v1", "PodDisruptionBudget")
    assert (found.plural, found.namespaced) == ("poddisruptionbudgets", True)
    with pytest.raises(NotFound, match="knows no Boat"):
        await cluster.kind("example.com/v1", "Boat")


async def test_a_certificate_says_who_the_user_is(kubeconfig: Path) -> None:
    async with KubernetesClient(read_access(kubeconfig.with_name("by-certificate"))) as somebody:
        with pytest.raises(Forbidden, match='User "somebody" cannot list resource "pods"'):
            await somebody.list(PODS)


async def test_who_is_not_known_is_refused(kubeconfig: Path) -> None:
    access = read_access(kubeconfig)
    async with KubernetesClient(replace(access, token="another")) as stranger:
        with pytest.raises(Forbidden):
            await stranger.version()
