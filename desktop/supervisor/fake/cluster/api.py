"""The Kubernetes API in front of the stand-in's objects, as far as the window uses it."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from desktop.supervisor.fake.cluster.pod_streams import PodStreams
from desktop.supervisor.fake.cluster.store import Denied, Store
from desktop.supervisor.fake.world import Json
from engine.kubernetes.client.client import JSON_PATCH
from engine.kubernetes.client.kinds import (
    ALL,
    DEPLOYMENTS,
    NAMESPACES,
    NODE_METRICS,
    NODES,
    POD_METRICS,
    PODS,
    STATEFUL_SETS,
    Kind,
)

VERSION = "v1.37.2"
LOG_SECONDS = 0.5
"""Between two lines of a log that is followed."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(store: Store, token: str, runs: Callable[[], bool]) -> web.Application:
    """All routes. :param token: what clients have to know.    :param runs: whether the machine does."""

    @web.middleware
    async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not runs():
            return failure(Denied(503, "ServiceUnavailable", "the cluster does not run"))
        if request.headers.get("Authorization") != f"Bearer {token}":
            return failure(Denied(401, "Unauthorized", "Unauthorized"))
        try:
            return await handler(request)
        except Denied as error:
            return failure(error)

    app = web.Application(middlewares=[explain])
    calls = Calls(store)
    app.router.add_get("/version", calls.version)
    app.router.add_get("/api/v1/namespaces/{namespace}/pods/{name}/log", calls.log)
    streams = PodStreams(store)
    app.router.add_get("/api/v1/namespaces/{namespace}/pods/{name}/exec", streams.exec)
    app.router.add_get("/api/v1/namespaces/{namespace}/pods/{name}/portforward", streams.forward)
    for path, metrics in ((NODE_METRICS.path(), calls.node_metrics), (POD_METRICS.path(), calls.pod_metrics)):
        app.router.add_get(path, metrics)
    for kind in ALL:
        calls.add(app, kind)
    app.router.add_get("/{root:apis?}/{api:[a-z0-9./]+}", calls.resources)
    return app


