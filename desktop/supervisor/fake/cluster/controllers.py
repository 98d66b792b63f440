"""What a cluster does by itself: replica sets for deployments, pods for what wants some, and their states.

An image's name says what becomes of its containers: ``…:nope`` cannot be pulled, ``…crash…`` ends again and again,
``…once…`` ends well. All else runs, with a container in the stand-in's engine, as a pod in the real machine has.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import random
from collections.abc import Iterator

from desktop.supervisor.fake.cluster.store import Store, stamp
from desktop.supervisor.fake.world import Json, World
from engine.kubernetes.client.kinds import (
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    WORKLOADS,
    Kind,
)

NODE = "slipway"
DISTURB_SECONDS = 0.02
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
PULL_FAILED = (
    'Back-off pulling image "{0}": ErrImagePull: Error response from daemon: manifest for {0} not found: '
    "manifest unknown: manifest unknown"
)
CRASHED = "back-off 40s restarting failed container={0} pod={1}"


class Controllers:
    """All of them. :param world: the engine that runs the pods' containers; None where there are too many."""

    def __init__(self, store: Store, world: World | None) -> None:
        self._store, self._world = store, world
        self._due = False
        self._pending: asyncio.Handle | None = None
        store.changed = self._schedule

    def _schedule(self) -> None:
        if not self._due:
            self._due = True
            self._pending = asyncio.get_running_loop().call_soon(self.reconcile)

    def reconcile(self) -> None:
        """Bring what is in line with what is wanted."""
        self._due = False
        for item in self._store.list(DEPLOYMENTS):
            self._roll(item)
        self._collect(REPLICA_SETS, DEPLOYMENTS)
        for kind in (STATEFUL_SETS, DAEMON_SETS):
            for item in self._store.list(kind):
                self._note_revision(kind, item)
        self._collect(CONTROLLER_REVISIONS, STATEFUL_SETS, DAEMON_SETS)
        for kind in (REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS):
            for item in self._store.list(kind):
                self._fill(kind, item)
        self._collect(PODS, REPLICA_SETS, *WORKLOADS)
        for item in self._store.list(DEPLOYMENTS):
            self._count(
                DEPLOYMENTS, item, [pod for one in self._owned(REPLICA_SETS, item) for pod in self._pods(one)]
            )

    # -- deployments ----------------------------------------------------------------------------------------------

    def _roll(self, item: Json) -> None:
        """Have the replica set of the current template, and none of the others, run pods."""
        template = item["spec"]["template"]
        mark = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        sets = self._owned(REPLICA_SETS, item)
        current = next((one for one in sets if one["metadata"]["labels"][HASH] == mark), None)
        newest = max((int(one["metadata"]["annotations"][REVISION]) for one in sets), default=0)
        if current is None or int(current["metadata"]["annotations"][REVISION]) < newest:
            newest += 1
        if current is None:
            name, namespace = f"{item['metadata']['name']}-{mark}", item["metadata"]["namespace"]
            current = self._store.add(
                REPLICA_SETS,
                {
                    "metadata": {
                        "name": name,
                        "namespace": namespace,
                        "labels": {**template["metadata"].get("labels", {}), HASH: mark},
                        "annotations": {REVISION: str(newest)},
                        "ownerReferences": [owner(DEPLOYMENTS, item)],
                    },
                    "spec": {"replicas": 0, "template": copy.deepcopy(template)},
                    "status": {},
                },
            )
        for one in self._owned(REPLICA_SETS, item):
            wanted = item["spec"]["replicas"] if one is current else 0
            revision = str(newest) if one is current else one["metadata"]["annotations"][REVISION]
            if one["spec"]["replicas"] != wanted or one["metadata"]["annotations"][REVISION] != revision:
                one["spec"]["replicas"], one["metadata"]["annotations"][REVISION] = wanted, revision
                self._store.put(REPLICA_SETS, one)
        if item["metadata"].setdefault("annotations", {}).get(REVISION) != str(newest):
            item["metadata"]["annotations"][REVISION] = str(newest)
            self._store.put(DEPLOYMENTS, item)

    def _note_revision(self, kind: Kind, item: Json) -> None:
        """Have a revision of the current template, which is the newest one."""
        data = {"spec": {"template": {**copy.deepcopy(item["spec"]["template"]), "$patch": "replace"}}}
        known = self._owned(CONTROLLER_REVISIONS, item)
        newest = max((one["revision"] for one in known), default=0)
        current = next((one for one in known if one["data"] == data), None)
        if current is None:
            meta = {"name": f"{item['metadata']['name']}-{newest + 1}", "namespace": item["metadata"]["namespace"]}
            meta["ownerReferences"] = [owner(kind, item)]
            self._store.add(CONTROLLER_REVISIONS, {"metadata": meta, "data": data, "revision": newest + 1})
        elif current["revision"] < newest:
            current["revision"] = newest + 1
            self._store.put(CONTROLLER_REVISIONS, current)

    # -- pods -----------------------------------------------------------------------------------------------------

    def _fill(self, kind: Kind, item: Json) -> None:
        """Have as many pods as are wanted, of the current template."""
        spec, meta = item["spec"], item["metadata"]
        wanted = 1 if kind in (DAEMON_SETS, JOBS) else int(spec.get("replicas", 1))
        text = json.dumps(spec["template"], sort_keys=True)
        pods = self._pods(item)
        for pod in pods:
            if pod["metadata"]["annotations"]["template"] != digest(text) and kind is not JOBS:
                self._end(pod)
        pods = self._pods(item)
        for pod in pods[wanted:]:
            self._end(pod)
        taken = {pod["metadata"]["name"] for pod in pods}
        for name in self._names(kind, meta["name"]):
            if len(taken) >= wanted:
                break
            if name not in taken:
                taken.add(name)
                self._begin(kind, item, name, digest(text))
        self._count(kind, item, self._pods(item))

    def _names(self, kind: Kind, base: str) -> Iterator[str]:
        number = 0
        while True:
            plain = kind is STATEFUL_SETS
            yield f"{base}-{number}" if plain else f"{base}-{digest(f'{base} {number} {self._store.version}')[:5]}"
            number += 1

    def _begin(self, kind: Kind, item: Json, name: str, mark: str) -> None:
        template, meta = copy.deepcopy(item["spec"]["template"]), item["metadata"]
        pod: Json = {
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": {**template["metadata"].get("labels", {}), **_mark(meta)},
                "annotations": {"template": mark},
                "ownerReferences": [owner(kind, item)],
            },
            "spec": {"nodeName": NODE, "restartPolicy": "Always", **template["spec"]},
        }
        if kind is JOBS:
            pod["spec"]["restartPolicy"] = "Never"
        pod = self._store.add(PODS, pod, age=item.get("_age", 0.0))
        pod["status"] = pod_status(pod)
        self._run(pod)
        self._store.put(PODS, pod)

    def _run(self, pod: Json) -> None:
        """Have the engine run its containers."""
        if self._world is None or pod["status"]["phase"] != "Running":
            return
        meta = pod["metadata"]
        for status in [{"name": "POD", "image": "slipway/pause:1"}, *pod["status"]["containerStatuses"]]:
            labels = {
                "io.kubernetes.pod.name": meta["name"],
                "io.kubernetes.pod.namespace": meta["namespace"],
                "io.kubernetes.container.name": status["name"],
                "io.kubernetes.pod.uid": meta["uid"],
            }
            name = f"k8s_{status['name']}_{meta['name']}_{meta['namespace']}_{meta['uid']}_0"
            made = self._world.create({"Image": "alpine:3.22", "Labels": labels, "Cmd": ["run"]}, name)
            self._world.start(made["Id"])
            if status["name"] != "POD":
                status["containerID"] = f"docker://{made['Id']}"

    def _end(self, pod: Json) -> None:
        meta = pod["metadata"]
        if self._world is not None:
            mine = [
                key
                for key, one in self._world.containers.items()
                if one["Labels"].get("io.kubernetes.pod.uid") == meta["uid"]
            ]
            for key in mine:
                self._world.remove(key, force=True)
        if self._store.find(PODS, meta["namespace"], meta["name"]) is not None:
            self._store.remove(PODS, meta["namespace"], meta["name"])

    # -- states ---------------------------------------------------------------------------------------------------

    def _count(self, kind: Kind, item: Json, pods: list[Json]) -> None:
        ready = sum(is_ready(pod) for pod in pods)
        if kind is JOBS:
            done = sum(pod["status"]["phase"] == "Succeeded" for pod in pods)
            status: Json = {"succeeded": done, "active": len(pods) - done, "startTime": stamp(90)}
            if done:
                status = {**status, "completionTime": stamp(30)}
                status["conditions"] = [{"type": "Complete", "status": "True"}]
            if item.get("status", {}).get("succeeded") == done and done:
                return
        elif kind is DAEMON_SETS:
            status = {"desiredNumberScheduled": 1, "numberReady": ready, "numberAvailable": ready}
            status["updatedNumberScheduled"] = len(pods)
        else:
            status = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
            status["updatedReplicas"] = len(pods)
        if kind is not REPLICA_SETS:
            status["observedGeneration"] = item["metadata"]["generation"]
        if item.get("status") != status:
            item["status"] = status
            self._store.put(kind, item)

    def _pods(self, item: Json) -> list[Json]:
        return self._owned(PODS, item)

    def _owned(self, kind: Kind, item: Json) -> list[Json]:
        key = item["metadata"]["uid"]
        return [one for one in self._store.list(kind, item["metadata"]["namespace"]) if owner_of(one) == key]

    def _collect(self, kind: Kind, *owners: Kind) -> None:
        """Delete what belongs to something that has gone."""
        known = {one["metadata"]["uid"] for each in owners for one in self._store.list(each)}
        for item in self._store.list(kind):
            if owner_of(item) and owner_of(item) not in known:
                if kind is PODS:
                    self._end(item)
                else:
                    self._store.remove(kind, item["metadata"]["namespace"], item["metadata"]["name"])


