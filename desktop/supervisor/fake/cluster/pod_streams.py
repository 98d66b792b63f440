"""Streams into the stand-in's pods, by WebSockets as the API has them: a small shell, and a page at each port."""

from __future__ import annotations

import json

from aiohttp import WSMsgType, web

from desktop.supervisor.fake.cluster.store import Denied, Store
from desktop.supervisor.fake.world import Json
from engine.kubernetes.client.channels import (
    CLOSE,
    DATA,
    DATA_ERROR,
    ERROR,
    RESIZE,
    STDIN,
    STDOUT,
    V4,
    V5,
)
from engine.kubernetes.client.kinds import PODS

CLOSED_PORT = 9
"""Nothing listens there."""

PROMPT = "/ # "


class PodStreams:
    """The handlers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def exec(self, request: web.Request) -> web.StreamResponse:
        """A shell with a terminal; it knows ``echo``, ``size`` and ``exit``."""
        status = self._container(request)
        if "running" not in status["state"]:
            raise Denied(400, "BadRequest", f"container {status['name']} is not running")
        socket = web.WebSocketResponse(protocols=(V5, V4))
        await socket.prepare(request)
        command = request.query.getall("command")
        if command[0] == "/bin/bash":
            said = f'exec: "{command[0]}": stat {command[0]}: no such file or directory'
            await _tell(socket, ERROR, {"status": "Failure", "message": said, "code": 500})
        else:
            code = await _shell(socket)
            cause = {"reason": "ExitCode", "message": str(code)}
            ended = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}
            await _tell(socket, ERROR, ended if code else {"status": "Success"})
        await socket.close()
        return socket

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """A server of HTTP that says which pod and port it is."""
        pod, port = self._pod(request), int(request.query["ports"])
        socket = web.WebSocketResponse(protocols=(V4,))
        await socket.prepare(request)
        for channel in (DATA, DATA_ERROR):
            await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
        name = pod["metadata"]["name"]
        if port == CLOSED_PORT:
            said = f"error forwarding port {port} to pod {name}: connection refused"
            await socket.send_bytes(bytes([DATA_ERROR]) + said.encode())
        else:
            received = b""
            while b"\r\n\r\n" not in received:
                message = await socket.receive()
                if message.type is not WSMsgType.BINARY:
                    break
                received += message.data[1:]
            page = f"port {port} of {name}\n".encode()
            head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(page)}\r\n\r\n"
            await socket.send_bytes(bytes([DATA]) + head.encode() + page)
        await socket.close()
        return socket

    def _pod(self, request: web.Request) -> Json:
        return self._store.get(PODS, request.match_info["namespace"], request.match_info["name"])

    def _container(self, request: web.Request) -> Json:
        name = request.query["container"]
        found: Json = next(one for one in self._pod(request)["status"]["containerStatuses"] if one["name"] == name)
        return found


async def _shell(socket: web.WebSocketResponse) -> int:
    """A session; its exit code."""
    size, line = {"Height": 0, "Width": 0}, ""
    await _print(socket, PROMPT)
    async for message in socket:
        channel, data = message.data[0], message.data[1:]
        if channel == RESIZE:
            size = json.loads(data)
        elif channel == CLOSE and data == bytes([STDIN]):
            return 0
        elif channel == STDIN:
            for letter in data.decode():
                await _print(socket, letter.replace("\r", "\r\n"))
                if letter != "\r":
                    line += letter
                    continue
                word, _, rest = line.partition(" ")
                line = ""
                if word == "exit":
                    return int(rest or "0")
                said = {"echo": rest, "size": "{Height} {Width}".format(**size)}.get(
                    word, f"sh: {word}: not found"
                )
                await _print(socket, f"{said}\r\n{PROMPT}")
    return 0


async def _print(socket: web.WebSocketResponse, text: str) -> None:
    await socket.send_bytes(bytes([STDOUT]) + text.encode())


async def _tell(socket: web.WebSocketResponse, channel: int, value: Json) -> None:
    await socket.send_bytes(bytes([channel]) + json.dumps(value).encode())
