"""Pods get the host's proxy as containers do: as variables, unless they set them themselves.

The API adds them when a pod is created, by a policy of ours (a MutatingAdmissionPolicy; Kubernetes' documentation,
"Mutating Admission Policy"), which is there while there is a proxy. Most programs take exceptions as hosts and
domains, so the cluster's services and namespaces are exceptions by name: their names are followed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from engine.kubernetes.client import Access, KubernetesClient
from engine.kubernetes.client.client import DELETED, LISTED
from engine.kubernetes.client.errors import NotFound
from engine.kubernetes.client.kinds import NAMESPACES, SERVICES, Kind
from engine.kubernetes.client.manifest import Json
from engine.proxies import variables
from vm.host.proxies import Proxies

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Not every system reports that its proxy has changed."""

NAME = "slipway-proxy"
LABEL = "slipway.dev/proxy"
NONE = "none"
"""What a pod or its namespace has as this label in order to get no variables."""

API = "admissionregistration.k8s.io/v1"
POLICIES = Kind("MutatingAdmissionPolicy", API, "mutatingadmissionpolicies", namespaced=False)
BINDINGS = Kind("MutatingAdmissionPolicyBinding", API, "mutatingadmissionpolicybindings", namespaced=False)

INSIDE = ("10.96.0.0/16", ".svc", ".cluster.local")
"""The services' network and domains (program/parts.go in vm/image/kubernetes)."""

CONTAINERS = ("initContainers", "containers")


def for_pods(proxies: Proxies, names: frozenset[str], pods: str) -> Proxies:
    """The proxies with the cluster itself as exceptions.

    :param names: of services and namespaces.    :param pods: their network, in CIDR notation.
    """
    given = [word for word in proxies.no.split(",") if word]
    return replace(proxies, no=",".join(dict.fromkeys([*given, pods, *INSIDE, *sorted(names)])))


def policy(proxies: Proxies) -> tuple[Json, Json]:
    """The policy that adds these to pods, and what puts it in force everywhere."""
    wanted = [{"key": LABEL, "operator": "NotIn", "values": [NONE]}]
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    made = {
        "apiVersion": POLICIES.api,
        "kind": POLICIES.name,
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Ignore",
            "reinvocationPolicy": "Never",
            "matchConstraints": {
                "resourceRules": [rule],
                "objectSelector": {"matchExpressions": wanted},
                "namespaceSelector": {"matchExpressions": wanted},
            },
            "mutations": [
                {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": _expression(proxies)}}
            ],
        },
    }
    bound = {
        "apiVersion": BINDINGS.api,
        "kind": BINDINGS.name,
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME},
    }
    return made, bound


def _expression(proxies: Proxies) -> str:
    """What is to be applied, in CEL: each container with those of the variables that it does not have."""
    fields = ", ".join(
        f"{field}: !has(object.spec.{field}) ? [] : "
        f"object.spec.{field}.map(one, Object.spec.{field}{{name: one.name, env: {_missing(proxies, field)}}})"
        for field in CONTAINERS
    )
    return f"Object{{spec: Object.spec{{{fields}}}}}"


def _missing(proxies: Proxies, field: str) -> str:
    made = ", ".join(
        f"Object.spec.{field}.env{{name: {json.dumps(name)}, value: {json.dumps(value)}}}"
        for name, value in variables(proxies).items()
    )
    return f"[{made}].filter(added, !has(one.env) || !one.env.exists(own, own.name == added.name))"


class PodProxies:
    """Keeps the policy as the host's proxy is.

    :param now: returns the proxies in use, as the machine calls them.
    :param pods: returns the pods' network, in CIDR notation.
    """

    def __init__(self, now: Callable[[], Awaitable[Proxies]], pods: Callable[[], str]) -> None:
        self._now = now
        self._pods = pods
        self._again = asyncio.Event()
        self._names: dict[Kind, set[str]] = {}

    def look_again(self) -> None:
        """The proxies may have just changed."""
        self._again.set()

    async def keep(self, access: Access) -> None:
        """Keep the policy in this cluster until cancelled.

        :raise ClusterCallError: that fails; to be tried again.
        """
        async with await asyncio.to_thread(KubernetesClient, access) as client:
            handed: Proxies | None = None
            while True:
                self._again.clear()
                proxies = await self._now()
                if proxies:
                    handed = await self._while_there_is_one(client, proxies)
                elif handed != proxies:
                    handed = await _withdraw(client)
                await self._wait()

    async def _while_there_is_one(self, client: KubernetesClient, proxies: Proxies) -> Proxies:
        """Keep the policy; returns when there is no proxy any more, and what was handed over last."""
        self._names.clear()
        handed = Proxies()
        async with asyncio.TaskGroup() as group:
            following = [group.create_task(self._follow(client, kind)) for kind in (SERVICES, NAMESPACES)]
            while proxies:
                names: frozenset[str] = frozenset().union(*self._names.values())
                wanted = for_pods(proxies, names, self._pods())
                if len(self._names) == len(following) and wanted != handed:
                    for kind, item in zip((POLICIES, BINDINGS), policy(wanted), strict=True):
                        await client.apply(kind, item, force=True)
                    handed = wanted
                    log.info("pods use the proxy")
                await self._wait()
                self._again.clear()
                proxies = await self._now()
            for task in following:
                task.cancel()
        return handed

    async def _follow(self, client: KubernetesClient, kind: Kind) -> None:
        async for change in client.follow(kind):
            found = {str(item["metadata"]["name"]) for item in change.items}
            before = self._names.get(kind)
            if change.type == LISTED:
                now = found
            elif (
                change.type == DELETED and kind is NAMESPACES
            ):  # another namespace may have a service of that name
                now = (before or set()) - found
            else:
                now = (before or set()) | found
            if now != before:
                self._names[kind] = now
                self._again.set()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._again.wait()


async def _withdraw(client: KubernetesClient) -> Proxies:
    """Take the policy away; an earlier supervisor may have put it there."""
    for kind in (BINDINGS, POLICIES):
        with contextlib.suppress(NotFound):
            await client.delete(kind, "", NAME)
    return Proxies()
