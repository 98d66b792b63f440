"""What people do with a cluster, with a real kubectl of the host against the real machine.

The themes are those of upstream's conformance tests (test/conformance/testdata/conformance.yaml), whose own
images cannot be had here; each docstring names the test that it follows. That a disabled cluster leaves containers
alone is in test_localhost.py, and that a claim survives a restart in test_faults.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import TIMEOUT, Program, finish
from tests.e2e.conftest import RunningMachine, await_mounted
from tests.e2e.kubernetes.cluster import ANSWER_SECONDS, MARKS, Kubernetes, awaited
from tests.e2e.publishing import has_ipv6, told_back
from tests.localhost import free_port

pytestmark = MARKS

HOOKS = "/run/smoke-hooks"
POD = "jsonpath={.status.phase}"


@pytest.fixture(scope="module")
def smoke(
    cluster: Kubernetes, kubectl: Program, image: str, docker: Program, shared_folder: Path, tmp_path_factory: Any
) -> Iterator[Program]:
    """kubectl in a namespace in which everything was applied at once."""
    folder = tmp_path_factory.mktemp("arguments")
    (folder / "Dockerfile").write_text(f'FROM {image}\nENTRYPOINT ["echo", "image"]\nCMD ["of the image"]\n')
    docker("build", "-t", f"{image}-arguments", folder)
    manifest = (Path(__file__).parent / "smoke.yaml").read_text()
    manifest = manifest.replace("@IMAGE@", image).replace("@SHARED@", str(shared_folder))
    kubectl("create", "namespace", "smoke")
    kubectl("apply", "-f", "-", stdin=manifest)
    yield Program((*kubectl.argv, "--namespace=smoke"), kubectl.environment, kubectl.seconds)
    kubectl("delete", "namespace", "smoke")
    cluster.inside(f"rm -rf {HOOKS}")
    docker("rmi", "-f", f"{image}-arguments")


@pytest.fixture(scope="module")
def watching(smoke: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, float]]:
    """A watch that nothing happens in until the last test; what it has printed, and since when it is there."""
    printed = tmp_path_factory.mktemp("watch") / "names"
    asked = [*smoke.argv, "get", "configmaps", "--watch", "-l", "watched", "-o", "name"]
    with printed.open("wb") as out, subprocess.Popen(asked, env=smoke.full_environment, stdout=out) as process:
        yield printed, time.monotonic()
        process.terminate()


@pytest.fixture
def ended(smoke: Program) -> Callable[..., str]:
    """Waits until a pod has ended so; what it printed."""

    def wait(pod: str, phase: str = "Succeeded", container: str = "main") -> str:
        awaited(lambda: smoke("get", "pod", pod, "-o", POD) == phase)
        return smoke("logs", pod, "-c", container)

    return wait


def running_pod(smoke: Program, *chosen: str) -> None:
    smoke(
        "wait", "--for=condition=Ready", f"--timeout={ANSWER_SECONDS:.0f}s", "pod", *chosen, timeout=ANSWER_SECONDS
    )


def says_so(smoke: Program, wanted: str, *asked: str) -> None:
    """Wait until a command prints that."""
    awaited(lambda: smoke.run(*asked).out.strip() == wanted)


def test_the_node_and_the_service_of_the_api(smoke: Program, watching: object) -> None:
    """[sig-api-machinery] “should provide secure master service”."""
    assert " Ready " in smoke("get", "nodes")
    found = json.loads(smoke("get", "service", "kubernetes", "-n", "default", "-o", "json"))
    assert [(port["name"], port["port"]) for port in found["spec"]["ports"]] == [("https", 443)]


def test_the_life_of_a_config_map(smoke: Program, ended: Callable[..., str]) -> None:
    """[sig-node] ConfigMap “should run through a ConfigMap lifecycle”, “should be consumable via environment”."""
    smoke("create", "configmap", "living", "--from-literal=a=1")
    smoke("label", "configmap", "living", "smoke=true")
    smoke("patch", "configmap", "living", "--type=merge", "-p", '{"data": {"a": "2", "b": "3"}}')
    found = json.loads(smoke("get", "configmaps", "-l", "smoke=true", "-o", "json"))["items"]
    assert [one["data"] for one in found] == [{"a": "2", "b": "3"}]
    smoke("delete", "configmaps", "-l", "smoke=true")
    assert not smoke("get", "configmaps", "-l", "smoke=true", "-o", "name")
    assert ended("environment").split() == ["blue", "all_colour=blue"]


def test_a_secret_as_a_volume(ended: Callable[..., str]) -> None:
    """[sig-storage] Secrets “should be consumable from pods in volume with defaultMode set”."""
    assert ended("secret").split("\n") == ["open sesame", "400", "tmpfs"]


def test_commands_and_arguments(ended: Callable[..., str]) -> None:
    """[sig-node] Containers “should be able to override the image's default command and arguments”."""
    said = {name: ended("arguments", container=name) for name in ("neither", "args", "command", "both")}
    assert said == {
        "neither": "image of the image",
        "args": "image of the pod",
        "command": "command",
        "both": "command and args",
    }


