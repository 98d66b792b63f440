"""The proxy in pods: what the policy says, and what the real API makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.kubernetes.client import KubernetesClient, read_access
from engine.kubernetes.client.errors import NotFound
from engine.kubernetes.client.kinds import NAMESPACES, PODS, SERVICES, Kind
from engine.kubernetes.pod_proxies import LABEL, NAME, POLICIES, PodProxies, for_pods
from tests.unit.engine.kubernetes.real_api import api_server, unpacked
from vm.host import host
from vm.host.proxies import Proxies

NETWORK = "172.17.0.0/16"
PROXIES = Proxies("http://proxy:3128", "", 'intra.example,quo"te')
SECONDS = 60.0


def test_the_cluster_itself_is_an_exception() -> None:
    found = for_pods(Proxies("http://proxy:3128", "", "localhost,.svc"), frozenset({"web", "default"}), NETWORK)
    assert found.no == "localhost,.svc,172.17.0.0/16,10.96.0.0/16,.cluster.local,default,web"
    assert found.http == "http://proxy:3128"


def pod(name: str, **labels: str) -> dict[str, Any]:
    def container(name: str, **env: str) -> dict[str, Any]:
        return {"name": name, "image": "x:1", "env": [{"name": key, "value": value} for key, value in env.items()]}

    spec = {"containers": [container("plain"), container("own", HTTP_PROXY="mine", A="a")]}
    spec["initContainers"] = [container("first")]
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def environment(pod: dict[str, Any], container: str) -> dict[str, str]:
    every = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
    (found,) = (one for one in every if one["name"] == container)
    return {each["name"]: each["value"] for each in found.get("env", ())}


async def until(look: Callable[[], Any]) -> dict[str, Any]:
    """What that returns, once it is something; the API's answers are awaited."""
    async with asyncio.timeout(SECONDS):
        while not (found := await look()):
            await asyncio.sleep(0.2)  # a policy is in force some moments after it was written, and nothing tells
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    with api_server(folder, unpacked(folder, host().paths())) as found:
        yield found


class Cluster:
    """The real API, in which pods are looked at as they would be if they were made."""

    def __init__(self, client: KubernetesClient) -> None:
        self.client = client

    async def made(self, **labels: str) -> dict[str, Any]:
        """Such a pod."""
        return await self.client.apply(PODS, pod("looked-at", **labels), dry_run=True, force=True)

    async def with_exceptions(self, *names: str) -> dict[str, Any]:
        """One that has these as exceptions, once it has."""

        async def look() -> dict[str, Any] | None:
            found = await self.made()
            return found if {*names} <= {*environment(found, "plain").get("NO_PROXY", "").split(",")} else None

        return await until(look)

    async def without(self) -> None:
        """Wait until there are no variables."""

        async def look() -> dict[str, Any] | None:
            found = await self.made()
            return None if "NO_PROXY" in environment(found, "plain") else found

        await until(look)


@pytest.fixture
async def cluster(kubeconfig: Path) -> AsyncIterator[Cluster]:
    async with KubernetesClient(read_access(kubeconfig)) as client:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        await client.apply(Kind("ServiceAccount", "v1", "serviceaccounts"), account)  # no controller makes it here
        elsewhere = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}}
        await client.apply(NAMESPACES, elsewhere)
        yield Cluster(client)


@pytest.mark.slow("etcd and kube-apiserver are started, after the Kubernetes image has been built")
async def test_pods_get_the_proxy_while_there_is_one(cluster: Cluster, kubeconfig: Path) -> None:
    proxies = PROXIES

    async def now() -> Proxies:
        return proxies

    kept = PodProxies(now, lambda: NETWORK)
    keeping = asyncio.create_task(kept.keep(read_access(kubeconfig)))
    try:
        found = await cluster.with_exceptions("kubernetes", "default", "elsewhere")
        for name in ("plain", "first"):
            got = environment(found, name)
            assert (got["HTTP_PROXY"], got["http_proxy"]) == (PROXIES.http, PROXIES.http)
            assert got["NO_PROXY"].split(",")[:3] == ["intra.example", 'quo"te', NETWORK]
        own = environment(found, "own")
        assert (own["HTTP_PROXY"], own["A"], own["http_proxy"]) == ("mine", "a", PROXIES.http)
        assert "NO_PROXY" not in environment(await cluster.made(**{LABEL: "none"}), "plain")

        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "late", "namespace": "default"}}
        await cluster.client.apply(SERVICES, {**service, "spec": {"ports": [{"port": 80}]}})
        await cluster.with_exceptions("late")

        proxies = Proxies()
        kept.look_again()
        await cluster.without()
        with pytest.raises(NotFound):
            await cluster.client.get(POLICIES, "", NAME)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
