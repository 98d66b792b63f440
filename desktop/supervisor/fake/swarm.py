"""A swarm of three nodes: its services, tasks and nodes. Tasks follow what is wanted at once."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from desktop.supervisor.fake.world import Json, Refused, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NODES = (("manager-1", "manager"), ("worker-1", "worker"), ("worker-2", "worker"))


class Swarm:
    """The handlers; without :meth:`furnish` the engine manages no swarm."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each call."""
        return [
            ("GET", "/services", self.services),
            ("GET", "/services/{id}", self.inspect),
            ("POST", "/services/{id}/update", self.update),
            ("DELETE", "/services/{id}", self.remove),
            ("GET", "/services/{id}/logs", self.logs),
            ("GET", "/tasks", self.tasks),
            ("GET", "/nodes", self.nodes),
            ("GET", "/nodes/{id}", self.node),
            ("POST", "/nodes/{id}/update", self.update_node),
        ]

    async def services(self, request: web.Request) -> web.Response:
        counted = []
        for item in self.world.services.values():
            running = sum(task["Status"]["State"] == "running" for task in self._tasks(item))
            status = {"RunningTasks": running, "DesiredTasks": len(self._tasks(item))}
            counted.append({**item, "ServiceStatus": status})
        return web.json_response(counted)

    async def inspect(self, request: web.Request) -> web.Response:
        return web.json_response(self._service(request))

    async def update(self, request: web.Request) -> web.Response:
        item = self._service(request)
        if int(request.query["version"]) != item["Version"]["Index"]:
            raise Refused(500, "rpc error: code = Unknown desc = update out of sequence")
        item["Spec"] = await request.json()
        item["Version"] = {"Index": item["Version"]["Index"] + 1}
        self.world.tell("service", "update", item["ID"])
        return web.json_response({"Warnings": None})

    async def remove(self, request: web.Request) -> web.Response:
        del self.world.services[self._service(request)["ID"]]
        self.world.tell("service", "remove", request.match_info["id"])
        return web.Response()

    async def logs(self, request: web.Request) -> web.StreamResponse:
        item = self._service(request)
        response = web.StreamResponse(headers={"Content-Type": "application/vnd.docker.multiplexed-stream"})
        await response.prepare(request)
        for task in self._tasks(item):
            line = f"{item['Spec']['Name']}.{task['Slot']} is ready\n".encode()
            await response.write(struct.pack(">BxxxI", 1, len(line)) + line)
        return response

    async def tasks(self, request: web.Request) -> web.Response:
        wanted = json.loads(request.query.get("filters", "{}")).get("service", list(self.world.services))
        return web.json_response(
            [
                task
                for key in wanted
                if key in self.world.services
                for task in self._tasks(self.world.services[key])
            ]
        )

    async def nodes(self, request: web.Request) -> web.Response:
        return web.json_response(list(self.world.nodes.values()))

    async def node(self, request: web.Request) -> web.Response:
        return web.json_response(self.world.nodes[request.match_info["id"]])

    async def update_node(self, request: web.Request) -> web.Response:
        item = self.world.nodes[request.match_info["id"]]
        item["Spec"] = await request.json()
        self.world.tell("node", "update", item["ID"])
        return web.Response()

    def _service(self, request: web.Request) -> Json:
        found = self.world.services.get(request.match_info["id"])
        if found is None:
            raise Refused(404, f"service {request.match_info['id']} not found")
        return found

    def _tasks(self, service: Json) -> list[Json]:
        spec = service["Spec"]
        active = [key for key, node in self.world.nodes.items() if node["Spec"]["Availability"] == "active"]
        every = list(self.world.nodes)
        count = spec["Mode"]["Replicated"]["Replicas"] if "Replicated" in spec["Mode"] else len(active)
        made = []
        for slot in range(1, count + 1):
            broken = "missing" in spec["TaskTemplate"]["ContainerSpec"]["Image"]
            state = {"State": "rejected" if broken else "running", "Timestamp": _now(), "Message": "started"}
            if broken:
                state["Err"] = "No such image: registry.example/missing:2"
            if not active:
                state = {
                    "State": "pending",
                    "Timestamp": _now(),
                    "Err": "no suitable node (3 nodes not available)",
                }
            node = (active or every)[slot % len(active or every)]
            made.append(
                {
                    "ID": f"{service['ID']}{slot}",
                    "ServiceID": service["ID"],
                    "NodeID": node if active else "",
                    "Slot": slot,
                    "Spec": spec["TaskTemplate"],
                    "Status": state,
                    "DesiredState": "running",
                }
            )
        return made


def furnish(world: World) -> None:
    """Three nodes and three services."""
    for number, (name, role) in enumerate(NODES):
        key = f"node{number}"
        world.nodes[key] = {
            "ID": key,
            "Version": {"Index": 10},
            "Spec": {"Role": role, "Availability": "active"},
            "Description": {"Hostname": name, "Engine": {"EngineVersion": "28.5.2"}},
            "Status": {"State": "ready", "Addr": f"10.0.0.{number + 1}"},
            **({"ManagerStatus": {"Leader": True}} if role == "manager" else {}),
        }
    _add(world, "shop_web", "nginx:1.29@sha256:0", {"Replicated": {"Replicas": 3}}, 8080)
    _add(world, "shop_agent", "grafana/agent:1", {"Global": {}}, 0)
    _add(world, "reports", "registry.example/missing:2", {"Replicated": {"Replicas": 1}}, 0)


def _add(world: World, name: str, image: str, mode: dict[str, Any], port: int) -> None:
    ports = (
        [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": port, "PublishMode": "ingress"}] if port else []
    )
    world.services[name] = {
        "ID": name,
        "Version": {"Index": 20},
        "Spec": {"Name": name, "Mode": mode, "TaskTemplate": {"ContainerSpec": {"Image": image}}},
        "Endpoint": {"Ports": ports},
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
