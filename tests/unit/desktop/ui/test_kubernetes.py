"""A cluster's objects in words: what kubelet, the scheduler and the controllers write, as people read it."""

from __future__ import annotations

from typing import Any

import pytest

from desktop.ui.models.kubernetes import config, events, nodes, pods, services, storage, workloads
from desktop.ui.models.kubernetes.meta import rows
from desktop.ui.models.kubernetes.reasons import exit_words, short
from desktop.ui.models.kubernetes.usage import Use, usage
from engine.kubernetes.client.kinds import CONFIG_MAPS, CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, JOBS, SECRETS

NOPE = (
    'Back-off pulling image "nginx:nope": ErrImagePull: rpc error: code = NotFound desc = Error response from '
    "daemon: manifest for nginx:nope not found: manifest unknown: manifest unknown"
)
PRIVATE = (
    "Error response from daemon: pull access denied for team/app, repository does not exist or may require "
    "'docker login'"
)
OFFLINE = "Get https://registry.example/v2/: dial tcp: lookup registry.example on 10.0.2.3:53: no such host"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (NOPE, "no such tag"),
        (PRIVATE, "no such image, or it needs a login"),
        (OFFLINE, "the registry cannot be reached"),
        ("toomanyrequests: You have reached your pull rate limit.", "the registry allows no more pulls now"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "not for this processor"),
        ('configmap "settings" not found', "no ConfigMap “settings”"),
        ('secret "db" not found', "no Secret “db”"),
        ("couldn't find key colour in ConfigMap shop/settings", "no key “colour” in ConfigMap “settings”"),
        ('exec: "serve": executable file not found in $PATH: unknown', "its command is not in the image"),
        ("0/1 nodes are available: 1 Insufficient memory. preemption: not helpful", "not enough memory"),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            "a volume claim of it is not bound",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
            "no node fits its selector",
        ),
        ("something that nobody has seen", ""),
    ],
)
def test_messages_in_few_words(message: str, words: str) -> None:
    assert short(message) == words


def test_how_containers_end() -> None:
    assert exit_words(137, "OOMKilled") == "memory ran out"
    assert exit_words(137) == "exited with 137 (killed)"
    assert exit_words(3) == "exited with 3"


def status(state: dict[str, Any], *, ready: bool = False, name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "ready": ready, "restartCount": 0, "state": state, **more}


RUNNING = {"running": {"startedAt": "2026-11-30T10:00:00Z"}}


def pod(
    *statuses: dict[str, Any],
    phase: str = "Running",
    init: tuple[dict[str, Any], ...] = (),
    ready: bool = False,
    **more: Any,
) -> pods.Pod:
    names = [one["name"] for one in statuses] or ["app"]
    return pods.pod(
        {
            "metadata": {"uid": "1", "name": "web-abc-x", "namespace": "shop", **more.pop("metadata", {})},
            "spec": {
                "containers": [{"name": name, "image": "web:1"} for name in names],
                "initContainers": [{"name": one["name"], "image": "init:1"} for one in init],
            },
            "status": {
                "phase": phase,
                "containerStatuses": list(statuses),
                "initContainerStatuses": list(init),
                "conditions": [
                    {"type": "Ready", "status": str(ready)},
                    *more.pop("conditions", []),
                ],
                **more,
            },
        }
    )


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


