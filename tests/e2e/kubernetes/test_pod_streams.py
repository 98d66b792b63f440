"""The window's calls on the real cluster: commands in pods, forwarded ports, figures, roll back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from desktop.ui.kubernetes.revisions import previous_revision, roll_back
from desktop.ui.models.kubernetes.usage import usage
from desktop.ui.models.kubernetes.workloads import maker
from engine.kubernetes.client import KubernetesClient, read_access
from engine.kubernetes.client.errors import Refused
from engine.kubernetes.client.forwarding import PortForward, pod_behind
from engine.kubernetes.client.kinds import DAEMON_SETS, NODE_METRICS, POD_METRICS, PODS, STATEFUL_SETS, Kind
from tests.e2e.kubernetes.cluster import ANSWER_SECONDS, MARKS, Kubernetes, awaited

pytestmark = MARKS

SETS = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: old}}
spec:
  selector: {{matchLabels: {{app: old}}}}
  template:
    metadata: {{labels: {{app: old}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: web, image: "{image}", imagePullPolicy: Never, env: [{{name: STEP, value: "{step}"}}]}}]
"""


@pytest.fixture
async def client(running: Kubernetes) -> AsyncIterator[KubernetesClient]:
    async with KubernetesClient(read_access(Path(running.status["own_file"]))) as made:
        yield made


async def web_pod(client: KubernetesClient) -> str:
    pods, _ = await client.list(PODS, "default", labelSelector="app=web")
    return str(pods[0]["metadata"]["name"])


async def test_a_command_with_a_size_and_an_exit_code(client: KubernetesClient) -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        async with client.exec("default", await web_pod(client), "web", ["sh"]) as command:
            await command.resize(31, 99)
            await command.write(b'while [ "$(stty size)" != "31 99" ]; do :; done; stty size; exit 7\n')
            said = b"".join([data async for data in command.output()])
        assert b"\n31 99\r\n" in said
        assert command.code == 7
        async with client.exec("default", await web_pod(client), "web", ["/no/such"]) as command:
            assert [data async for data in command.output()] == []
        assert command.failure is not None or command.code in (126, 127)


async def test_a_forwarded_port_answers(client: KubernetesClient) -> None:
    pod, port = await pod_behind(client, "default", "web", 80)
    assert (pod, port) == (await web_pod(client), 8080)
    forward = PortForward(lambda: client.connect("default", pod, port), lambda: None)
    local = await forward.open(0)
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as browser:
        pages = await asyncio.gather(*(browser.get(f"http://127.0.0.1:{local}/index.html") for _ in range(5)))
    assert {page.text.strip() for page in pages} == {"built-here"}
    await forward.close()


async def test_a_port_at_which_nothing_listens_is_refused(client: KubernetesClient) -> None:
    async with asyncio.timeout(ANSWER_SECONDS), client.connect("default", await web_pod(client), 9) as made:
        with pytest.raises(Refused):
            async for _ in made.received():
                pass


async def test_figures_of_the_node_and_of_pods(running: Kubernetes, client: KubernetesClient) -> None:
    awaited(lambda: running.kubectl("top", "pods", "--all-namespaces"))
    found = usage((await client.list(NODE_METRICS))[0], (await client.list(POD_METRICS))[0])
    assert found.nodes["slipway"].memory > 0
    assert found.pods[f"default/{await web_pod(client)}"].memory > 0


@pytest.mark.parametrize("kind", [STATEFUL_SETS, DAEMON_SETS])
async def test_back_to_the_template_of_before(
    running: Kubernetes, client: KubernetesClient, image: str, kind: Kind
) -> None:
    def revisions() -> int:
        return len(running.kubectl("get", "controllerrevisions", "-l", "app=old", "-o", "name").split())

    for number, step in enumerate(("first", "second"), 1):
        running.kubectl("apply", "-f", "-", stdin=SETS.format(kind=kind.name, image=image, step=step))
        awaited(partial(_reached, revisions, number))
    item = maker(kind)(await client.get(kind, "default", "old"))
    before = await previous_revision(item, client)
    assert before.number == 1
    await roll_back(item, before, client)
    template = (await client.get(kind, "default", "old"))["spec"]["template"]
    assert template["spec"]["containers"][0]["env"] == [{"name": "STEP", "value": "first"}]
    await client.delete(kind, "default", "old")
    awaited(partial(_reached, revisions, 0))


def _reached(count: Callable[[], int], wanted: int) -> bool:
    return count() == wanted