async def disturb(store: Store) -> None:
    """Let a pod crash or come back, fifty times a second."""
    numbers = random.Random(7)
    pods = store.list(PODS, "default")
    while True:
        await asyncio.sleep(DISTURB_SECONDS)
        pod = numbers.choice(pods)
        container = pod["spec"]["containers"][0]
        name = container["image"].removesuffix("-crash")
        container["image"] = name if name != container["image"] else f"{name}-crash"
        pod["status"] = pod_status(pod)
        store.put_status(PODS, pod)


def digest(text: str) -> str:
    """Hexadecimal digits for a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def owner(kind: Kind, item: Json) -> Json:
    """A reference to the object that another belongs to."""
    meta = item["metadata"]
    return {
        "apiVersion": kind.api,
        "kind": kind.name,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }


def owner_of(item: Json) -> str:
    """The UID of what an object belongs to; empty for none."""
    found = item["metadata"].get("ownerReferences") or ()
    return str(found[0]["uid"]) if found else ""


def is_ready(pod: Json) -> bool:
    """Whether it counts."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def pod_status(pod: Json) -> Json:
    """What becomes of a pod, by its images."""
    name = pod["metadata"]["name"]
    statuses, phase = [], "Running"
    for one in pod["spec"]["containers"]:
        image = one["image"]
        status: Json = {"name": one["name"], "image": image, "ready": False, "restartCount": 0, "lastState": {}}
        if image.endswith(":nope"):
            waiting = {"reason": "ImagePullBackOff", "message": PULL_FAILED.format(image)}
            status["state"], phase = {"waiting": waiting}, "Pending"
        elif "crash" in image:
            waiting = {"reason": "CrashLoopBackOff", "message": CRASHED.format(one["name"], name)}
            ended = {"exitCode": 1, "reason": "Error", "startedAt": stamp(70), "finishedAt": stamp(60)}
            status |= {"state": {"waiting": waiting}, "lastState": {"terminated": ended}, "restartCount": 5}
        elif "once" in image:
            ended = {"exitCode": 0, "reason": "Completed", "startedAt": stamp(70), "finishedAt": stamp(60)}
            status["state"], phase = {"terminated": ended}, "Succeeded"
        else:
            status |= {"ready": True, "state": {"running": {"startedAt": stamp(60)}}}
        statuses.append(status)
    ready = "True" if all(one["ready"] for one in statuses) else "False"
    return {
        "phase": phase,
        "podIP": "172.17.0.9",
        "hostIP": "10.0.2.15",
        "startTime": pod["metadata"]["creationTimestamp"],
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}],
        "containerStatuses": statuses,
    }


def _mark(meta: Json) -> dict[str, str]:
    """The label by which a replica set's pods are told from those of others."""
    return {key: value for key, value in (meta.get("labels") or {}).items() if key == HASH}
