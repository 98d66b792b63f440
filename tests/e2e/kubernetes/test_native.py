"""What keeps the cluster, natively: its parts are killed, its data is damaged, and it says what comes of that."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kubernetes.cluster import ClusterStatus
from tests.e2e.kubernetes.cluster import TEST_SECONDS, awaited
from tests.e2e.kubernetes.native import NativeCluster, native_cluster

pytestmark = [
    pytest.mark.slow("needs the image of Kubernetes, whose first build takes a quarter of an hour or more"),
    pytest.mark.timeout(TEST_SECONDS),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make the namespaces of a dockerd"),
]

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec: {type: LoadBalancer, ports: [{port: 8080}]}
"""


@pytest.fixture(scope="module")
def stopped() -> Iterator[NativeCluster]:
    """A cluster that does not run."""
    with tempfile.TemporaryDirectory(prefix="kube-", dir="/tmp") as folder, native_cluster(Path(folder)) as made:
        yield made


@pytest.fixture
def cluster(stopped: NativeCluster) -> Iterator[NativeCluster]:
    """A cluster that runs, and is ready."""
    stopped.start()
    stopped.await_status(is_ready)
    yield stopped
    stopped.stop()


def is_ready(status: ClusterStatus) -> bool:
    return status.ready and all(part.state == "running" for part in status.parts)


def test_services_are_reported_and_hear_of_ports_that_are_taken(cluster: NativeCluster) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=SERVICE)
    status = cluster.await_status(lambda status: len(status.ports) == 2)
    assert {(port.name, port.protocol) for port in status.ports} == {("balanced", "tcp")}
    assert 8080 in {port.port for port in status.ports}
    address = "jsonpath={.status.loadBalancer.ingress[0].hostname}"
    awaited(lambda: cluster.kubectl("get", "service", "balanced", "-o", address) == "localhost")

    taken = {"namespace": "default", "name": "balanced", "protocol": "tcp", "port": 8080, "reason": "nginx has it"}
    events = (
        "get",
        "events",
        "--field-selector=involvedObject.name=balanced",
        "-o",
        "jsonpath={.items[*].message}",
    )
    cluster.say("nonsense")
    cluster.say(json.dumps([taken]))
    awaited(lambda: "localhost:8080/tcp: nginx has it" in cluster.kubectl(*events))
    cluster.say("[]")
    awaited(lambda: "your computer listens there now" in cluster.kubectl(*events))
    cluster.kubectl("delete", "service", "balanced")
    cluster.await_status(lambda status: not status.ports)


def test_the_node_is_measured(cluster: NativeCluster) -> None:
    assert "slipway" in awaited(lambda: cluster.kubectl("top", "nodes"))


def test_every_part_that_is_killed_comes_back_and_says_so(cluster: NativeCluster) -> None:
    parts = [part.name for part in cluster.status.parts]
    assert len(parts) == 9
    cluster.kill(*parts)
    cluster.await_status(lambda status: all(part.restarts > 0 for part in status.parts))
    cluster.await_status(is_ready)
    assert "slipway" in cluster.kubectl("get", "nodes", "-o", "name")


def test_damaged_data_is_restored_and_without_a_backup_that_is_told(stopped: NativeCluster) -> None:
    stopped.start()
    stopped.await_status(is_ready)
    stopped.kubectl("create", "configmap", "kept", "--from-literal=a=1")
    stopped.stop()
    shutil.rmtree(stopped.data / "backups")
    stopped.start()
    awaited(lambda: list((stopped.data / "backups").glob("*.db")))
    stopped.stop()

    spoil(stopped)
    stopped.start()
    status = stopped.await_status(is_ready)
    assert "was damaged" in status.notice
    assert stopped.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "1"
    stopped.stop()

    shutil.rmtree(stopped.data / "backups")
    spoil(stopped)
    stopped.start()
    status = stopped.await_status(lambda status: status.phase == "failed")
    assert "no good backup" in status.error
    stopped.stop()
    shutil.rmtree(stopped.data)  # what a reset does
    stopped.start()
    stopped.await_status(is_ready)
    assert "kept" not in stopped.kubectl("get", "configmaps", "-o", "name")
    stopped.stop()


def spoil(cluster: NativeCluster) -> None:
    """Overwrite the beginning of etcd's database, but not its two pages of metadata."""
    with (cluster.data / "etcd" / "member" / "snap" / "db").open("r+b") as database:
        database.seek(8192)
        database.write(os.urandom(40000))
