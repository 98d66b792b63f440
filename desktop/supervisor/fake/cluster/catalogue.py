"""What the stand-in's cluster is furnished with at first: enough of every kind to see a page at work."""

from __future__ import annotations

import base64

from desktop.supervisor.fake.cluster.controllers import NODE, pod_status
from desktop.supervisor.fake.cluster.store import Store, stamp
from desktop.supervisor.fake.world import Json
from engine.kubernetes.client.kinds import (
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    SERVICES,
    STATEFUL_SETS,
    VOLUMES,
    Kind,
)

HOUR, DAY = 3600, 86400
MANY = 1000


def furnish(store: Store, *, many: bool) -> None:
    """Fill an empty cluster. :param many: a thousand pods, to see whether lists stay fluid"""
    for name in ("default", "kube-system", "shop"):
        store.add(NAMESPACES, {"metadata": {"name": name}, "status": {"phase": "Active"}}, age=3 * DAY)
    _node(store)
    web = _workload(store, DEPLOYMENTS, "web", {"nginx": "nginx:1.29"}, replicas=3)
    _workload(store, DEPLOYMENTS, "api", {"api": "shop/api:nope"}, namespace="shop")
    _workload(store, DEPLOYMENTS, "worker", {"worker": "shop/crash:2", "sidecar": "redis:8"}, namespace="shop")
    _workload(store, STATEFUL_SETS, "db", {"postgres": "postgres:17"}, namespace="shop")
    _workload(store, DAEMON_SETS, "log-agent", {"agent": "fluent/agent:3"}, namespace="kube-system")
    migrate = _workload(store, JOBS, "migrate", {"migrate": "shop/once:1"}, namespace="shop")
    _cron_job(store, migrate)
    _services(store)
    _config(store)
    _storage(store)
    _waiting_pod(store)
    _events(store, web)
    if many:
        _many(store)


def _many(store: Store) -> None:
    for number in range(MANY):
        spec = {"nodeName": NODE, "containers": [{"name": "app", "image": f"registry.example/app:{number % 9}"}]}
        pod = _plain(f"load-{number:04}", "default", spec)
        pod = store.add(PODS, pod, age=HOUR)
        pod["status"] = pod_status(pod)
        store.put(PODS, pod)


def _plain(name: str, namespace: str, spec: Json) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": {}}


def _node(store: Store) -> None:
    store.add(
        NODES,
        {
            "metadata": {"name": NODE, "labels": {"node.kubernetes.io/instance-type": "slipway"}},
            "spec": {},
            "status": {
                "capacity": {"cpu": "4", "memory": "4025312Ki", "pods": "110", "ephemeral-storage": "61255492Ki"},
                "allocatable": {"cpu": "4", "memory": "3922912Ki", "pods": "110"},
                "conditions": [
                    {"type": "MemoryPressure", "status": "False", "message": "kubelet has sufficient memory"},
                    {"type": "DiskPressure", "status": "False", "message": "kubelet has no disk pressure"},
                    {"type": "PIDPressure", "status": "False", "message": "kubelet has sufficient PID available"},
                    {"type": "Ready", "status": "True", "message": "kubelet is posting ready status"},
                ],
                "nodeInfo": {
                    "kubeletVersion": "v1.37.2",
                    "containerRuntimeVersion": "docker://28.5.2",
                    "kernelVersion": "6.12.48",
                    "architecture": "amd64",
                },
            },
        },
        age=3 * DAY,
    )


