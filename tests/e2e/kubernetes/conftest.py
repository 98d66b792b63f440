"""One cluster for all of these tests: it takes minutes to come up in an emulated machine."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from installers.common.packages import KUBERNETES_GO_LOCK, go_toolchain
from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.kubernetes.cluster import ANSWER_SECONDS, MINE, WEB, Kubernetes, page, plugged
from tests.e2e.publishing import socat_archive
from vm.host import host

BUILD_SECONDS = 3600.0


@pytest.fixture(scope="session")
def built_image() -> None:
    """The image is in the store; where it was not, it is built by the Go that its lock names."""
    go = go_toolchain(KUBERNETES_GO_LOCK) / "bin"
    argv = [sys.executable, "-m", "vm.image.kubernetes.build", "--store", str(host().paths().kubernetes_images)]
    environment = {**os.environ, "PATH": f"{go}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        argv, env=environment, timeout=BUILD_SECONDS, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def cluster(
    built_image: None, machine: RunningMachine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubernetes]:
    """The machine's cluster, for a user whose kubeconfig has something of others; off in the end."""
    kubeconfig = tmp_path_factory.mktemp("kube") / "config"
    kubeconfig.write_text(MINE)
    made = Kubernetes.of(machine, kubeconfig)
    yield made
    made.disable()
    assert kubeconfig.read_text() == MINE


@pytest.fixture(scope="session")
def image(docker: Program, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that was just built; it serves a page, and has socat."""
    name, folder = f"slipway-test/web:{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("image")
    (folder / "socat.tar").write_bytes(socat_archive())
    (folder / "Dockerfile").write_text(
        f"FROM {busybox}\nADD socat.tar /\nRUN mkdir /www && echo built-here >/www/index.html\n"
        'CMD ["busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]\n'
    )
    docker("build", "-t", name, folder)
    yield name
    docker.run("rmi", "-f", name)


@pytest.fixture(scope="session")
def kubectl(cluster: Kubernetes, machine: RunningMachine, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """kubectl on the host, for the cluster, which is on: the static one of the image."""
    cluster.enable()
    folder = tmp_path_factory.mktemp("kubectl") / "image"
    (disk,) = plugged(machine)
    subprocess.run(["fsck.erofs", f"--extract={folder}", disk], check=True, capture_output=True)
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "KUBECACHEDIR": str(folder.parent / "cache")}
    return Program((str(folder / "bin" / "kubectl"),), environment, ANSWER_SECONDS)


@pytest.fixture
def running(cluster: Kubernetes, image: str) -> Kubernetes:
    """The cluster is on, and a page answers at port 30080."""
    cluster.enable()
    cluster.kubectl("apply", "-f", "-", stdin=WEB.format(image=image))
    assert page("127.0.0.1:30080") == "built-here"
    return cluster
