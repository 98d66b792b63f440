"""What users of Kubernetes' own Python client do; runs where that is installed (tests/e2e/peers/python.py).

The scenarios are those of its e2e tests: exec with each channel, exit codes, port-forward, watches, informers,
manifests and the dynamic client. ``KUBECONFIG`` names the cluster, ``PEER_IMAGE`` a small image with a shell.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import SharedInformer
from kubernetes.stream import portforward, stream

IMAGE = os.environ["PEER_IMAGE"]
NAMESPACE = "default"
SECONDS = 200.0
SERVER = "mkdir -p /www; echo served >/www/index.html; exec httpd -f -p 8000 -h /www"


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r}"
        time.sleep(0.3)
    return found


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:6]}"


def manifest(name: str, script: str) -> dict[str, Any]:
    main = {"name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", script]}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [main]}
    meta = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


@pytest.fixture(scope="module")
def api() -> client.CoreV1Api:
    config.load_kube_config()
    return client.CoreV1Api()


@pytest.fixture(scope="module")
def pod(api: client.CoreV1Api) -> Iterator[str]:
    """A pod that serves a page at port 8000."""
    name = unique("python")
    made = api.create_namespaced_pod(NAMESPACE, manifest(name, SERVER))
    assert (made.metadata.name, made.status.phase) == (name, "Pending")
    eventually(lambda: api.read_namespaced_pod(name, NAMESPACE).status.phase == "Running")
    assert name in [one.metadata.name for one in api.list_namespaced_pod(NAMESPACE).items]
    yield name
    api.delete_namespaced_pod(name, NAMESPACE)


def test_exec_as_one_answer(api: client.CoreV1Api, pod: str) -> None:
    command = ["sh", "-c", "echo out; echo err >&2"]
    said = stream(
        api.connect_get_namespaced_pod_exec, pod, NAMESPACE, command=command, stdout=True, stderr=True, tty=False
    )
    assert sorted(said.split()) == ["err", "out"]


def test_exec_by_channels(api: client.CoreV1Api, pod: str) -> None:
    session = stream(
        api.connect_get_namespaced_pod_exec,
        pod,
        NAMESPACE,
        command=["sh"],
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    session.write_stdin("echo test string 1\n")
    assert session.readline_stdout(timeout=60) == "test string 1"
    session.write_stdin("echo test string 2 >&2\n")
    assert session.readline_stderr(timeout=60) == "test string 2"
    session.write_stdin("exit 7\n")
    session.run_forever(timeout=60)
    assert not session.is_open()
    assert session.returncode == 7
    session.close()


@pytest.mark.parametrize(("command", "code"), [(["true"], 0), (["sh", "-c", "exit 3"], 3), (["false"], 1)])
def test_exit_codes(api: client.CoreV1Api, pod: str, command: list[str], code: int) -> None:
    session = stream(
        api.connect_get_namespaced_pod_exec, pod, NAMESPACE, command=command, stdout=True, _preload_content=False
    )
    session.run_forever(timeout=60)
    assert session.returncode == code


def test_a_program_that_is_missing_is_told(api: client.CoreV1Api, pod: str) -> None:
    session = stream(
        api.connect_get_namespaced_pod_exec,
        pod,
        NAMESPACE,
        command=["no-such-program"],
        stdout=True,
        stderr=True,
        _preload_content=False,
    )
    session.run_forever(timeout=60)
    assert "no-such-program" in session.read_all() + session.read_channel(3)


def test_port_forward(api: client.CoreV1Api, pod: str) -> None:
    forward = portforward(api.connect_get_namespaced_pod_portforward, pod, NAMESPACE, ports="8000")
    with closing(forward.socket(8000)) as one:
        one.setblocking(True)
        one.settimeout(60)
        one.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := one.recv(4096):
            answer += piece
    assert answer.endswith(b"served\n")
    assert forward.error(8000) is None
    forward.close()


def test_port_forward_to_a_port_where_nothing_listens(api: client.CoreV1Api, pod: str) -> None:
    forward = portforward(api.connect_get_namespaced_pod_portforward, pod, NAMESPACE, ports="9999")
    with closing(forward.socket(9999)) as one:
        one.setblocking(True)
        one.settimeout(60)
        assert one.recv(100) == b""
    assert eventually(lambda: forward.error(9999))
    forward.close()


def test_a_watch_sees_everything_in_order(api: client.CoreV1Api) -> None:
    label = unique("watched")
    version = api.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    for name in ("a", "b"):
        body = {"metadata": {"name": f"{label}-{name}", "labels": {"watch": label}}, "data": {"value": "1"}}
        api.create_namespaced_config_map(NAMESPACE, body)
    api.patch_namespaced_config_map(f"{label}-a", NAMESPACE, {"data": {"value": "2"}})
    for name in ("a", "b"):
        api.delete_namespaced_config_map(f"{label}-{name}", NAMESPACE)
    seen = []
    watching = watch.Watch()
    chosen = {"label_selector": f"watch={label}", "resource_version": version, "timeout_seconds": 60}
    for event in watching.stream(api.list_namespaced_config_map, NAMESPACE, **chosen):
        seen.append((event["type"], event["object"].metadata.name.rpartition("-")[2]))
        if len(seen) == 5:
            watching.stop()
    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a"), ("DELETED", "b")]


def test_logs_are_followed(api: client.CoreV1Api) -> None:
    name = unique("talking")
    script = "for each in 1 2 3; do echo line $each; sleep 1; done; sleep 1000"
    api.create_namespaced_pod(NAMESPACE, manifest(name, script))
    eventually(lambda: api.read_namespaced_pod(name, NAMESPACE).status.phase == "Running")
    lines = []
    watching = watch.Watch()
    for line in watching.stream(api.read_namespaced_pod_log, name, NAMESPACE):
        lines.append(line)
        if len(lines) == 3:
            watching.stop()
    assert lines == ["line 1", "line 2", "line 3"]
    api.delete_namespaced_pod(name, NAMESPACE)


def test_an_informer_knows_what_there_is(api: client.CoreV1Api) -> None:
    label = unique("informed")
    seen: list[tuple[str, str]] = []
    informer = SharedInformer(
        api.list_namespaced_config_map, namespace=NAMESPACE, label_selector=f"inform={label}"
    )
    for kind in ("ADDED", "MODIFIED", "DELETED"):
        informer.add_event_handler(kind, lambda item, kind=kind: seen.append((kind, item.metadata.name)))
    names = [f"{label}-{each}" for each in range(3)]

    def create(name: str) -> None:
        body = {"metadata": {"name": name, "labels": {"inform": label}}, "data": {"value": "1"}}
        api.create_namespaced_config_map(NAMESPACE, body)

    create(names[0])
    informer.start()
    try:
        eventually(lambda: ("ADDED", names[0]) in seen)
        for name in names[1:]:
            create(name)
        api.patch_namespaced_config_map(names[1], NAMESPACE, {"data": {"value": "2"}})
        eventually(lambda: ("MODIFIED", names[1]) in seen)
        assert sorted(one.metadata.name for one in informer.cache.list()) == names
        assert informer.cache.get_by_key(f"{NAMESPACE}/{names[1]}").data == {"value": "2"}
        api.delete_collection_namespaced_config_map(NAMESPACE, label_selector=f"inform={label}")
        eventually(lambda: sum(kind == "DELETED" for kind, _ in seen) == 3)
        assert not informer.cache.list()
    finally:
        informer.stop()


def test_objects_out_of_manifests(api: client.CoreV1Api) -> None:
    name = unique("listed")
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": manifest(name, SERVER)["spec"]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod},
    }
    service = {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]}
    of_service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service}
    utils.create_from_dict(
        client.ApiClient(), {"apiVersion": "v1", "kind": "List", "items": [deployment, of_service]}
    )
    apps = client.AppsV1Api()
    eventually(lambda: apps.read_namespaced_deployment(name, NAMESPACE).status.ready_replicas == 2)
    with pytest.raises(utils.FailToCreateError) as failed:
        utils.create_from_dict(client.ApiClient(), of_service)
    assert failed.value.api_exceptions[0].status == 409
    apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": 1}})
    eventually(lambda: apps.read_namespaced_deployment(name, NAMESPACE).status.replicas == 1)
    apps.delete_namespaced_deployment(name, NAMESPACE)
    api.delete_namespaced_service(name, NAMESPACE)
    with pytest.raises(ApiException) as missing:
        api.read_namespaced_service(name, NAMESPACE)
    assert missing.value.status == 404


def test_a_kind_of_ones_own_by_the_dynamic_client(api: client.CoreV1Api) -> None:
    plural = unique("ships")
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"mast": {"type": "integer"}}}},
    }
    kind = {"plural": plural, "singular": plural[:-1], "kind": "Ship"}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.slipway.example"},
        "spec": {"group": "slipway.example", "scope": "Namespaced", "names": kind, "versions": versions},
    }
    found = dynamic.DynamicClient(client.ApiClient())
    definitions = found.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    definitions.create(body=definition)

    def ships() -> Any:
        try:
            found.resources.invalidate_cache()
            return found.resources.get(api_version="slipway.example/v1", kind="Ship", name=plural)
        except dynamic.exceptions.ResourceNotFoundError:
            return None

    resource = eventually(ships)
    ship = {"apiVersion": "slipway.example/v1", "kind": "Ship", "metadata": {"name": "sloop"}, "spec": {"mast": 1}}
    resource.create(body=ship, namespace=NAMESPACE)
    patch = {"body": {"spec": {"mast": 2}}, "content_type": "application/merge-patch+json"}
    assert resource.patch(name="sloop", namespace=NAMESPACE, **patch).spec.mast == 2
    with pytest.raises(dynamic.exceptions.UnprocessibleEntityError):
        resource.patch(name="sloop", namespace=NAMESPACE, **{**patch, "body": {"spec": {"mast": "two"}}})
    definitions.delete(name=f"{plural}.slipway.example")