def _workload(
    store: Store, kind: Kind, name: str, images: dict[str, str], *, namespace: str = "default", replicas: int = 1
) -> Json:
    containers = [
        {"name": each, "image": image, "ports": [{"containerPort": 80}]} for each, image in images.items()
    ]
    labels = {"app": name}
    spec: Json = {"template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}
    if kind in (DEPLOYMENTS, STATEFUL_SETS):
        spec["replicas"] = replicas
    if kind is JOBS:
        spec["completions"] = 1
    else:
        spec["selector"] = {"matchLabels": labels}
    item = _plain(name, namespace, spec)
    item["metadata"]["labels"] = labels
    return store.add(kind, item, age=2 * DAY)


def _cron_job(store: Store, job: Json) -> None:
    template = {"spec": {"template": job["spec"]["template"]}}
    spec = {"schedule": "0 3 * * *", "suspend": False, "jobTemplate": template}
    item = _plain("nightly-report", "shop", spec)
    item["status"] = {"lastScheduleTime": stamp(5 * HOUR), "active": []}
    store.add(CRON_JOBS, item, age=9 * DAY)


def _services(store: Store) -> None:
    def add(name: str, namespace: str, kind: str, port: int, node_port: int = 0, **status: object) -> None:
        one: Json = {"port": port, "targetPort": port, "protocol": "TCP"}
        if node_port:
            one["nodePort"] = node_port
        spec = {"type": kind, "clusterIP": "10.96.0.10", "ports": [one], "selector": {"app": name}}
        item = _plain(name, namespace, spec)
        item["status"] = status
        store.add(SERVICES, item, age=2 * DAY)

    add("kubernetes", "default", "ClusterIP", 443)
    add("web", "default", "NodePort", 80, 30080)
    add("shop", "shop", "LoadBalancer", 8080, 31080, loadBalancer={"ingress": [{"hostname": "localhost"}]})
    add("db", "shop", "ClusterIP", 5432)
    backend = {"service": {"name": "shop", "port": {"number": 8080}}}
    rule = {"host": "shop.localhost", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    store.add(INGRESSES, _plain("shop", "shop", {"rules": [rule]}), age=DAY)


def _config(store: Store) -> None:
    settings = {"LOG_LEVEL": "info", "site.conf": "server {\n  listen 80;\n}\n"}
    store.add(CONFIG_MAPS, {"metadata": {"name": "settings", "namespace": "shop"}, "data": settings}, age=DAY)
    roots = {"ca.crt": "-----BEGIN CERTIFICATE-----\n…\n"}
    store.add(CONFIG_MAPS, {"metadata": {"name": "kube-root-ca.crt"}, "data": roots}, age=3 * DAY)
    data = {"password": base64.b64encode(b"correct horse").decode(), "user": base64.b64encode(b"shop").decode()}
    secret = {"metadata": {"name": "db", "namespace": "shop"}, "type": "Opaque", "data": data}
    store.add(SECRETS, secret, age=DAY)


def _storage(store: Store) -> None:
    claim = _plain("data-db-0", "shop", {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard"})
    claim["spec"] |= {"volumeName": "pvc-1", "resources": {"requests": {"storage": "5Gi"}}}
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "5Gi"}}
    store.add(CLAIMS, claim, age=2 * DAY)
    waiting = _plain("uploads", "shop", {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard"})
    waiting["spec"]["resources"] = {"requests": {"storage": "1Gi"}}
    waiting["status"] = {"phase": "Pending"}
    store.add(CLAIMS, waiting, age=HOUR)
    spec = {"capacity": {"storage": "5Gi"}, "persistentVolumeReclaimPolicy": "Delete"}
    spec |= {"claimRef": {"namespace": "shop", "name": "data-db-0"}, "storageClassName": "standard"}
    store.add(VOLUMES, {"metadata": {"name": "pvc-1"}, "spec": spec, "status": {"phase": "Bound"}}, age=2 * DAY)


def _waiting_pod(store: Store) -> None:
    """One that fits on no node."""
    pod = _plain("too-big", "default", {"containers": [{"name": "app", "image": "redis:8"}]})
    why = "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate"
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
    pod["status"] = {"phase": "Pending", "conditions": [condition]}
    store.add(PODS, pod, age=HOUR)


def _events(store: Store, web: Json) -> None:
    def add(
        kind: str, name: str, namespace: str, reason: str, message: str, *, count: int = 1, uid: str = ""
    ) -> None:
        about = {"kind": kind, "name": name, "namespace": namespace, "uid": uid}
        worse = reason in ("Failed", "BackOff", "FailedScheduling")
        store.add(
            EVENTS,
            {
                "metadata": {"name": f"{name}.{store.version:x}", "namespace": namespace},
                "involvedObject": about,
                "reason": reason,
                "message": message,
                "type": "Warning" if worse else "Normal",
                "count": count,
                "firstTimestamp": stamp(300),
                "lastTimestamp": stamp(20),
                "source": {"component": "kubelet"},
            },
        )

    refusal = 'Failed to pull image "shop/api:nope": manifest for shop/api:nope not found: manifest unknown'
    add("Pod", "api-0", "shop", "Failed", refusal, count=4)
    add("Pod", "too-big", "default", "FailedScheduling", "0/1 nodes are available: 1 Insufficient memory.")
    scaled = "Scaled up replica set web from 0 to 3"
    add("Deployment", "web", "default", "ScalingReplicaSet", scaled, uid=web["metadata"]["uid"])