class TestPods:
    def test_one_that_runs(self) -> None:
        found = pod(status(RUNNING, ready=True, containerID="docker://abc"), ready=True)
        assert (found.status, found.colour, found.ready) == ("Running", "running", "1/1")
        assert found.containers[0].key == "abc"

    def test_one_that_is_not_ready_yet(self) -> None:
        found = pod(status(RUNNING))
        assert (found.status, found.colour) == ("NotReady", "starting")

    def test_an_image_that_is_not_there(self) -> None:
        found = pod(status(waiting("ImagePullBackOff", NOPE)), phase="Pending")
        assert (found.status, found.why) == ("ImagePullBackOff: no such tag", NOPE)
        assert found.failing

    def test_one_that_crashes_says_how(self) -> None:
        last = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        state = waiting("CrashLoopBackOff", "back-off 5m0s")
        found = pod(status(state, lastState=last, restartCount=7))
        assert found.status == "CrashLoopBackOff: memory ran out"
        assert found.containers[0].restarted
        assert found.restarts == 7

    def test_the_container_that_is_wrong_counts(self) -> None:
        bad = waiting("CreateContainerConfigError", 'secret "db" not found')
        found = pod(status(RUNNING, ready=True), status(bad, name="other"), phase="Pending")
        assert found.status == "CreateContainerConfigError: no Secret “db”"
        assert found.ready == "1/2"

    def test_init_containers_come_first(self) -> None:
        done = status({"terminated": {"exitCode": 0, "reason": "Completed"}}, name="a", ready=True)
        going = status(RUNNING, name="b")
        wait = status(waiting("PodInitializing"))
        found = pod(wait, phase="Pending", init=(done, going))
        assert (found.status, found.colour, found.ready) == ("Init 1/2", "starting", "0/1")
        broken = status(waiting("ImagePullBackOff", NOPE), name="b")
        found = pod(wait, phase="Pending", init=(done, broken))
        assert found.status == "Init ImagePullBackOff: no such tag"

    def test_one_that_fits_nowhere(self) -> None:
        condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: 1 Insufficient cpu."}
        found = pod(phase="Pending", conditions=[condition])
        assert (found.status, found.failing) == ("Pending: not enough CPU", True)

    def test_ends(self) -> None:
        ended = {"terminated": {"exitCode": 0, "reason": "Completed"}}
        assert pod(status(ended), phase="Succeeded").status == "Completed"
        failed = {"terminated": {"exitCode": 127, "reason": "Error"}}
        assert pod(status(failed), phase="Failed").status == "Error: exited with 127 (not found)"
        evicted = pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
        assert (evicted.status, evicted.failing) == ("Evicted", True)
        leaving = pod(status(RUNNING), metadata={"deletionTimestamp": "2026-11-30T10:00:00Z"})
        assert (leaving.status, leaving.colour) == ("Terminating", "stopping")

    def test_a_deployments_pod_belongs_to_it(self) -> None:
        owner = {"kind": "ReplicaSet", "name": "web-5d4f", "controller": True}
        meta = {"labels": {"pod-template-hash": "5d4f"}, "ownerReferences": [owner]}
        found = pod(status(waiting("ErrImagePull", NOPE)), metadata=meta)
        assert found.workload == ("Deployment", "web")
        assert pods.problems([found]) == {("shop", "Deployment", "web"): found}

    def test_what_the_api_has_not_filled_in_yet(self) -> None:
        found = pods.pod({"metadata": {"uid": "1", "name": "a"}, "spec": {"containers": [{"name": "b"}]}})
        assert (found.status, found.ready) == ("Pending", "0/1")


class TestWorkloads:
    def make(self, kind: Any, spec: dict[str, Any], state: dict[str, Any]) -> workloads.Workload:
        item = {"metadata": {"name": "a", "generation": 2}, "spec": spec, "status": state}
        return workloads.maker(kind)(item)

    @pytest.mark.parametrize(
        ("replicas", "state", "said"),
        [
            (2, {"readyReplicas": 2, "updatedReplicas": 2, "observedGeneration": 2}, "Running"),
            (2, {"readyReplicas": 1, "updatedReplicas": 2, "observedGeneration": 2}, "1 of 2 ready"),
            (2, {"readyReplicas": 2, "updatedReplicas": 1, "observedGeneration": 2}, "Rolling out: 1 of 2"),
            (2, {"readyReplicas": 2, "updatedReplicas": 2, "observedGeneration": 1}, "Rolling out: 2 of 2"),
            (0, {"observedGeneration": 2}, "Scaled to 0"),
        ],
    )
    def test_a_deployment(self, replicas: int, state: dict[str, Any], said: str) -> None:
        assert self.make(DEPLOYMENTS, {"replicas": replicas}, state).status == said

    def test_a_quota_is_named(self) -> None:
        condition = {
            "type": "ReplicaFailure",
            "status": "True",
            "message": 'pods "a" is forbidden: exceeded quota: q',
        }
        found = self.make(DEPLOYMENTS, {"replicas": 1}, {"conditions": [condition]})
        assert (found.status, found.colour) == ("over the namespace's quota", "failed")

    def test_the_others(self) -> None:
        assert self.make(DAEMON_SETS, {}, {"numberReady": 1, "desiredNumberScheduled": 1}).status == "Running"
        done = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
        assert self.make(JOBS, {}, done).status == "Completed"
        bad = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
        assert self.make(JOBS, {}, bad).status == "Failed: BackoffLimitExceeded"
        assert self.make(CRON_JOBS, {"schedule": "@daily"}, {}).status == "@daily, not run yet"
        assert self.make(CRON_JOBS, {"schedule": "@daily", "suspend": True}, {}).status == "Suspended, @daily"
        assert workloads.ready_text(self.make(CRON_JOBS, {}, {})) == ""