def test_restart_policies(smoke: Program, ended: Callable[..., str]) -> None:
    """[sig-node] Container Runtime “should run with the expected status”."""
    ended("never", "Failed")
    code = "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
    assert smoke("get", "pod", "never", "-o", code) == "3"
    running_pod(smoke, "on-failure")
    restarts = "jsonpath={.status.containerStatuses[0].restartCount}"
    assert smoke("get", "pod", "on-failure", "-o", restarts) == "1"
    says_so(smoke, "second", "logs", "on-failure")
    assert smoke("logs", "on-failure", "--previous") == "first"


def test_init_containers(ended: Callable[..., str]) -> None:
    """[sig-node] InitContainer “should invoke init containers on a RestartNever pod”."""
    assert ended("init").split() == ["one", "two"]


def test_hooks(smoke: Program, cluster: Kubernetes) -> None:
    """[sig-node] Container Lifecycle Hook “should execute poststart / prestop exec hook properly”."""
    running_pod(smoke, "hooks")
    assert cluster.inside(f"cat {HOOKS}/hooks") == "started"
    smoke("delete", "pod", "hooks")
    assert cluster.inside(f"cat {HOOKS}/hooks").split() == ["started", "stopping"]


def test_what_a_pod_knows_of_itself(smoke: Program, ended: Callable[..., str]) -> None:
    """[sig-node] Downward API “should provide pod name, namespace and IP address as env vars”, and its volume."""
    first, address, labels = ended("downward").splitlines()
    assert first == f"downward smoke slipway {32 << 20}"
    assert address == smoke("get", "pod", "downward", "-o", "jsonpath={.status.podIP}")
    assert labels == 'app="downward"'


def test_an_ephemeral_container(smoke: Program, image: str) -> None:
    """[sig-node] Ephemeral Containers “will start an ephemeral container in an existing pod”."""
    running_pod(smoke, "around")
    patch = {"spec": {"ephemeralContainers": [{
        "name": "beside", "image": image, "imagePullPolicy": "Never", "targetContainerName": "main",
        "command": ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; echo; exec sleep 100000"],
    }]}}  # fmt: skip
    smoke("patch", "pod", "around", "--subresource=ephemeralcontainers", "-p", json.dumps(patch))
    awaited(lambda: "sleep 100000" in smoke.run("logs", "around", "-c", "beside").out)


def test_a_deployment_is_rolled_out_rolled_back_and_scaled(smoke: Program) -> None:
    """[sig-apps] Deployment “should support rollover”, “… proportional scaling”; Endpoints follow the pods."""

    def rolled_out() -> None:
        smoke("rollout", "status", "deployment/rolled")

    def says(edition: str) -> None:
        says_so(smoke, edition, "exec", "around", "--", "wget", "-qO-", "http://rolled.smoke.svc/index.html")

    rolled_out()
    says("first")
    smoke("set", "env", "deployment/rolled", "EDITION=second")
    rolled_out()
    says("second")
    smoke("rollout", "undo", "deployment/rolled")
    rolled_out()
    says("first")
    for replicas in (3, 0):
        smoke("scale", "deployment/rolled", f"--replicas={replicas}")
        rolled_out()
        chosen = ("get", "endpointslices", "-l", "kubernetes.io/service-name=rolled")
        ready = '{range .items[*].endpoints[?(@.conditions.ready==true)]}{"x"}{end}'
        says_so(smoke, "x" * replicas, *chosen, "-o", f"jsonpath={ready}")


def test_a_stateful_set_and_its_names(smoke: Program) -> None:
    """[sig-apps] StatefulSet “should have ordered names”; [sig-network] DNS “for services (headless)”."""
    for name in ("member-0", "member-1"):
        says_so(smoke, "Running", "get", "pod", name, "-o", POD)
        address = smoke("get", "pod", name, "-o", "jsonpath={.status.podIP}")
        script = f"nslookup {name}.members.smoke.svc.cluster.local | tail -n 2 | sed -n 's/^Address[^:]*: *//p'"
        says_so(smoke, address, "exec", "around", "--", "sh", "-c", script)
    assert smoke("exec", "member-1", "--", "hostname") == "member-1"


def test_jobs(smoke: Program) -> None:
    """[sig-apps] Job “should run a job to completion”; CronJob “should schedule”."""
    limit = f"--timeout={ANSWER_SECONDS:.0f}s"
    smoke("wait", "--for=condition=Complete", limit, "job/twice")
    assert smoke("get", "job", "twice", "-o", "jsonpath={.status.succeeded}") == "2"
    awaited(lambda: smoke("get", "cronjob", "minutely", "-o", "jsonpath={.status.lastSuccessfulTime}"))
    smoke("delete", "cronjob", "minutely")


