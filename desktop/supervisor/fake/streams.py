"""The stand-in engine's long answers: events, logs, stats, terminals, pulls, archives."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from desktop.supervisor.fake.files import listing, remove
from desktop.supervisor.fake.tape import Tape
from desktop.supervisor.fake.world import Json, Refused, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STEP_SECONDS = 0.02
"""Between two steps of a pull."""

ENDLESS = "endless"
"""A pull of this repository goes on until its client leaves, for tests of cancelling."""

LAYERS = 3
LAYER_BYTES = 12_000_000
NO_SHELL = "stand-in.no-shell"
"""The label of a container with nothing to execute in it."""

ABSENT = {"nosuch": 404, "private": 403, "offline": 500}
"""Repositories whose name begins so cannot be had, and how."""

FOR_WINDOWS = "windows"
"""Repositories whose name begins so have images for Windows only; the endpoint says what to do about that."""

NO_MATCH = "no matching manifest for linux/amd64 in the manifest list entries"
NO_MATCH_HINT = (
    "This image is for Windows. Switch to Windows containers: slipway engine use windows; "
    "or pull another one for Linux."
)


class Streams:
    """Handlers whose answer goes on."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each call."""
        return [
            ("GET", "/events", self.events),
            ("GET", "/containers/{name}/logs", self.logs),
            ("GET", "/containers/{name}/stats", self.stats),
            ("POST", "/containers/{name}/wait", self.wait),
            ("POST", "/containers/{name}/attach", self.attach),
            ("POST", "/containers/{name}/exec", self.make_exec),
            ("POST", "/exec/{id}/start", self.start_exec),
            ("POST", "/exec/{id}/resize", self.resize_exec),
            ("GET", "/exec/{id}/json", self.inspect_exec),
            ("POST", "/images/create", self.pull),
            ("POST", "/images/{name:.+}/push", self.push),
            ("GET", "/images/get", self.save),
            ("POST", "/images/load", self.load),
        ]

    # -- following ------------------------------------------------------------------------------------------------

    async def events(self, request: web.Request) -> web.StreamResponse:
        since, until = float(request.query.get("since") or time.time()), request.query.get("until")
        response = await _begin(request, "application/json")
        events = self.world.events
        place = events.end - sum(event["timeNano"] >= since * 1e9 for event in events.since(0))
        while True:
            while told := events.since(place):
                place = events.end
                await response.write(b"".join(json.dumps(event).encode() + b"\n" for event in told))
            if until is not None and float(until) < time.time():
                return response
            async with self.world.happened:
                while place >= events.end:
                    await self.world.happened.wait()

    async def logs(self, request: web.Request) -> web.StreamResponse:
        item = self.world.container(request.match_info["name"])
        terminal = bool(item["_config"].get("Tty"))
        kind = "raw" if terminal else "multiplexed"
        response = await _begin(request, f"application/vnd.docker.{kind}-stream")
        tail, stamps = request.query.get("tail", "all"), request.query.get("timestamps") == "1"
        log: Tape[tuple[float, int, str]] = item["_log"]
        place = max(0, log.end - int(tail)) if tail.isdigit() else 0
        since, until = float(request.query.get("since") or 0), float(request.query.get("until") or "inf")
        while True:
            batch, place = log.since(place), log.end
            data = bytearray()
            wanted = {number for number, name in ((1, "stdout"), (2, "stderr")) if request.query.get(name) == "1"}
            for moment, stream, text in batch:
                if stream not in wanted or not since <= moment <= until:
                    continue
                line = f"{_stamp(moment)} {text}\n" if stamps else f"{text}\n"
                data += line.encode() if terminal else _frame(stream, line.encode())
            if data:
                await response.write(bytes(data))
            if (
                request.query.get("follow") != "1"
                or until < time.time()
                or item["State"] not in ("running", "paused")
            ):
                return response
            await asyncio.sleep(0.05)

    async def stats(self, request: web.Request) -> web.StreamResponse:
        item = self.world.container(request.match_info["name"])
        response = await _begin(request, "application/json")
        previous = _stats(0.0, item)
        while True:
            now = _stats(time.time(), item)
            values = {**now, "precpu_stats": previous["cpu_stats"]}
            await response.write(json.dumps(values).encode() + b"\n")
            if request.query.get("stream") != "1":
                return response
            previous = now
            await asyncio.sleep(1)

    async def wait(self, request: web.Request) -> web.StreamResponse:
        item = self.world.container(request.match_info["name"])
        async with self.world.happened:
            await self.world.happened.wait_for(lambda: item["State"] not in ("running", "paused"))
        return web.json_response({"StatusCode": item["_code"]})

    # -- terminals ------------------------------------------------------------------------------------------------

    async def attach(self, request: web.Request) -> web.StreamResponse:
        item = self.world.container(request.match_info["name"])
        try:
            return await Shell(self.world, item).serve(request, bool(item["_config"].get("Tty")))
        finally:
            if item["_config"].get("StdinOnce"):
                self.world.stop(item["Id"])

    async def make_exec(self, request: web.Request) -> web.StreamResponse:
        item = self.world.container(request.match_info["name"])
        if item["State"] != "running":
            raise Refused(409, f"container {item['Id']} is not running")
        config = await request.json()
        key = self.world.id()
        self.world.execs[key] = {
            "Running": False,
            "ExitCode": None,
            "_item": item,
            "_config": config,
            "_size": (24, 80),
        }
        return web.json_response({"Id": key}, status=201)

    async def start_exec(self, request: web.Request) -> web.StreamResponse:
        made = self.world.execs[request.match_info["id"]]
        config = made["_config"]
        made["Running"] = True
        shell = Shell(self.world, made["_item"], made)
        try:
            return await shell.serve(request, bool(config.get("Tty")), config["Cmd"])
        finally:
            made.update(Running=False, ExitCode=shell.code)

    async def resize_exec(self, request: web.Request) -> web.StreamResponse:
        size = int(request.query["h"]), int(request.query["w"])
        self.world.execs[request.match_info["id"]]["_size"] = size
        return web.Response(status=200)

    async def inspect_exec(self, request: web.Request) -> web.StreamResponse:
        made = self.world.execs[request.match_info["id"]]
        return web.json_response({name: value for name, value in made.items() if not name.startswith("_")})

    # -- images ---------------------------------------------------------------------------------------------------

    async def pull(self, request: web.Request) -> web.StreamResponse:
        if "fromSrc" in request.query:
            return await self._import(request)
        repository = request.query["fromImage"].rpartition("library/")[2]  # as the docker command names them
        tag = request.query.get("tag") or "latest"
        for beginning, status in ABSENT.items():
            if repository.startswith(beginning):
                raise Refused(status, _why(status, repository, tag))
        response = await _begin(request, "application/json")
        await _tell(response, status=f"Pulling from {repository}", id=tag)
        if repository.startswith(FOR_WINDOWS):
            words = f"{NO_MATCH}. {NO_MATCH_HINT}"
            await _tell(response, errorDetail={"message": words, "hint": NO_MATCH_HINT}, error=words)
            return response
        layers = [self.world.id()[:12] for _ in range(LAYERS)]
        for layer in layers:
            await _tell(response, status="Pulling fs layer", id=layer)
        for step in itertools.count(1) if repository == ENDLESS else range(1, 11):
            await asyncio.sleep(STEP_SECONDS)
            for number, layer in enumerate(layers):
                detail = {"current": LAYER_BYTES * min(step, 10) // 10, "total": LAYER_BYTES}
                if step > number * 2:
                    await _tell(response, status="Downloading", id=layer, progressDetail=detail)
        for layer in layers:
            await _tell(response, status="Pull complete", id=layer)
        arch = (request.query.get("platform") or "linux/amd64").split("/")[1]
        reference = f"{repository}:{tag}"
        for item in self.world.images.values():
            if reference in item["RepoTags"]:
                item["RepoTags"].remove(reference)
        self.world.outdated.discard(reference)
        item = self.world.add_image(reference, size=LAYERS * LAYER_BYTES, arch=arch)
        self.world.tell("image", "pull", reference, name=repository)
        await _tell(response, status=f"Digest: {item['RepoDigests'][0].partition('@')[2]}")
        await _tell(response, status=f"Status: Downloaded newer image for {reference}")
        return response

    async def _import(self, request: web.Request) -> web.StreamResponse:
        size = len(await request.read())
        labels = dict(change.removeprefix("LABEL ").split("=") for change in request.query.getall("changes", []))
        item = self.world.add_image(size=size, labels=labels)
        self.world.tell("image", "import", item["Id"], **labels)
        return web.json_response({"status": item["Id"]})

    async def push(self, request: web.Request) -> web.StreamResponse:
        item = self.world.image(request.match_info["name"])
        response = await _begin(request, "application/json")
        layer = item["RootFS"]["Layers"][0].removeprefix("sha256:")[:12]
        await _tell(response, status=f"The push refers to repository [{request.match_info['name']}]")
        for step in range(1, 11):
            await asyncio.sleep(STEP_SECONDS)
            detail = {"current": item["Size"] * step // 10, "total": item["Size"]}
            await _tell(response, status="Pushing", id=layer, progressDetail=detail)
        await _tell(response, status="Pushed", id=layer)
        return response

    async def save(self, request: web.Request) -> web.StreamResponse:
        names = request.query.getall("names")
        response = await _begin(request, "application/x-tar")
        for name in names:
            self.world.image(name)
            for _ in range(16):
                await response.write(name.encode().ljust(65536, b"\0"))
        return response

    async def load(self, request: web.Request) -> web.StreamResponse:
        first = await request.content.read(65536)
        async for _ in request.content.iter_chunked(65536):
            pass
        name = first.rstrip(b"\0").decode(errors="replace")
        if not name or "\x00" in name:
            raise Refused(400, "invalid archive: does not contain a manifest.json")
        self.world.tag(name, name) if self._has(name) else self.world.add_image(name, size=len(first))
        self.world.tell("image", "load", name, name=name)
        return web.json_response({"stream": f"Loaded image: {name}\n"})

    def _has(self, name: str) -> bool:
        try:
            self.world.image(name)
        except Refused:
            return False
        return True


class Shell:
    """A shell that knows a few words: ``echo``, ``exit``, ``size``; with a terminal it echoes what is typed."""

    def __init__(self, world: World, item: Json, made: Json | None = None) -> None:
        self._world = world
        self._item = item
        self._made = made or {"_size": (24, 80)}
        self.code = 0

    async def serve(
        self, request: web.Request, terminal: bool, command: list[str] | None = None
    ) -> web.StreamResponse:
        """Take the connection over, and run ``command`` or a session."""
        await request.read()
        transport = request.transport
        assert transport is not None
        kind = "raw" if terminal else "multiplexed"
        received = Received()
        request.protocol.set_parser(received)  # type: ignore[arg-type]  # any parser does; typed for WebSockets
        transport.write(
            f"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.{kind}-stream\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
        )

        def write(text: str) -> None:
            data = text.replace("\n", "\r\n").encode() if terminal else _frame(1, text.encode())
            transport.write(data)

        if command and NO_SHELL in self._item["Labels"]:
            write(f'OCI runtime exec failed: exec: "{command[0]}": stat {command[0]}: no such file or directory\n')
            self.code = 127
        elif command and command[:2] == ["/bin/sh", "-c"] and not terminal:
            write(self.answer(command[2]))
        elif command and command[0] in ("rm", "/bin/find"):  # the window's own ways of removing files
            for path in command[3:] if command[0] == "rm" else command[1:2]:
                remove(self._world, self._item, path)
        else:
            await self._session(received, write, terminal)
        transport.close()
        return web.Response()

    async def _session(self, received: Received, write: Callable[[str], None], terminal: bool) -> None:
        write("/ # ")
        line = ""
        async for data in received:
            for letter in data.decode(errors="replace"):
                if letter in "\r\n":
                    if terminal:
                        write("\n")
                    if line.split()[:1] == ["exit"]:
                        self.code = int([*line.split(), "0"][1])
                        return
                    write(self.answer(line) + "/ # ")
                    line = ""
                elif letter == "\x7f":
                    line = line[:-1]
                    write("\b \b")
                else:
                    line += letter
                    if terminal:
                        write(letter)

    def answer(self, line: str) -> str:
        """What a command prints."""
        word, _, rest = line.strip().partition(" ")
        if word == "echo":
            return f"{rest}\n"
        if word == "size":
            return "{} {}\n".format(*self._made["_size"])
        if word == "colours":
            return "".join(f"\x1b[3{n}mcolour {n}\x1b[0m\n" for n in range(8))
        if word == "command":  # the window's own way of listing a folder
            told = listing(self._world, self._item, self._made.get("_config", {}).get("WorkingDir") or "/")
            self.code = 127 if told is None else 0
            return told or ""
        if word == "find":  # its question for extended attributes: nothing has any here
            return ""
        if word == "ls":
            return "".join(f"{name}\n" for name in sorted(self._world.files[self._item["Id"]]))
        return f"sh: {word}: not found\n" if word else ""


class Received:
    """What comes in on a connection that was taken over, as aiohttp's parser interface wants it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._queue.put_nowait(data)
        return False, b""

    def feed_eof(self) -> None:
        self._queue.put_nowait(b"")

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        self._queue.put_nowait(b"")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self._queue.get():
            yield data


async def _begin(request: web.Request, kind: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    return response


async def _tell(response: web.StreamResponse, **values: Any) -> None:
    await response.write(json.dumps(values).encode() + b"\n")


def _frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def _stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e9):09}Z"


def _why(status: int, repository: str, tag: str) -> str:
    if status == 404:
        return f"manifest for {repository}:{tag} not found: manifest unknown: manifest unknown"
    if status == 403:
        return f"pull access denied for {repository}, repository does not exist or may require 'docker login'"
    return f'Get "https://{repository}/v2/": dial tcp: lookup {repository}: no such host'


def _stats(now: float, item: Json) -> Json:
    seed = int(item["Id"][:4], 16)
    load = 0.25 + 0.2 * math.sin(now / 7 + seed)
    return {
        "read": _stamp(now),
        "cpu_stats": {
            "cpu_usage": {"total_usage": int((now * 0.25 - 1.4 * math.cos(now / 7 + seed)) * 1e9)},
            "system_cpu_usage": int(now * 2e9),
            "online_cpus": 2,
        },
        "memory_stats": {"usage": int((40 + 20 * load + seed % 50) * 2**20), "limit": 2 * 2**30, "stats": {}},
        "networks": {"eth0": {"rx_bytes": int(now * 2000) % 10**9, "tx_bytes": int(now * 900) % 10**9}},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"op": "read", "value": int(now * 300) % 10**8},
                {"op": "write", "value": int(now * 700) % 10**8},
            ]
        },
        "pids_stats": {"current": 4},
    }
