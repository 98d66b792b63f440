"""What dies or is damaged while Kubernetes runs in the real machine, and what comes back."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.kubernetes.cluster import ANSWER_SECONDS, MARKS, TEST_SECONDS, Kubernetes, awaited, page

pytestmark = MARKS

KEPT = "/var/lib/slipway/kubernetes"
ETCD = f"{KEPT}/etcd"

PHASE = "jsonpath={.status.phase}"
READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'

CLAIMING = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: claim}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 16Mi}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: claiming}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: "{image}"
    imagePullPolicy: Never
    command: [sleep, "100000"]
    volumeMounts: [{{name: claim, mountPath: /claim}}]
  volumes: [{{name: claim, persistentVolumeClaim: {{claimName: claim}}}}]
"""

GREEDY = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  restartPolicy: Never
  containers:
  - &eater
    name: one
    image: "{image}"
    imagePullPolicy: Never
    resources: {limits}
    command: [dd, if=/dev/urandom, of=/dev/null, bs=4G, count=1, iflag=fullblock]
  - {{<<: *eater, name: two}}
  - {{<<: *eater, name: three}}
"""
"""Twelve gigabytes that do not compress, for the machine's swap is compressed memory."""


def test_every_part_that_is_killed_comes_back_and_says_so(running: Kubernetes) -> None:
    before = {part["name"]: part["restarts"] for part in running.status["parts"]}
    running.kill(*before)
    awaited(lambda: all(part["restarts"] > before[part["name"]] for part in running.status["parts"]))
    running.await_running()
    assert page("127.0.0.1:30080") == "built-here"
    assert running.kubectl("get", "pods", "-o", "jsonpath={.items[*].status.phase}") == "Running"


def test_the_program_that_keeps_the_parts_is_killed(running: Kubernetes) -> None:
    running.kill("cluster")
    awaited(lambda: running.status["state"] != "running")
    running.await_running()
    assert page("127.0.0.1:30080") == "built-here"
    assert "web" in running.kubectl("get", "pods", "-o", "name")


def test_the_supervisor_is_killed(running: Kubernetes, machine: RunningMachine) -> None:
    before, kubeconfig = running.status, running.kubeconfig.read_text()
    os.kill(json.loads(machine.slipway("status", "--json"))["supervisor_pid"], signal.SIGKILL)
    assert "is running" in running.enable(), "it waits while the machine is taken over"
    after = running.await_running()
    assert [part["restarts"] for part in after["parts"]] == [part["restarts"] for part in before["parts"]]
    assert (after["server"], after["ports"]) == (before["server"], before["ports"])
    assert running.kubeconfig.read_text() == kubeconfig
    assert page("127.0.0.1:30080") == "built-here"


def test_the_machine_is_restarted(running: Kubernetes, machine: RunningMachine, image: str) -> None:
    running.kubectl("apply", "-f", "-", stdin=CLAIMING.format(image=image))
    written = ("exec", "claiming", "--", "sh", "-c")
    awaited(lambda: running.kubectl("get", "pod", "claiming", "-o", PHASE) == "Running")
    running.kubectl(*written, "echo kept >/claim/kept")
    before = running.kubectl("get", "pods", "-o", "name")
    machine.slipway("restart", timeout=1200)
    running.await_running()
    assert page("127.0.0.1:30080") == "built-here"
    assert running.kubectl("get", "pods", "-o", "name") == before
    awaited(lambda: running.kubectl("get", "pod", "claiming", "-o", READY) == "True")
    assert running.kubectl(*written, "cat /claim/kept") == "kept"
    running.kubectl("delete", "pod/claiming", "pvc/claim")


@pytest.mark.parametrize(("name", "limits"), [("limited", "{limits: {memory: 64Mi}}"), ("greedy", "{}")])
def test_a_pod_that_eats_all_memory(running: Kubernetes, image: str, name: str, limits: str) -> None:
    before = {part["name"]: part["restarts"] for part in running.status["parts"]}
    running.kubectl("apply", "-f", "-", stdin=GREEDY.format(name=name, image=image, limits=limits))
    awaited(lambda: running.kubectl("get", "pod", name, "-o", PHASE) == "Failed")
    ended = json.loads(running.kubectl("get", "pod", name, "-o", "json"))["status"]
    reasons = {one["state"]["terminated"]["reason"] for one in ended.get("containerStatuses", ())}
    assert "OOMKilled" in reasons or ended.get("reason") == "Evicted", ended
    running.kubectl("delete", "pod", name)
    running.await_running()
    assert {part["name"]: part["restarts"] for part in running.status["parts"]} == before
    assert page("127.0.0.1:30080") == "built-here"