def test_one_port_by_two_protocols_on_localhost(smoke: Program) -> None:
    """[sig-network] Services “should serve endpoints on same port and different protocols”, as NodePort."""
    running_pod(smoke, "echo")
    for address in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
        awaited(partial(told_back, address, 30007, b"by udp"))
        assert awaited(partial(by_tcp, address, 30007, b"by tcp")) == b"by tcp"


def by_tcp(address: str, port: int, said: bytes) -> bytes:
    with socket.create_connection((address, port), timeout=30) as client:
        client.sendall(said)
        return client.recv(100)


def test_twenty_megabytes_by_port_forward(smoke: Program, tmp_path: Path) -> None:
    """[sig-cli] Kubectl Port forwarding “should support forwarding over websockets”, with much data both ways."""
    running_pod(smoke, "echo")
    port, sent = free_port(), random.Random(1).randbytes(10 << 20)
    with forwarding(smoke, "pod/echo", port, 7), socket.create_connection(("127.0.0.1", port), 60) as client:
        writer = threading.Thread(target=client.sendall, args=(sent,))
        writer.start()
        received = hashlib.sha256()
        count = 0
        while count < len(sent) and (piece := client.recv(1 << 16)):
            received.update(piece)
            count += len(piece)
        writer.join()
    assert received.hexdigest() == hashlib.sha256(sent).hexdigest()


@contextlib.contextmanager
def forwarding(smoke: Program, what: str, port: int, to: int) -> Iterator[None]:
    """kubectl forwards that port while the block runs."""
    with smoke.start("port-forward", what, f"{port}:{to}") as process:
        try:
            assert process.stdout
            assert "Forwarding from" in process.stdout.readline()
            yield
        finally:
            process.terminate()


def test_exec(smoke: Program) -> None:
    """[sig-node] Pods “should support remote command execution over websockets”; terminals, exit codes."""
    running_pod(smoke, "around")
    assert smoke("exec", "-i", "around", "--", "sh", "-c", "cat; echo end", stdin="given\n").split() == [
        "given",
        "end",
    ]
    failed = smoke.fails("exec", "around", "-c", "main", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (failed.code, failed.out.strip(), failed.err.splitlines()[0]) == (7, "out", "err")

    terminal = smoke.terminal("exec", "-it", "around", "--", "sh", rows=30, columns=100)
    terminal.expect("# ")
    terminal.sendline("stty size")
    terminal.expect("30 100")
    terminal.setwinsize(40, 120)
    terminal.expect("# ")
    deadline = time.monotonic() + TIMEOUT
    while True:
        terminal.sendline("stty size; echo asked")
        terminal.expect(r"(\d+ \d+)\s+asked")
        assert isinstance(terminal.match, re.Match)
        if terminal.match[1] == "40 120":
            break
        assert time.monotonic() < deadline
    terminal.sendline("exit 5")
    assert finish(terminal) == 5


def test_logs_are_followed(smoke: Program) -> None:
    """[sig-cli] Kubectl logs “should be able to retrieve and filter logs”, and follows them."""
    running_pod(smoke, "talking")
    with smoke.start("logs", "-f", "talking") as following:
        smoke("exec", "talking", "--", "touch", "/tmp/go")
        out, _ = following.communicate(timeout=ANSWER_SECONDS)
    assert out.splitlines() == [f"line {each}" for each in range(1, 6)]
    assert smoke("logs", "talking", "--tail=1") == "line 5"


def test_a_claim_is_bound_and_written(smoke: Program, ended: Callable[..., str]) -> None:
    """[sig-storage] PersistentVolumes “should run through the lifecycle of a PV and a PVC”."""
    assert ended("claiming") == "kept"
    assert smoke("get", "pvc", "claim", "-o", POD) == "Bound"


def test_the_computer_around_the_pod(smoke: Program, machine: RunningMachine, shared_folder: Path) -> None:
    """Not upstream's: shared folders as hostPath, host.docker.internal, and names as the host has them."""
    await_mounted(machine)
    (shared_folder / "from-the-host").write_text("hello")
    running_pod(smoke, "around")
    said = smoke(
        "exec", "around", "--", "sh", "-c", "cat /shared/from-the-host && echo back >/shared/from-the-pod"
    )
    assert said == "hello"
    assert (shared_folder / "from-the-pod").read_text() == "back\n"

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"of the host")

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://host.docker.internal:{server.server_port}/"
        assert smoke("exec", "around", "--", "wget", "-qO-", address) == "of the host"
        server.shutdown()


def test_a_watch_survives_a_minute_in_which_nothing_happens(smoke: Program, watching: tuple[Path, float]) -> None:
    """[sig-api-machinery] Watchers “should observe add, update, and delete watch notifications on configmaps”."""
    printed, since = watching
    awaited(lambda: time.monotonic() - since > 60)
    assert not printed.read_text()
    smoke("create", "configmap", "seen")
    smoke("label", "configmap", "seen", "watched=yes")
    awaited(lambda: printed.read_text().split() == ["configmap/seen"])
