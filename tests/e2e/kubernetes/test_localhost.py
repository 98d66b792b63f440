"""Kubernetes in the real machine: from `docker build` to localhost, and off again."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.kubernetes.cluster import MARKS, MINE, WEB, Kubernetes, awaited, page
from tests.localhost import free_port

pytestmark = MARKS

BALANCED = """
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{type: LoadBalancer, selector: {{app: web}}, ports: [{{port: {port}, targetPort: 8080}}]}}
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: web, image: "{image}", imagePullPolicy: Never, ports: [{{containerPort: 8080, hostPort: {port}}}]}}
"""


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
    cluster: Kubernetes, docker: Program, image: str, busybox: str, name: str, tmp_path: Path
) -> None:
    docker("run", "-d", "--name", name, busybox, "sleep", "100000")

    assert "is running" in cluster.enable()
    report = cluster.status
    assert (report["state"], report["current"]) == ("running", True)
    assert {part["state"] for part in report["parts"]} == {"running"}
    assert api_version(cluster.kubeconfig.read_text(), tmp_path) == report["version"]
    assert " Ready " in cluster.kubectl("get", "nodes")

    cluster.kubectl("apply", "-f", "-", stdin=WEB.format(image=image))
    assert page("127.0.0.1:30080") == "built-here"
    assert page("[::1]:30080") == "built-here"
    pod = cluster.kubectl("get", "pods", "-l", "app=web", "-o", "name")
    assert cluster.kubectl("exec", pod, "--", "cat", "/www/index.html") == "built-here"
    for name in ("web", "web.default", "web.default.svc.cluster.local"):
        asked = ("exec", pod, "--", "wget", "-qO-", f"http://{name}/index.html")
        assert cluster.kubectl(*asked) == "built-here"
    assert cluster.status["ports"] == [
        {"namespace": "default", "service": "web", "protocol": "tcp", "port": 30080, "error": ""}
    ]

    cluster.disable()
    assert cluster.kubeconfig.read_text() == MINE
    left = docker("ps", "-a", "--format", "{{.Names}}").split()
    assert name in left
    assert not [one for one in left if one.startswith("k8s_")]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 30080), timeout=10)
    assert cluster.slipway.fails("kubernetes", "status").out.startswith("Kubernetes")
    assert "KUBE-" not in cluster.inside("iptables-save; ip6tables-save"), "no packet filter rules are left"

    cluster.enable()
    assert page("127.0.0.1:30080") == "built-here", "the cluster's state was kept"


def test_localhost_answers_for_services_and_pods(running: Kubernetes, image: str) -> None:
    balanced, host_port = free_port(), free_port()
    running.kubectl("apply", "-f", "-", stdin=BALANCED.format(name="balanced", port=balanced))
    assert page(f"127.0.0.1:{balanced}") == "built-here"
    address = "jsonpath={.status.loadBalancer.ingress[0].hostname}"
    assert running.kubectl("get", "service", "balanced", "-o", address) == "localhost"
    running.kubectl("apply", "-f", "-", stdin=POD.format(name="direct", image=image, port=host_port))
    assert page(f"127.0.0.1:{host_port}") == "built-here"
    running.kubectl("delete", "service/balanced", "pod/direct")


def test_a_port_that_is_taken_is_named_and_published_once_it_is_free(running: Kubernetes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running.kubectl("apply", "-f", "-", stdin=BALANCED.format(name="late", port=port))
        awaited(lambda: [one for one in running.status["ports"] if one["port"] == port and one["error"]])
        assert str(port) in running.slipway("ports")
        of_service = ("--field-selector", "involvedObject.name=late")
        told = ("get", "events", *of_service, "-o", "jsonpath={.items[*].reason}")
        assert "PortTaken" in awaited(lambda: running.kubectl(*told))
    assert page(f"127.0.0.1:{port}") == "built-here"
    awaited(lambda: "PortPublished" in running.kubectl(*told))
    running.kubectl("delete", "service/late")


def test_the_next_free_port_is_taken_for_the_api(running: Kubernetes) -> None:
    running.disable()
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 6443))
        taken.listen()
        running.enable()
        server = running.status["server"]
        assert server.startswith("https://127.0.0.1:64")
        assert server != "https://127.0.0.1:6443"
        assert server in running.slipway("kubernetes", "status")
        assert server in running.kubeconfig.read_text()


def test_disabling_in_the_middle_of_enabling(running: Kubernetes, docker: Program) -> None:
    running.disable()
    enabling = running.slipway.start("kubernetes", "enable")
    awaited(lambda: any(part["name"] == "kube-apiserver" for part in running.status["parts"]))
    enabling.terminate()
    enabling.communicate(timeout=60)
    began = time.monotonic()
    running.disable()
    print(f"disabled after {time.monotonic() - began:.0f} s")
    assert running.status["state"] == "off"
    assert not [one for one in docker("ps", "-a", "--format", "{{.Names}}").split() if one.startswith("k8s_")]
    assert running.kubeconfig.read_text() == MINE
