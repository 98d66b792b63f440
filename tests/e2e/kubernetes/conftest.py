"""One cluster for all of these tests: it takes minutes to come up in an emulated machine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.kubernetes.cluster import MINE, WEB, Kubernetes, page


@pytest.fixture(scope="session")
def cluster(machine: RunningMachine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubernetes]:
    """The machine's cluster, for a user whose kubeconfig has something of others; off in the end."""
    kubeconfig = tmp_path_factory.mktemp("kube") / "config"
    kubeconfig.write_text(MINE)
    made = Kubernetes.of(machine, kubeconfig)
    yield made
    made.disable()
    assert kubeconfig.read_text() == MINE


@pytest.fixture(scope="session")
def image(docker: Program, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that was just built; it serves a page."""
    name, folder = f"slipway-test/web:{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(
        f"FROM {busybox}\nRUN mkdir /www && echo built-here >/www/index.html\n"
        'CMD ["busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]\n'
    )
    docker("build", "-t", name, folder)
    yield name
    docker.run("rmi", "-f", name)


@pytest.fixture
def running(cluster: Kubernetes, image: str) -> Kubernetes:
    """The cluster is on, and a page answers at port 30080."""
    cluster.enable()
    cluster.kubectl("apply", "-f", "-", stdin=WEB.format(image=image))
    assert page("127.0.0.1:30080") == "built-here"
    return cluster
