"""A port of this computer that leads to a port of a pod, for as long as it is kept open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, cast

from engine.kubernetes.client.channels import PodPort
from engine.kubernetes.client.client import KubernetesClient
from engine.kubernetes.client.errors import NotFound
from engine.kubernetes.client.kinds import PODS, SERVICES
from engine.kubernetes.client.manifest import Json
from engine.ports.bind_errors import explain
from vm.errors import HostError, UserError
from vm.tasks import TaskSet

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PIECE = 1 << 16
HALF_CLOSED_SECONDS = 30.0
"""The pod is not told that one direction has ended: after that much silence in the other one both have."""

Dial = Callable[[], AbstractAsyncContextManager[PodPort]]


class PortForward:
    """One of them; it belongs to the asyncio thread.

    :param dial: opens a connection to the pod.
    :param told: called when the number of connections or the failure has changed.
    :ivar port: where it listens.    :ivar connections: open ones.
    :ivar failure: why the last connection failed; None after one that did not.
    """

    def __init__(self, dial: Dial, told: Callable[[], object]) -> None:
        self._dial, self._told = dial, told
        self._server: asyncio.Server | None = None
        self._tasks = TaskSet()
        self.port = 0
        self.connections = 0
        self.failure: UserError | None = None

    async def open(self, *ports: int) -> int:
        """Listen at the first of these ports that is free; 0 is any. The port.

        :raise HostError: none is; it names the program that has the last one.
        """
        *others, last = ports
        for port in others:
            with contextlib.suppress(OSError):  # in use
                return await self._listen(port)
        try:
            return await self._listen(last)
        except OSError as error:
            raise HostError(await explain("tcp", LOOPBACK, last, error), "Choose another port.") from error

    async def _listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        if self._server is not None:
            self._server.close()
        await self._tasks.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.spawn(self._serve(reader, writer), "a forwarded connection")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._told()
        failure: UserError | None = None
        try:
            async with self._dial() as pod:
                await _relay(pod, reader, writer)
        except UserError as error:
            log.info("a forwarded connection failed: %s %s", error.message, error.detail)
            failure = error
        finally:
            writer.close()
            self.connections -= 1
            self.failure = failure
            self._told()


async def pod_behind(client: KubernetesClient, namespace: str, service: str, port: int) -> tuple[str, int]:
    """A pod of a service that is ready, and the port in it that a port of the service leads to.

    :raise NotFound: there is none.
    """
    spec = (await client.get(SERVICES, namespace, service)).get("spec") or {}
    wanted = next((one for one in spec.get("ports") or () if one.get("port") == port), None)
    if wanted is None or not spec.get("selector"):
        raise NotFound(f"The service “{service}” leads to no pods at port {port}")
    selector = ",".join(f"{key}={value}" for key, value in spec["selector"].items())
    pods, _ = await client.list(PODS, namespace, labelSelector=selector)
    pod = next((one for one in pods if _is_ready(one)), None)
    if pod is None:
        raise NotFound(f"No pod of the service “{service}” is ready", "Look at its pods.")
    return str(pod["metadata"]["name"]), _number(wanted.get("targetPort") or port, pod)


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _number(target: int | str, pod: Json) -> int:
    """A port's number, which may be named by a container of the pod. :raise NotFound: it is not"""
    if isinstance(target, int):
        return target
    ports = [port for one in pod["spec"]["containers"] for port in one.get("ports") or ()]
    for one in ports:
        if one.get("name") == target:
            return int(one["containerPort"])
    raise NotFound(f"The pod “{pod['metadata']['name']}” names no port “{target}”")


async def _relay(pod: PodPort, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy both ways, until the pod ends the connection or the client is gone.

    :raise UserError: the pod or the cluster has ended it otherwise.
    """
    heard = asyncio.Event()

    async def send() -> None:
        while data := await reader.read(PIECE):
            await pod.send(data)

    async def receive() -> None:
        async with aclosing(cast(Any, pod.received())) as pieces:
            async for data in pieces:
                heard.set()
                writer.write(data)
                await writer.drain()

    tasks = asyncio.create_task(send()), asyncio.create_task(receive())
    receiving = tasks[1]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        heard.set()
        while heard.is_set() and not receiving.done():  # after the client's end, until nothing comes any more
            heard.clear()
            await asyncio.wait([receiving], timeout=HALF_CLOSED_SECONDS)
        for task in tasks:
            if task.done():
                with contextlib.suppress(ConnectionError):  # the client's
                    task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