def test_services_and_where_they_answer() -> None:
    port = {"port": 443, "targetPort": "https", "nodePort": 30443, "protocol": "TCP"}
    udp = {"port": 53, "nodePort": 30053, "protocol": "UDP"}
    item = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "ports": [port, udp]},
    }
    made = services.service(item)
    assert made.ports == "443 → https, 53/udp"
    web = ("shop", "web")
    local = services.local_ports([(web, "tcp", 30443, ""), (web, "udp", 30053, "")])
    found = services.placed(made, local)
    assert [one.text for one in found] == ["localhost:30443", "localhost:30053/udp"]
    assert [one.url for one in found] == ["https://localhost:30443/", ""]
    assert services.placed(services.ingress(item), local) == ()
    (taken,) = services.placed(made, services.local_ports([(web, "tcp", 30443, "by nginx")]))
    assert (taken.text, taken.url, taken.target) == ("30443 is in use", "", 443)


def test_values_of_both_kinds() -> None:
    secret = {"kind": SECRETS.name, "data": {"a": "Z2VoZWlt", "b": "//79"}}
    assert config.value(secret, "a") == "geheim"
    assert config.value(secret, "b") == "3 bytes"
    plain = {"kind": CONFIG_MAPS.name, "data": {"a": "Z2VoZWlt"}, "binaryData": {"c": "aGk="}}
    assert config.value(plain, "a") == "Z2VoZWlt"
    assert config.value(plain, "c") == "hi"
    assert config.maker(CONFIG_MAPS)({"metadata": {}, **plain}).keys == ("a", "c")


def test_storage() -> None:
    item = {"metadata": {"name": "a"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}, "status": {}}
    assert (storage.claim(item).status, storage.claim(item).size) == ("Pending", "1Gi")
    lost = storage.claim({**item, "status": {"phase": "Lost"}})
    assert lost.colour == "failed"


def test_events_of_both_kinds() -> None:
    old = {"metadata": {"uid": "1"}, "lastTimestamp": "2026-11-30T10:00:00Z", "count": 3, "type": "Warning"}
    assert (events.happened(old).count, events.happened(old).warning) == (3, True)
    new = {"metadata": {"uid": "1"}, "series": {"count": 5, "lastObservedTime": "2026-11-30T10:00:00.123456Z"}}
    assert events.happened(new).count == 5
    assert events.happened(new).last > events.happened(old).last


@pytest.mark.parametrize(
    ("text", "number"), [("4", 4), ("1500m", 1.5), ("3922912Ki", 3922912 * 1024), ("2G", 2e9), ("wrong", 0)]
)
def test_quantities(text: str, number: float) -> None:
    assert nodes.quantity(text) == number


def test_a_node_under_pressure() -> None:
    conditions = [
        {"type": "Ready", "status": "True"},
        {"type": "DiskPressure", "status": "True", "message": "kubelet has disk pressure"},
    ]
    found = nodes.node({"metadata": {"name": "slipway"}, "status": {"conditions": conditions}})
    assert found.status == "Ready, the disk is nearly full"
    assert found.colour == "unhealthy"
    assert found.why == "kubelet has disk pressure"


def test_rows_of_the_same_records_are_kept() -> None:
    first = pod(status(RUNNING))
    before = rows([first], [])
    assert rows([first], before)[0] is before[0]
    assert rows([pod(status(RUNNING, ready=True))], before)[0] is not before[0]


class TestUsage:
    def test_figures_of_nodes_and_pods(self) -> None:
        nodes = [{"metadata": {"name": "slipway"}, "usage": {"cpu": "642345678n", "memory": "1228800Ki"}}]
        parts = [{"usage": {"cpu": "120m", "memory": "64Mi"}}, {"usage": {"cpu": "30500u", "memory": "1000Ki"}}]
        found = usage(nodes, [{"metadata": {"name": "web", "namespace": "shop"}, "containers": parts}])
        node = found.nodes["slipway"]
        assert node.of_cpus(4) == "0.64 of 4 in use (16%)"
        assert node.of_memory(3922912 * 1024) == "1.17 GiB of 3.74 GiB in use (31%)"
        assert (found.pods["shop/web"].cpu_text, found.pods["shop/web"].memory_text) == ("0.15", "65 MiB")

    def test_small_changes_are_none(self) -> None:
        def of(cpu: str, memory: str) -> Use:
            return usage([{"metadata": {"name": "n"}, "usage": {"cpu": cpu, "memory": memory}}], []).nodes["n"]

        assert of("641000001n", "65536Ki") == of("641999999n", "65600Ki")
        assert of("641m", "65536Ki") != of("659m", "65536Ki")
