"""What dies or is damaged while Kubernetes runs in the real machine, and what comes back."""

from __future__ import annotations

import json
import os
import signal

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.kubernetes.cluster import MARKS, TEST_SECONDS, Kubernetes, awaited, page

pytestmark = MARKS

ETCD = "/var/lib/slipway/kubernetes/etcd"


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
    after = running.await_running()
    assert [part["restarts"] for part in after["parts"]] == [part["restarts"] for part in before["parts"]]
    assert (after["server"], after["ports"]) == (before["server"], before["ports"])
    assert running.kubeconfig.read_text() == kubeconfig
    assert page("127.0.0.1:30080") == "built-here"


def test_the_machine_is_restarted(running: Kubernetes, machine: RunningMachine) -> None:
    before = running.kubectl("get", "pods", "-o", "name")
    machine.slipway("restart", timeout=1200)
    running.await_running()
    assert page("127.0.0.1:30080") == "built-here"
    assert running.kubectl("get", "pods", "-o", "name") == before


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
