"""The stand-in engine's objects, in the Docker Engine API's own JSON, and their changes.

Every change sends an event, as in dockerd: the window needs nothing else to be up to date.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import random
import time
from collections.abc import Iterator
from typing import Any

from desktop.supervisor.fake.tape import Tape

Json = dict[str, Any]
Tree = dict[str, bytes | str]
"""Files by their paths; a text is a symbolic link."""

BUSY_SECONDS = 0.02
LOUD_LINES = 10_000
LINES_KEPT, EVENTS_KEPT = 20_000, 1000
"""Of each container's log and of what has happened; dockerd too forgets events, and rotates logs."""


class Refused(Exception):
    """The engine's answer is an error.

    :ivar status: of HTTP.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class World:
    """Containers, images, volumes and networks by ID or name. :ivar os: the engine's, as Docker's API calls it."""

    def __init__(self, os: str = "linux") -> None:
        self.os = os
        self.containers: dict[str, Json] = {}
        self.images: dict[str, Json] = {}
        self.volumes: dict[str, Json] = {}
        self.networks: dict[str, Json] = {}
        self.registry: dict[str, Json] = {}
        self.services: dict[str, Json] = {}
        self.nodes: dict[str, Json] = {}
        self.files: dict[str, Tree] = {}
        self.cache = [{"ID": "a1", "Type": "regular", "Size": 120_000_000, "InUse": False, "Shared": False}]
        self.volume_files: dict[str, Tree] = {}
        self.events = Tape[Json](EVENTS_KEPT)
        self.happened = asyncio.Condition()
        self.execs: dict[str, Json] = {}
        self.outdated = {"redis:8"}
        self._numbers = itertools.count(1)
        self._random = random.Random(7)
        self._began = time.time()

    # -- time ------------------------------------------------------------------------------------------------

    async def shout(self) -> None:
        """Let one container print 10,000 lines a second, each with its number and its time."""
        item, begun, count = self.container("web"), time.time(), 0
        while True:
            await asyncio.sleep(BUSY_SECONDS)
            for _ in range(round((time.time() - begun) * LOUD_LINES) - count):
                count += 1
                self.log(
                    item, f'GET /things/{count} 200 "a line as a web server prints them" at {time.time():.3f}'
                )

    async def live(self, *, busy: bool) -> None:
        """Let time pass: a busy world's containers stop and start."""
        while True:
            await asyncio.sleep(BUSY_SECONDS if busy else 3600)
            name = self._random.choice(list(self.containers))
            if self.containers[name]["State"] == "running":
                self.stop(name)
            else:
                self.start(name)

    def machine_cpu_seconds(self) -> float:
        """A load that goes up and down."""
        passed = time.time() - self._began
        return 0.6 * passed + 3 * math.sin(passed / 9)

    def machine_stopped(self) -> None:
        """The machine was stopped: nothing runs."""
        for key, item in self.containers.items():
            if item["State"] in ("running", "paused"):
                self._set_state(key, "exited", 0)

    def tell(self, kind: str, action: str, actor: str, **attributes: str) -> None:
        """Make an event, and wake those who wait for one."""
        now = time.time()
        self.events.add(
            {
                "Type": kind,
                "Action": action,
                "Actor": {"ID": actor, "Attributes": attributes},
                "time": int(now),
                "timeNano": int(now * 1e9),
                "scope": "local",
            }
        )
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.happened:
            self.happened.notify_all()

    # -- finding ---------------------------------------------------------------------------------------------

    def id(self) -> str:
        """A new ID of 64 digits."""
        return hashlib.sha256(f"{self.os} {next(self._numbers)}".encode()).hexdigest()

    def container(self, name: str) -> Json:
        """By ID, its beginning, or name."""
        for key, item in self.containers.items():
            if name == item["Names"][0][1:] or (len(name) >= 6 and key.startswith(name)):
                return item
        raise Refused(404, f"No such container: {name}")

    def image(self, name: str) -> Json:
        """By ID, its beginning, or reference."""
        wanted = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        for key, item in self.images.items():
            if (
                name == key
                or key.removeprefix("sha256:").startswith(name.removeprefix("sha256:"))
                or wanted in item["RepoTags"]
                or name in item["RepoDigests"]
            ):
                return item
        raise Refused(404, f"No such image: {wanted}")

    def users(self, image: str) -> Iterator[Json]:
        """Containers made from an image."""
        return (item for item in self.containers.values() if item["ImageID"] == image)

    # -- containers ------------------------------------------------------------------------------------------

    def create(self, config: Json, name: str | None = None) -> Json:
        """``docker create``."""
        image = self.image(config["Image"])
        name = name or f"brave_{self.id()[:6]}"
        if any(item["Names"][0] == f"/{name}" for item in self.containers.values()):
            raise Refused(409, f'Conflict. The container name "/{name}" is already in use by container.')
        key, host = self.id(), config.get("HostConfig") or {}
        networks = (config.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
        mode = str(host.get("NetworkMode") or "default")
        network = next(iter(networks), None) or ("bridge" if mode == "default" else mode)
        item = self.containers[key] = {
            "Id": key,
            "Names": [f"/{name}"],
            "Image": config["Image"],
            "ImageID": image["Id"],
            "Command": " ".join(config.get("Cmd") or image["Config"].get("Cmd") or ["/bin/sh"]),
            "Created": int(time.time()),
            "Ports": [],
            "Labels": dict(config.get("Labels") or {}),
            "State": "created",
            "Status": "Created",
            "HostConfig": {"NetworkMode": network},
            "NetworkSettings": {"Networks": {network: {"IPAddress": f"172.17.0.{len(self.containers) + 2}"}}},
            "Mounts": [_mount(bind) for bind in host.get("Binds") or ()]
            + [_mount(f"{item['Source']}:{item['Target']}") for item in host.get("Mounts") or ()],
            "_config": config,
            "_log": Tape[tuple[float, int, str]](LINES_KEPT),
            "_since": time.time(),
            "_code": 0,
            "_health": "",
        }
        for mount in item["Mounts"]:
            if mount["Type"] == "volume" and mount["Name"] not in self.volumes:
                self.create_volume(mount["Name"])
        self.files[key] = {
            "/etc/hostname": f"{name}\n".encode(),
            "/etc/os-release": b'PRETTY_NAME="Stand-in Linux"\n',
            "/var/log/app.log": b"ready\n",
        }
        self._tell_container("create", item)
        return item

    def start(self, name: str) -> None:
        """``docker start``."""
        item = self.container(name)
        if item["State"] == "running":
            return
        item["Ports"] = _ports(item["_config"])
        others = (other for other in self.containers.values() if other is not item)
        taken = {port["PublicPort"] for other in others for port in other["Ports"] if "PublicPort" in port}
        for port in item["Ports"]:
            if port.get("PublicPort") in taken:
                address = f"0.0.0.0:{port['PublicPort']}"
                item["Ports"] = []
                raise Refused(500, f"failed to bind host port for {address}: address already in use")
        self.log(item, f"{item['Names'][0][1:]} is ready")
        self._set_state(item["Id"], "running")
        self._tell_container("start", item)

    def stop(self, name: str, code: int = 0, action: str = "stop") -> None:
        """``docker stop`` and ``docker kill``."""
        item = self.container(name)
        if item["State"] not in ("running", "paused"):
            if action == "kill":
                raise Refused(409, f"cannot kill container: {name}: container {name} is not running")
            return
        self._set_state(item["Id"], "exited", code)
        item["Ports"] = []
        self._tell_container(action, item)
        self._tell_container("die", item, exitCode=str(code))
        if (item["_config"].get("HostConfig") or {}).get("AutoRemove"):
            self.remove(item["Id"])

    def pause(self, name: str, paused: bool) -> None:
        """``docker pause`` and ``docker unpause``."""
        item = self.container(name)
        if item["State"] != ("running" if paused else "paused"):
            raise Refused(409, f"Container {name} is {'not running' if paused else 'not paused'}")
        self._set_state(item["Id"], "paused" if paused else "running")
        self._tell_container("pause" if paused else "unpause", item)

    def rename(self, name: str, new: str) -> None:
        """``docker rename``."""
        item = self.container(name)
        item["Names"] = [f"/{new}"]
        self._tell_container("rename", item)

    def remove(self, name: str, *, force: bool = False) -> None:
        """``docker rm``."""
        item = self.container(name)
        if item["State"] in ("running", "paused", "restarting"):
            if not force:
                raise Refused(
                    409,
                    f'cannot remove container "{item["Names"][0]}": container is running: stop the container'
                    " before removing or force remove",
                )
            self._tell_container("kill", item)
        self.containers.pop(item["Id"], None)
        self._tell_container("destroy", item)

    def log(self, item: Json, text: str, stream: int = 1) -> None:
        """Let a container print a line."""
        item["_log"].add((time.time(), stream, text))

    def _set_state(self, key: str, state: str, code: int = 0) -> None:
        item = self.containers[key]
        item["State"], item["_code"] = state, code
        if (state == "running" and item["_since"] is None) or state == "exited":
            item["_since"] = time.time()

    def _tell_container(self, action: str, item: Json, **more: str) -> None:
        self.tell("container", action, item["Id"], name=item["Names"][0][1:], image=item["Image"], **more)

    # -- images ----------------------------------------------------------------------------------------------

    def add_image(self, *tags: str, size: int, arch: str = "amd64", **more: Any) -> Json:
        """Put an image in."""
        key, declared = f"sha256:{self.id()}", more.get("declared", {})
        repositories = {tag.rpartition(":")[0] for tag in tags}
        item = self.images[key] = {
            "Id": key,
            "RepoTags": list(tags),
            "RepoDigests": [f"{name}@sha256:{self.id()}" for name in sorted(repositories)],
            "Created": int(time.time()) - more.get("age", 86400),
            "Size": size,
            "SharedSize": more.get("shared", size // 3),
            "Containers": 0,
            "Labels": more.get("labels", {}),
            "ParentId": "",
            "Os": self.os,
            "Architecture": arch,
            "Config": {
                "Cmd": ["/bin/sh"],
                "Env": ["PATH=/usr/bin:/bin", *declared.get("env", ())],
                "ExposedPorts": {port: {} for port in declared.get("ports", ())},
                "Volumes": {folder: {} for folder in declared.get("volumes", ())} or None,
            },
            "RootFS": {"Type": "layers", "Layers": more.get("layers", [f"sha256:{self.id()}"])},
        }
        return item

    def digest(self, name: str) -> str:
        """What the registry has under a name: the same as here, unless that is outdated."""
        here = [
            digest for item in self.images.values() if name in item["RepoTags"] for digest in item["RepoDigests"]
        ]
        return here[0].partition("@")[2] if here and name not in self.outdated else f"sha256:{0:064}"

    def tag(self, name: str, target: str) -> None:
        """``docker tag``."""
        item = self.image(name)
        for other in self.images.values():
            if target in other["RepoTags"]:
                other["RepoTags"].remove(target)
        item["RepoTags"].append(target)
        self.tell("image", "tag", item["Id"], name=target)

    def remove_image(self, name: str, *, force: bool = False) -> list[dict[str, str]]:
        """``docker rmi``."""
        item = self.image(name)
        tags = item["RepoTags"]
        if name in tags and len(tags) > 1:
            tags.remove(name)
            self.tell("image", "untag", item["Id"], name=name)
            return [{"Untagged": name}]
        running = [user for user in self.users(item["Id"]) if user["State"] == "running"]
        users = list(self.users(item["Id"]))
        if running or (users and not force):
            user = (running or users)[0]
            kind = "running" if running else "stopped"
            end = "cannot be forced" if running else "must be forced"
            raise Refused(
                409,
                f"conflict: unable to delete {name} ({end}) - container {user['Id'][:12]} is using its"
                f" {kind} image {item['Id'][7:19]}"
                if not running
                else f"conflict: unable to delete {name} ({end}) - image is being used by running container"
                f" {user['Id'][:12]}",
            )
        if len(tags) > 1 and not force:
            raise Refused(
                409,
                f"conflict: unable to delete {item['Id'][7:19]} (must be forced) - image is referenced in"
                " multiple repositories",
            )
        del self.images[item["Id"]]
        self.tell("image", "delete", item["Id"], name=name)
        return [*({"Untagged": tag} for tag in tags), {"Deleted": item["Id"]}]

    # -- volumes and networks --------------------------------------------------------------------------------

    def create_volume(self, name: str, labels: dict[str, str] | None = None) -> Json:
        """``docker volume create``."""
        name = name or self.id()
        if name not in self.volumes:
            self.volumes[name] = {
                "Name": name,
                "Driver": "local",
                "Mountpoint": f"/var/lib/docker/volumes/{name}/_data",
                "CreatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "Labels": labels or {},
                "Scope": "local",
                "Options": {},
            }
            self.tell("volume", "create", name)
        return self.volumes[name]

    def remove_volume(self, name: str) -> None:
        """``docker volume rm``."""
        if name not in self.volumes:
            raise Refused(404, f"get {name}: no such volume")
        for item in self.containers.values():
            if any(mount.get("Name") == name for mount in item["Mounts"]):
                raise Refused(409, f"remove {name}: volume is in use - [{item['Id']}]")
        del self.volumes[name]
        self.volume_files.pop(name, None)
        self.tell("volume", "destroy", name)

    def create_network(self, name: str, driver: str = "bridge", subnet: str = "", **more: Any) -> Json:
        """``docker network create``."""
        if any(item["Name"] == name for item in self.networks.values()):
            raise Refused(409, f"network with name {name} already exists")
        key = self.id()
        self.networks[key] = {
            "Id": key,
            "Name": name,
            "Driver": driver,
            "Scope": "local",
            "Internal": False,
            "Created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "IPAM": {"Config": [{"Subnet": subnet or f"172.{18 + len(self.networks)}.0.0/16"}]},
            "Labels": {},
            **more,
        }
        self.tell("network", "create", key, name=name)
        return self.networks[key]

    def network(self, name: str) -> Json:
        """By ID, its beginning, or name."""
        for key, item in self.networks.items():
            if item["Name"] == name or (len(name) >= 6 and key.startswith(name)):
                return item
        raise Refused(404, f"network {name} not found")

    def remove_network(self, name: str) -> None:
        """``docker network rm``."""
        item = self.network(name)
        if item["Name"] in ("bridge", "host", "none"):
            raise Refused(403, f"{item['Name']} is a pre-defined network and cannot be removed")
        for user in self.containers.values():
            if item["Name"] in user["NetworkSettings"]["Networks"] and user["State"] == "running":
                raise Refused(403, f"error while removing network: network {item['Name']} has active endpoints")
        del self.networks[item["Id"]]
        self.tell("network", "destroy", item["Id"], name=item["Name"])


def _mount(bind: str) -> Json:
    source, _, rest = bind.partition(":")
    target, _, mode = rest.partition(":")
    if source.startswith("/"):
        return {"Type": "bind", "Source": source, "Destination": target, "Mode": mode, "RW": mode != "ro"}
    return {
        "Type": "volume",
        "Name": source,
        "Source": f"/var/lib/docker/volumes/{source}/_data",
        "Destination": target,
        "Mode": mode,
        "RW": mode != "ro",
    }


def _ports(config: Json) -> list[Json]:
    ports: list[Json] = []
    for text, bindings in ((config.get("HostConfig") or {}).get("PortBindings") or {}).items():
        number, _, protocol = text.partition("/")
        ports.extend(
            {
                "IP": binding.get("HostIp") or "0.0.0.0",
                "PrivatePort": int(number),
                "PublicPort": int(binding.get("HostPort") or 49153),
                "Type": protocol or "tcp",
            }
            for binding in bindings
        )
    return ports