def failure(error: Denied) -> web.Response:
    """An error as the API answers it."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": str(error)}
    return web.json_response({**status, "reason": error.reason, "code": error.status}, status=error.status)


class Calls:
    """The handlers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, app: web.Application, kind: Kind) -> None:
        """The calls of one kind."""
        whole, one = kind.path(), kind.path("{namespace}", "{name}")

        def of(handler: Callable[[Kind, web.Request], Awaitable[web.StreamResponse]]) -> Handler:
            async def handle(request: web.Request) -> web.StreamResponse:
                return await handler(kind, request)

            return handle

        for path in dict.fromkeys((whole, kind.path("{namespace}"))):
            app.router.add_get(path, of(self.list))
        app.router.add_get(one, of(self.get))
        app.router.add_put(one, of(self.put))
        app.router.add_patch(one, of(self.patch))
        app.router.add_delete(one, of(self.delete))
        if kind in (DEPLOYMENTS, STATEFUL_SETS):
            app.router.add_patch(f"{one}/scale", of(self.scale))

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"gitVersion": VERSION, "major": "1", "minor": "37"})

    async def resources(self, request: web.Request) -> web.Response:
        """The kinds of a group; custom ones there are none."""
        api = request.match_info["api"]
        found = [
            {"name": kind.plural, "kind": kind.name, "namespaced": kind.namespaced}
            for kind in ALL
            if kind.api == api
        ]
        if not found:
            raise Denied(404, "NotFound", "the server could not find the requested resource")
        return web.json_response({"kind": "APIResourceList", "groupVersion": api, "resources": found})

    async def node_metrics(self, request: web.Request) -> web.Response:
        """What the node uses."""
        items = [
            {"metadata": {"name": one["metadata"]["name"]}, "usage": {"cpu": "640m", "memory": "1228800Ki"}}
            for one in self._store.list(NODES)
        ]
        return web.json_response({"kind": "NodeMetricsList", "metadata": {}, "items": items})

    async def pod_metrics(self, request: web.Request) -> web.Response:
        """What the pods that run use: another amount for each, and another one at each time."""
        items = []
        for number, pod in enumerate(self._store.list(PODS)):
            if pod["status"].get("phase") == "Running":
                meta = {key: pod["metadata"][key] for key in ("name", "namespace")}
                usage = {"cpu": f"{2_000_000 * (1 + (number + self._store.version) % 90)}n"}
                usage["memory"] = f"{8192 + 512 * (number % 50)}Ki"
                containers = [{"name": one["name"], "usage": usage} for one in pod["spec"]["containers"]]
                items.append({"metadata": meta, "containers": containers})
        return web.json_response({"kind": "PodMetricsList", "metadata": {}, "items": items})

    async def list(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            return await self._watch(kind, request)
        found = [item for item in self._store.list(kind, _namespace(request)) if _selected(item, request)]
        begin = int(request.query.get("continue", "0"))
        end = begin + int(request.query.get("limit", len(found) or 1))
        meta = {"resourceVersion": str(self._store.version)}
        inner = ("apiVersion", "kind")  # which the real API leaves out as well
        items = [{key: value for key, value in item.items() if key not in inner} for item in found[begin:end]]
        if end < len(found):
            meta["continue"] = str(end)
        return web.json_response(
            {"apiVersion": kind.api, "kind": f"{kind.name}List", "metadata": meta, "items": items}
        )

    async def _watch(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        place = int(request.query["resourceVersion"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        tape, namespace = self._store.tape, _namespace(request)
        while True:
            if place < tape.begin:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
                await response.write(_line("ERROR", gone))
                return response
            lines = [
                _line(entry.type, entry.item)
                for entry in tape.since(place)
                if entry.kind == kind.name
                and namespace in ("", entry.item["metadata"].get("namespace"))
                and _selected(entry.item, request)
            ]
            place = tape.end
            if lines:
                await response.write(b"".join(lines))
            async with self._store.happened:
                await self._store.happened.wait_for(lambda at=place: tape.end > at)  # type: ignore[misc]  # a default argument

    async def get(self, kind: Kind, request: web.Request) -> web.Response:
        return web.json_response(self._one(kind, request))

    async def put(self, kind: Kind, request: web.Request) -> web.Response:
        before, item = self._one(kind, request), json.loads(await request.read())
        version = item.get("metadata", {}).get("resourceVersion")
        if version not in (None, before["metadata"]["resourceVersion"]):
            raise Denied(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {kind.plural} "{before["metadata"]["name"]}": the object has '
                "been modified; please apply your changes to the latest version and try again",
            )
        return self._stored(kind, item, request)

    async def patch(self, kind: Kind, request: web.Request) -> web.Response:
        change = json.loads(await request.read())
        found = self._store.find(kind, request.match_info.get("namespace", ""), request.match_info["name"])
        if found is None and "apply" in request.content_type:
            _check(change)
            space = request.match_info.get("namespace", "")
            if kind.namespaced and self._store.find(NAMESPACES, "", space) is None:
                raise Denied(404, "NotFound", f'namespaces "{space}" not found')
            change["metadata"].setdefault("namespace", space)
            return web.json_response(change if "dryRun" in request.query else self._store.add(kind, change))
        item = copy.deepcopy(self._one(kind, request))
        if request.content_type == JSON_PATCH:
            for step in change:
                *parents, last = step["path"].strip("/").split("/")
                inner: Any = item
                for name in parents:
                    inner = inner[name]
                inner[last] = step["value"]
        else:
            _merge(item, change)
        return self._stored(kind, item, request)

    async def scale(self, kind: Kind, request: web.Request) -> web.Response:
        item = copy.deepcopy(self._one(kind, request))
        item["spec"]["replicas"] = json.loads(await request.read())["spec"]["replicas"]
        return self._stored(kind, item, request)

    async def delete(self, kind: Kind, request: web.Request) -> web.Response:
        item = self._one(kind, request)
        return web.json_response(
            self._store.remove(kind, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        )

    async def log(self, request: web.Request) -> web.StreamResponse:
        pod = self._one(PODS, request)
        name, query = pod["metadata"]["name"], request.query
        status = next(one for one in pod["status"]["containerStatuses"] if one["name"] == query["container"])
        where = f'container "{status["name"]}" in pod "{name}"'
        if "previous" in query and not status["lastState"]:
            raise Denied(400, "BadRequest", f"previous terminated {where} not found")
        if status["state"].get("waiting", {}).get("reason") == "ImagePullBackOff":
            raise Denied(400, "BadRequest", f"{where} is waiting to start: trying and failing to pull image")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        instance = "the instance before" if "previous" in query else "this instance"
        await response.write(f"{status['name']} of {name}: {instance}\nlistening on :80\n".encode())
        number = 0
        while "follow" in query and "running" in status["state"]:
            number += 1
            await response.write(f"GET /{number} 200\n".encode())
            await asyncio.sleep(LOG_SECONDS)
        return response

    def _one(self, kind: Kind, request: web.Request) -> Json:
        return self._store.get(kind, request.match_info.get("namespace", ""), request.match_info["name"])

    def _stored(self, kind: Kind, item: Json, request: web.Request) -> web.Response:
        _check(item)
        if "dryRun" not in request.query:
            self._store.put(kind, item)
        return web.json_response(item)


def _check(item: Json) -> None:
    """What the API would refuse."""
    replicas = item.get("spec", {}).get("replicas", 1) if isinstance(item.get("spec", {}), dict) else 1
    if not isinstance(replicas, int) or replicas < 0:
        name = item["metadata"]["name"]
        said = "must be greater than or equal to 0"
        raise Denied(422, "Invalid", f'{item["kind"]} "{name}" is invalid: spec.replicas: Invalid value: {said}')


def _namespace(request: web.Request) -> str:
    return request.match_info.get("namespace", "")


def _selected(item: Json, request: web.Request) -> bool:
    """Whether it fits the selectors."""
    labels = item["metadata"].get("labels") or {}
    for part in request.query.get("labelSelector", "").split(","):
        name, _, wanted = part.partition("=")
        if part and labels.get(name) != wanted:
            return False
    for part in request.query.get("fieldSelector", "").split(","):
        if part:
            path, _, wanted = part.partition("=")
            value: Any = item
            for name in path.split("."):
                value = value.get(name, {}) if isinstance(value, dict) else {}
            if value != wanted:
                return False
    return True


def _merge(item: Json, change: Json) -> None:
    """Change an object as RFC 7396 has it."""
    for name, value in change.items():
        if value is None:
            item.pop(name, None)
        elif isinstance(value, dict) and value.get("$patch") == "replace":  # of strategic merge patches
            item[name] = {key: one for key, one in value.items() if key != "$patch"}
        elif isinstance(value, dict) and isinstance(item.get(name), dict):
            _merge(item[name], value)
        else:
            item[name] = value


def _line(what: str, item: Json) -> bytes:
    return json.dumps({"type": what, "object": item}).encode() + b"\n"
