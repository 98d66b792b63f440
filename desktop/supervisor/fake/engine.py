"""The Docker Engine API (v1.51) in front of the stand-in's world: the calls with one answer.

Streams are in streams.py. Paths come with and without a version, as dockerd takes them.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from desktop.supervisor.fake.building import Building
from desktop.supervisor.fake.files import Files
from desktop.supervisor.fake.streams import Streams
from desktop.supervisor.fake.swarm import Swarm
from desktop.supervisor.fake.world import Json, Refused, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STUBBORN = "stand-in.stubborn"
"""A label of containers that ignore SIGTERM: the seconds until they are killed."""


def make_app(world: World, runs: Callable[[], bool]) -> web.Application:
    """All routes; while the machine does not run, the socket says so as the endpoint does."""

    @web.middleware
    async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not runs():
            return web.json_response(
                {"message": "Slipway's machine is stopped. Start it: slipway start"}, status=503
            )
        try:
            return await handler(request)
        except Refused as error:
            return web.json_response({"message": str(error)}, status=error.status)

    app = web.Application(middlewares=[explain], client_max_size=2**40)
    for owner in (Calls(world), Files(world), Streams(world), Building(world), Swarm(world)):
        for method, path, handler in owner.routes():
            for prefix in ("", "/v{version:[0-9.]+}"):
                app.router.add_route(method, prefix + path, handler)
    return app


def flag(request: web.Request, name: str) -> bool:
    """A boolean of the query."""
    return request.query.get(name, "") in ("1", "true", "True")


class Calls:
    """The handlers; each is one call of the API."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each call. Image names contain slashes."""
        image = "/images/{name:.+}"
        return [
            ("GET", "/_ping", self.ping),
            ("HEAD", "/_ping", self.ping),
            ("GET", "/version", self.version),
            ("GET", "/info", self.info),
            ("GET", "/system/df", self.df),
            ("POST", "/build/prune", self.prune_builds),
            ("GET", "/containers/json", self.containers),
            ("POST", "/containers/create", self.create),
            ("POST", "/containers/prune", self.prune_containers),
            ("GET", "/containers/{name}/json", self.inspect),
            ("GET", "/containers/{name}/top", self.top),
            ("POST", "/containers/{name}/resize", self.nothing),
            ("POST", "/containers/{name}/update", self.update),
            ("GET", "/containers/{name}/changes", self.changes),
            ("POST", "/containers/{name}/{action:start|stop|restart|kill|pause|unpause|rename}", self.act),
            ("DELETE", "/containers/{name}", self.remove),
            ("GET", "/images/json", self.images),
            ("GET", "/images/search", self.search),
            ("POST", "/images/prune", self.prune_images),
            ("GET", "/distribution/{name:.+}/json", self.distribution),
            ("GET", image + "/json", self.inspect_image),
            ("GET", image + "/history", self.history),
            ("POST", image + "/tag", self.tag),
            ("DELETE", image, self.remove_image),
            ("GET", "/volumes", self.volumes),
            ("POST", "/volumes/create", self.create_volume),
            ("POST", "/volumes/prune", self.prune_volumes),
            ("GET", "/volumes/{name}", self.inspect_volume),
            ("DELETE", "/volumes/{name}", self.remove_volume),
            ("GET", "/networks", self.networks),
            ("POST", "/networks/create", self.create_network),
            ("POST", "/networks/prune", self.prune_networks),
            ("GET", "/networks/{name}", self.inspect_network),
            ("POST", "/networks/{name}/{action:connect|disconnect}", self.change_network),
            ("DELETE", "/networks/{name}", self.remove_network),
        ]

    # -- the engine -----------------------------------------------------------------------------------------------

    async def ping(self, request: web.Request) -> web.Response:
        return web.Response(text="OK", headers={"Api-Version": "1.51", "Ostype": self.world.os})

    async def version(self, request: web.Request) -> web.Response:
        parts = [{"Name": "Engine", "Version": "28.5.2"}, {"Name": "containerd", "Version": "2.1.9"}]
        parts += [{"Name": "runc", "Version": "1.3.6"}]
        return web.json_response(
            {"GoVersion": "go1.24.9", "GitCommit": "89c5e8fd66634b6128fc4c0e6f1236e2540e46e0"}
            | {
                "Version": "28.5.2",
                "ApiVersion": "1.51",
                "MinAPIVersion": "1.24",
                "Os": self.world.os,
                "Arch": "amd64",
            }
            | {"KernelVersion": "6.12.48", "Components": parts}
        )

    async def info(self, request: web.Request) -> web.Response:
        states = [item["State"] for item in self.world.containers.values()]
        return web.json_response(
            {
                "Containers": len(states),
                "ContainersRunning": states.count("running"),
                "ContainersPaused": states.count("paused"),
                "Images": len(self.world.images),
                "NCPU": 2,
                "MemTotal": 2 * 2**30,
                "OperatingSystem": "Slipway",
                "Driver": "overlay2",
                "Swarm": {"ControlAvailable": bool(self.world.nodes)},
            }
        )

    async def df(self, request: web.Request) -> web.Response:
        used = {item["ImageID"] for item in self.world.containers.values()}
        images = [{**_public(item), "Containers": int(key in used)} for key, item in self.world.images.items()]
        volumes = [
            {**item, "UsageData": {"Size": 48_000_000, "RefCount": self._users_of_volume(name)}}
            for name, item in self.world.volumes.items()
        ]
        shared = max((item["SharedSize"] for item in images), default=0)
        return web.json_response(
            {
                "LayersSize": shared + sum(item["Size"] - item["SharedSize"] for item in images),
                "Images": images,
                "Containers": [{**_listed(item), "SizeRw": 40_000} for item in self.world.containers.values()],
                "Volumes": volumes,
                "BuildCache": self.world.cache,
            }
        )

    async def prune_builds(self, request: web.Request) -> web.Response:
        gone, self.world.cache = self.world.cache, []
        return web.json_response(
            {"CachesDeleted": [item["ID"] for item in gone], "SpaceReclaimed": sum(item["Size"] for item in gone)}
        )

    def _users_of_volume(self, name: str) -> int:
        return sum(
            any(mount.get("Name") == name for mount in item["Mounts"]) for item in self.world.containers.values()
        )

    # -- containers -----------------------------------------------------------------------------------------------

    async def containers(self, request: web.Request) -> web.Response:
        everything = flag(request, "all")
        labels = json.loads(request.query.get("filters", "{}")).get("label", ())
        wanted = [
            item
            for item in self.world.containers.values()
            if (everything or item["State"] == "running") and all(name in item["Labels"] for name in labels)
        ]
        return web.json_response([_listed(item) for item in reversed(wanted)])

    async def create(self, request: web.Request) -> web.Response:
        item = self.world.create(await request.json(), request.query.get("name"))
        return web.json_response({"Id": item["Id"], "Warnings": []}, status=201)

    async def inspect(self, request: web.Request) -> web.Response:
        return web.json_response(_inspected(self.world.container(request.match_info["name"])))

    async def act(self, request: web.Request) -> web.Response:
        name, action = request.match_info["name"], request.match_info["action"]
        self.world.container(name)
        if action == "start":
            self.world.start(name)
        elif action == "stop":
            await asyncio.sleep(float(self.world.container(name)["Labels"].get(STUBBORN, 0)))
            self.world.stop(name)
        elif action == "kill":
            self.world.stop(name, 137, "kill")
        elif action == "restart":
            self.world.stop(name)
            self.world.start(name)
        elif action == "rename":
            self.world.rename(name, request.query["name"])
        else:
            self.world.pause(name, action == "pause")
        return web.Response(status=204)

    async def update(self, request: web.Request) -> web.Response:
        config = self.world.container(request.match_info["name"])["_config"]
        config["HostConfig"] = {**(config.get("HostConfig") or {}), **await request.json()}
        return web.json_response({"Warnings": []})

    async def changes(self, request: web.Request) -> web.Response:
        self.world.container(request.match_info["name"])
        changes = {"/etc": 0, "/etc/hostname": 1, "/etc/motd": 2, "/var": 0, "/var/log": 0, "/var/log/app.log": 1}
        return web.json_response([{"Path": path, "Kind": kind} for path, kind in changes.items()])

    async def remove(self, request: web.Request) -> web.Response:
        self.world.remove(request.match_info["name"], force=flag(request, "force"))
        return web.Response(status=204)

    async def prune_containers(self, request: web.Request) -> web.Response:
        gone = [
            key for key, item in self.world.containers.items() if item["State"] in ("exited", "created", "dead")
        ]
        for key in gone:
            self.world.remove(key)
        return web.json_response({"ContainersDeleted": gone, "SpaceReclaimed": 40_000 * len(gone)})

    async def top(self, request: web.Request) -> web.Response:
        titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
        return web.json_response(
            {"Titles": titles, "Processes": [["root", "1", "0", "0", "10:00", "?", "0:00", "sh"]]}
        )

    async def nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=200)

    # -- images ---------------------------------------------------------------------------------------------------

    async def images(self, request: web.Request) -> web.Response:
        filters = json.loads(request.query.get("filters", "{}"))
        found = list(self.world.images.values())
        if "dangling" in filters:
            wanted = "true" in filters["dangling"]
            found = [item for item in found if (not item["RepoTags"]) is wanted]
        for label in filters.get("label", ()):
            name, _, value = label.partition("=")
            found = [item for item in found if name in item["Labels"] and value in ("", item["Labels"][name])]
        for name, sign in (("before", -1), ("since", 1)):
            for other in filters.get(name, ()):
                moment = self.world.image(other)["Created"]
                found = [item for item in found if (item["Created"] - moment) * sign > 0]
        for pattern in filters.get("reference", ()):
            named = [{**item, "RepoTags": fnmatch.filter(item["RepoTags"], pattern)} for item in found]
            found = [item for item in named if item["RepoTags"]]
        return web.json_response([_public(item) for item in found])

    async def distribution(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name.startswith("ghcr.io"):
            raise Refused(403, "denied")
        platforms = [{"os": self.world.os, "architecture": arch} for arch in ("amd64", "arm64", "s390x")]
        kind = "application/vnd.oci.image.index.v1+json"
        digest = self.world.digest(name)
        return web.json_response({"Descriptor": {"mediaType": kind, "digest": digest}, "Platforms": platforms})

    async def inspect_image(self, request: web.Request) -> web.Response:
        return web.json_response(_public(self.world.image(request.match_info["name"])))

    async def history(self, request: web.Request) -> web.Response:
        item = self.world.image(request.match_info["name"])
        steps = [
            {"Id": item["Id"], "CreatedBy": 'CMD ["/bin/sh"]', "Size": 0, "Tags": item["RepoTags"]},
            {"Id": "<missing>", "CreatedBy": "RUN /bin/sh -c apt-get install things", "Size": item["Size"] // 3},
            {
                "Id": "<missing>",
                "CreatedBy": "ADD rootfs.tar.xz / # buildkit",
                "Size": item["Size"] - item["Size"] // 3,
            },
        ]
        return web.json_response([{"Created": item["Created"], "Comment": "", **step} for step in steps])

    async def tag(self, request: web.Request) -> web.Response:
        target = f"{request.query['repo']}:{request.query.get('tag') or 'latest'}"
        self.world.tag(request.match_info["name"], target)
        return web.Response(status=201)

    async def remove_image(self, request: web.Request) -> web.Response:
        return web.json_response(self.world.remove_image(request.match_info["name"], force=flag(request, "force")))

    async def prune_images(self, request: web.Request) -> web.Response:
        every = "false" in json.loads(request.query.get("filters", "{}")).get("dangling", ())
        used = {item["ImageID"] for item in self.world.containers.values()}
        gone = [
            key for key, item in self.world.images.items() if key not in used and (every or not item["RepoTags"])
        ]
        freed = sum(self.world.images[key]["Size"] for key in gone)
        deleted = [part for key in gone for part in self.world.remove_image(key, force=True)]
        return web.json_response({"ImagesDeleted": deleted, "SpaceReclaimed": freed})

    async def search(self, request: web.Request) -> web.Response:
        term, official = request.query["term"], "is-official" in request.query.get("filters", "")
        found = [
            {"name": term, "description": f"Official build of {term}.", "star_count": 20123, "is_official": True},
            {"name": f"someone/{term}", "description": "With more in it.", "star_count": 12, "is_official": False},
        ]
        found = [] if term.startswith("nosuch") else found
        return web.json_response([item for item in found if item["is_official"] or not official])

    # -- volumes and networks -------------------------------------------------------------------------------------

    async def volumes(self, request: web.Request) -> web.Response:
        return web.json_response({"Volumes": list(self.world.volumes.values()), "Warnings": None})

    async def create_volume(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(self.world.create_volume(body.get("Name") or "", body.get("Labels")), status=201)

    async def inspect_volume(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.world.volumes:
            raise Refused(404, f"get {name}: no such volume")
        return web.json_response(self.world.volumes[name])

    async def remove_volume(self, request: web.Request) -> web.Response:
        self.world.remove_volume(request.match_info["name"])
        return web.Response(status=204)

    async def prune_volumes(self, request: web.Request) -> web.Response:
        gone = [name for name in self.world.volumes if not self._users_of_volume(name)]
        for name in gone:
            self.world.remove_volume(name)
        return web.json_response({"VolumesDeleted": gone, "SpaceReclaimed": 48_000_000 * len(gone)})

    async def networks(self, request: web.Request) -> web.Response:
        return web.json_response(list(self.world.networks.values()))

    async def create_network(self, request: web.Request) -> web.Response:
        body = await request.json()
        item = self.world.create_network(body["Name"], body.get("Driver") or "bridge", **_network(body))
        return web.json_response({"Id": item["Id"], "Warning": ""}, status=201)

    async def inspect_network(self, request: web.Request) -> web.Response:
        item = self.world.network(request.match_info["name"])
        inside = {
            key: {"Name": user["Names"][0][1:], "IPv4Address": networks[item["Name"]]["IPAddress"] + "/16"}
            for key, user in self.world.containers.items()
            if user["State"] in ("running", "paused")
            and item["Name"] in (networks := user["NetworkSettings"]["Networks"])
        }
        return web.json_response({**item, "Containers": inside})

    async def change_network(self, request: web.Request) -> web.Response:
        item = self.world.network(request.match_info["name"])
        user = self.world.container((await request.json())["Container"])
        networks, action = user["NetworkSettings"]["Networks"], request.match_info["action"]
        if action == "connect":
            networks[item["Name"]] = {"IPAddress": f"172.20.0.{len(networks) + 7}"}
        elif networks.pop(item["Name"], None) is None:
            raise Refused(403, f"container {user['Id'][:12]} is not connected to network {item['Name']}")
        self.world.tell("network", action, item["Id"], name=item["Name"], container=user["Id"])
        return web.Response(status=200)

    async def remove_network(self, request: web.Request) -> web.Response:
        self.world.remove_network(request.match_info["name"])
        return web.Response(status=204)

    async def prune_networks(self, request: web.Request) -> web.Response:
        used = {name for item in self.world.containers.values() for name in item["NetworkSettings"]["Networks"]}
        own = ("bridge", "host", "none")
        gone = [item["Name"] for item in self.world.networks.values() if item["Name"] not in (*own, *used)]
        for name in gone:
            self.world.remove_network(name)
        return web.json_response({"NetworksDeleted": gone})


def _network(body: Json) -> Json:
    pools = (body.get("IPAM") or {}).get("Config") or []
    subnet = pools[0].get("Subnet", "") if pools else ""
    return {
        "subnet": subnet,
        "Internal": bool(body.get("Internal")),
        "EnableIPv6": bool(body.get("EnableIPv6")),
        "Labels": body.get("Labels") or {},
        **({"IPAM": {"Config": pools}} if pools else {}),
    }


def _public(item: Json) -> Json:
    return {name: value for name, value in item.items() if not name.startswith("_")}


def _listed(item: Json) -> Json:
    health = (
        f" ({item['_health'] if item['_health'] != 'starting' else 'health: starting'})" if item["_health"] else ""
    )
    ago = _span(time.time() - item["_since"])
    status = {
        "created": "Created",
        "running": f"Up {ago}{health}",
        "paused": f"Up {ago} (Paused)",
        "exited": f"Exited ({item['_code']}) {ago} ago",
    }[item["State"]]
    return {**_public(item), "Status": status}


def _inspected(item: Json) -> Json:
    config = item["_config"]
    return {
        "Id": item["Id"],
        "Name": item["Names"][0],
        "Created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item["Created"])),
        "Image": item["ImageID"],
        "State": {
            "Status": item["State"],
            "Running": item["State"] in ("running", "paused"),
            "Paused": item["State"] == "paused",
            "ExitCode": item["_code"],
            "StartedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item["_since"])),
        },
        "Config": {
            name: value for name, value in config.items() if name not in ("HostConfig", "NetworkingConfig")
        },
        "HostConfig": config.get("HostConfig") or {},
        "Mounts": item["Mounts"],
        "NetworkSettings": {**item["NetworkSettings"], "Ports": _port_map(item)},
        "Platform": "windows" if "nat" in item["NetworkSettings"]["Networks"] else "linux",
    }


def _port_map(item: Json) -> dict[str, Any]:
    ports: dict[str, Any] = {}
    for port in item["Ports"]:
        binding = {"HostIp": port["IP"], "HostPort": str(port["PublicPort"])}
        ports.setdefault(f"{port['PrivatePort']}/{port['Type']}", []).append(binding)
    return ports


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds < 60 else "About a minute" if seconds < 3600 else "About an hour"