def test_as_many_pods_as_a_node_may_have(running: Kubernetes) -> None:
    running.kubectl("scale", "deployment/web", "--replicas=111")
    phases = ("get", "pods", "-A", "-o", "jsonpath={.items[*].status.phase}")
    awaited(lambda: running.kubectl(*phases).split().count("Running") == 110)
    assert page("127.0.0.1:30080") == "built-here"
    waiting = ("get", "events", "--field-selector=reason=FailedScheduling", "-o", "jsonpath={.items[*].message}")
    assert "Too many pods" in awaited(lambda: running.kubectl(*waiting))
    running.kubectl("scale", "deployment/web", "--replicas=1")
    awaited(lambda: running.kubectl(*phases) == "Running")
    assert page("127.0.0.1:30080") == "built-here"


def test_the_disk_is_full_and_free_again(running: Kubernetes) -> None:
    """The store cannot write; nothing that it has written is lost, and it goes on by itself."""
    running.kubectl("create", "configmap", "kept", "--from-literal=a=1")
    running.inside(f"fallocate -l $(($(df -k {KEPT} | tail -n 1 | awk '{{print $4}}') * 1024)) {KEPT}/fill")
    try:
        big = f"--from-literal=a={'x' * 100_000}"
        for each in range(1000):
            if running.slipway.run("kubectl", "create", "configmap", f"big-{each}", big, timeout=120).code != 0:
                break
        else:
            raise AssertionError("the disk is not full")
        assert "full" in awaited(lambda: running.slipway.run("kubernetes", "status").out)
    finally:
        running.inside(f"rm {KEPT}/fill")
    running.await_running()
    assert running.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "1"
    assert page("127.0.0.1:30080") == "built-here"
    running.kubectl("delete", "configmaps", "--field-selector=metadata.name!=kube-root-ca.crt")


def test_a_damaged_store_is_restored_from_its_backup(running: Kubernetes, machine: RunningMachine) -> None:
    backups = "ls /var/lib/slipway/kubernetes/backups"
    awaited(lambda: running.inside(f"{backups} || true"))
    running.disable()
    spoilt = f"{ETCD}/member/snap/db"
    running.inside(f"head -c 40000 /dev/urandom | dd of={spoilt} bs=1 seek=8192 conv=notrunc 2>/dev/null; sync")
    running.enable()
    warnings = json.loads(machine.slipway("status", "--json"))["warnings"]
    (told,) = [one["message"] for one in warnings if "cluster" in one["message"]]
    assert "was damaged" in told
    assert "restored" in told
    assert running.kubectl("get", "namespace", "default", "-o", "name") == "namespace/default"


def test_a_backup_is_restored_by_hand(running: Kubernetes) -> None:
    running.kubectl("create", "configmap", "before")
    running.inside("/usr/lib/slipway/kubernetes/bin/cluster backup")
    number = running.slipway("kubernetes", "restore").splitlines()[1].split()[0]
    running.kubectl("delete", "configmap", "before")
    running.kubectl("create", "configmap", "after")
    said = running.slipway("kubernetes", "restore", number, "--yes", timeout=ANSWER_SECONDS)
    assert said.startswith(f"The backup {number} of ")
    found = running.kubectl("get", "configmaps", "-o", "name")
    assert "configmap/before" in found
    assert "configmap/after" not in found
    assert page("127.0.0.1:30080") == "built-here"
    assert not json.loads(running.slipway("status", "--json"))["warnings"], "no damage is reported"
    newest = running.slipway("kubernetes", "restore").splitlines()[1].split()[0]
    assert int(newest) > int(number), "what the cluster was until then"


def test_without_a_good_backup_it_is_told_and_a_reset_begins_anew(running: Kubernetes, docker: Program) -> None:
    images = docker("images", "-q", "--no-trunc")
    running.disable()
    running.inside(f"rm -r {ETCD}/member /var/lib/slipway/kubernetes/backups")
    failed = running.slipway.fails("kubernetes", "enable", timeout=TEST_SECONDS)
    assert "no good backup" in failed.err
    assert "slipway kubernetes reset" in failed.err
    running.slipway("kubernetes", "reset", "--yes", timeout=TEST_SECONDS)
    running.await_running()
    assert not running.kubectl("get", "deployments", "-o", "name")
    assert docker("images", "-q", "--no-trunc") == images
