"""Kubernetes in the real machine: from `docker build` to localhost, and off again."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine

pytestmark = [
    pytest.mark.machine,
    pytest.mark.slow("the first run compiles Kubernetes, a quarter of an hour or more"),
]

ENABLE_SECONDS = 5400.0
"""For the image to be built, where it is not kept from before, and the cluster to come up under emulation."""

ANSWER_SECONDS = 240.0
"""For what a cluster does by itself, under emulation on a busy host."""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {{name: web, image: "{image}", imagePullPolicy: Never, ports: [{{containerPort: 8080}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{type: NodePort, selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080, nodePort: 30080}}]}}
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """The user's kubeconfig, which has something of others."""
    path = tmp_path / "kubeconfig"
    path.write_text("# mine\napiVersion: v1\nkind: Config\nclusters: []\n")
    return path


@pytest.fixture
def slipway(machine: RunningMachine, kubeconfig: Path) -> Iterator[Program]:
    """Slipway's command line; Kubernetes is off in the end."""
    program = Program(machine.slipway.argv, {**machine.slipway.environment, "KUBECONFIG": str(kubeconfig)})
    yield program
    program("kubernetes", "disable", timeout=600)


@pytest.fixture
def image(docker: Program, busybox: str, tmp_path: Path) -> Iterator[str]:
    """An image that was just built; it serves a page."""
    name = f"slipway-test/web:{uuid.uuid4().hex[:8]}"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {busybox}\nRUN mkdir /www && echo built-here >/www/index.html\n"
        'CMD ["busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]\n'
    )
    docker("build", "-t", name, tmp_path)
    yield name
    docker.run("rmi", "-f", name)


def page(address: str) -> str:
    """What answers there, once something does."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/index.html", timeout=10) as reply:
                return str(reply.read().decode().strip())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)  # what answers is another machine's, and reports nothing here


def api_version(kubeconfig: str, folder: Path) -> str:
    """The API's version, asked with the certificates of a kubeconfig."""
    found = {name: base64.b64decode(text) for name, text in re.findall(r"([a-z-]+)-data: (\S+)", kubeconfig)}
    server = re.search(r"server: (\S+)", kubeconfig)
    assert server, kubeconfig
    both = folder / "client.pem"
    both.write_bytes(found["client-certificate"] + found["client-key"])
    context = ssl.create_default_context(cadata=found["certificate-authority"].decode())
    context.load_cert_chain(both)
    with urllib.request.urlopen(f"{server[1]}/version", context=context, timeout=60) as reply:
        return str(json.load(reply)["gitVersion"])


def test_from_a_build_to_localhost_and_off_again(
    slipway: Program, docker: Program, image: str, busybox: str, name: str, kubeconfig: Path, tmp_path: Path
) -> None:
    before = kubeconfig.read_bytes()
    docker("run", "-d", "--name", name, busybox, "sleep", "100000")

    began = time.monotonic()
    outcome = slipway("kubernetes", "enable", timeout=ENABLE_SECONDS)
    print(f"enabled in {time.monotonic() - began:.0f} s")
    assert "is running" in outcome
    report = json.loads(slipway("kubernetes", "status", "--json"))
    assert (report["state"], report["current"]) == ("running", True)
    assert {part["state"] for part in report["parts"]} == {"running"}
    assert api_version(kubeconfig.read_text(), tmp_path) == report["version"]
    assert " Ready " in slipway("kubectl", "get", "nodes")

    slipway("kubectl", "apply", "-f", "-", stdin=WEB.format(image=image))
    assert page("127.0.0.1:30080") == "built-here"
    assert page("[::1]:30080") == "built-here"
    pod = slipway("kubectl", "get", "pods", "-l", "app=web", "-o", "name")
    assert slipway("kubectl", "exec", pod, "--", "cat", "/www/index.html") == "built-here"
    assert "web.default.svc.cluster.local" in slipway("kubectl", "exec", pod, "--", "nslookup", "web.default")
    assert json.loads(slipway("kubernetes", "status", "--json"))["ports"] == [
        {"namespace": "default", "service": "web", "protocol": "tcp", "port": 30080}
    ]

    slipway("kubernetes", "disable", timeout=600)
    assert kubeconfig.read_bytes() == before
    left = docker("ps", "-a", "--format", "{{.Names}}").split()
    assert name in left
    assert not [one for one in left if one.startswith("k8s_")]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 30080), timeout=10)
    assert slipway.fails("kubernetes", "status").out.startswith("Kubernetes")

    slipway("kubernetes", "enable", timeout=ENABLE_SECONDS)
    assert page("127.0.0.1:30080") == "built-here", "the cluster's state was kept"
