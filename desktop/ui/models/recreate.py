"""A container as it was created: in the form's terms, and as the body that makes another one like it.

What the container has from its image is left out, so that it comes from the new image when that is another one.
Source: the Docker Engine API, ContainerInspect and ContainerCreate.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping
from typing import Any

from desktop.ui.models.run import POLICIES, RunRequest, parse_ports

Json = Mapping[str, Any]

INHERITED = (
    *("Cmd", "Entrypoint", "WorkingDir", "User", "Healthcheck", "StopSignal", "Shell", "OnBuild"),
    *("ExposedPorts", "Volumes", "Env", "Labels", "ArgsEscaped"),
)
"""Parts of a configuration that come from the image where the container says nothing else."""

BUILT_IN = ("default", "bridge", "host", "none", "nat")
"""Networks that take no configuration of an endpoint."""

COMPOSE_LABELS = "com.docker.compose."


def own_config(inspected: Json, image: Json) -> dict[str, Any]:
    """ContainerConfig without what the image says.

    :param image: the configuration in the image's inspection; empty when the image is gone.
    """
    config = dict(inspected.get("Config") or {})
    config.pop("Image", None)
    if str(inspected.get("Id", "")).startswith(config.get("Hostname") or "-"):
        config.pop("Hostname", None)
    entrypoint = config.get("Entrypoint") or None
    replaced = entrypoint != (image.get("Entrypoint") or None)  # then the image's command does not count either
    for name in INHERITED:
        mine, theirs = config.get(name), image.get(name)
        if isinstance(mine, dict):
            config[name] = {key: value for key, value in mine.items() if (theirs or {}).get(key, _GONE) != value}
        elif name == "Env":
            config[name] = [item for item in mine or () if item not in (theirs or ())]
        elif (mine or None) == (theirs or None) and not (replaced and name == "Cmd"):
            config.pop(name, None)
    return config


_GONE = object()


def request_of(inspected: Json, image: Json) -> RunRequest:
    """What of a container the form shows; not what its fields cannot hold, which stays as it is."""
    own, host = own_config(inspected, image), inspected.get("HostConfig") or {}
    mode = str(host.get("NetworkMode") or "")
    policy = str((host.get("RestartPolicy") or {}).get("Name") or "no")
    return RunRequest(
        image=str((inspected.get("Config") or {}).get("Image") or ""),
        name=str(inspected.get("Name") or "").lstrip("/"),
        command=shlex.join(own.get("Cmd") or ()),
        ports=tuple(port_texts(host.get("PortBindings") or {})),
        volumes=tuple(bind for bind in host.get("Binds") or () if "," not in bind),
        environment=tuple(item for item in own.get("Env") or () if "\n" not in item),
        network="" if mode in ("default", "bridge", "nat") else mode,
        restart=policy if policy in POLICIES else "no",
        cpus=f"{(host.get('NanoCpus') or 0) / 1e9:g}" if host.get("NanoCpus") else "",
        memory=memory_text(int(host.get("Memory") or 0)),
        terminal=bool(own.get("Tty") and own.get("OpenStdin")),
        remove=bool(host.get("AutoRemove")),
    )


def body_of(inspected: Json, image: Json) -> dict[str, Any]:
    """What makes the same container again. Its volumes without a name are mounted, and not made anew."""
    body = own_config(inspected, image) | {"Image": (inspected.get("Config") or {}).get("Image")}
    host = copy.deepcopy(dict(inspected.get("HostConfig") or {}))
    host.pop("ContainerIDFile", None)
    host["Binds"] = [*(host.get("Binds") or ()), *_unnamed_volumes(inspected)]
    body["HostConfig"] = host
    endpoints = {
        name: endpoint
        for name, found in ((inspected.get("NetworkSettings") or {}).get("Networks") or {}).items()
        if (endpoint := _endpoint(inspected, found)) or name not in BUILT_IN
    }
    if endpoints and ":" not in str(host.get("NetworkMode") or ""):
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return body


def changed(body: Json, before: RunRequest, after: RunRequest) -> dict[str, Any]:
    """The body with what was changed in the form; all else stays as it was."""
    made, wanted = copy.deepcopy(dict(body)), after.config()
    host, new = made["HostConfig"], wanted["HostConfig"]
    made["Image"] = after.image
    if after.command != before.command:
        made["Cmd"] = wanted.get("Cmd")
    if after.environment != before.environment:
        made["Env"] = [*after.environment, *(item for item in made["Env"] if "\n" in item)]
    if after.ports != before.ports:
        inner = {port for text in before.ports for _, _, port in parse_ports(text)}
        kept: dict[str, Any] = {port: {} for port in made.get("ExposedPorts") or {} if port not in inner}
        made["ExposedPorts"] = kept | wanted["ExposedPorts"]
        host["PortBindings"] = new["PortBindings"]
    if after.volumes != before.volumes:
        host["Binds"] = [*after.volumes, *(item for item in host["Binds"] if item not in before.volumes)]
    if after.network != before.network:
        made.pop("NetworkingConfig", None)
        host["NetworkMode"] = after.network or "default"
    if after.memory != before.memory:
        host |= {"Memory": new.get("Memory", 0), "MemorySwap": 0}
    if after.restart != before.restart:
        host["RestartPolicy"] = new["RestartPolicy"]
    if after.cpus != before.cpus:
        host |= {"NanoCpus": new.get("NanoCpus", 0), "CpuQuota": 0, "CpuPeriod": 0}
    if after.terminal != before.terminal:
        made |= {"Tty": after.terminal, "OpenStdin": after.terminal, "StdinOnce": after.terminal}
    host["AutoRemove"] = after.remove
    return made


def duplicate(body: Json) -> dict[str, Any]:
    """For a second container beside the first: no part of a compose project, and with an address of its own."""
    made = copy.deepcopy(dict(body))
    labels = made.get("Labels") or {}
    made["Labels"] = {name: value for name, value in labels.items() if not name.startswith(COMPOSE_LABELS)}
    for endpoint in ((made.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}).values():
        endpoint.pop("IPAMConfig", None)
    return made


TITLES = {
    "image": "Image",
    "name": "Name",
    "command": "Command",
    "ports": "Ports",
    "volumes": "Volumes",
    "environment": "Environment",
    "network": "Network",
    "restart": "Restart",
    "cpus": "CPUs",
    "memory": "Memory",
    "platform": "Platform",
    "terminal": "Interactive",
    "remove": "Remove on exit",
}


def differences(before: RunRequest, after: RunRequest) -> list[str]:
    """What was changed in the form, a line for each field."""
    found = []
    for name, title in TITLES.items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found.append(f"{title}: {_words(old)} → {_words(new)}")
    return found


def memory_text(size: int) -> str:
    """Bytes in the notation of ``docker run``; empty for no limit."""
    for unit, factor in (("g", 2**30), ("m", 2**20), ("k", 2**10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}" if size else ""


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(value) if isinstance(value, tuple) else str(value)) or "none"


def port_texts(bindings: Mapping[str, Any]) -> list[str]:
    """Published ports in the notation of ``docker run``."""
    found = []
    for inner, places in sorted(bindings.items(), key=lambda item: int(item[0].partition("/")[0])):
        port, _, protocol = inner.partition("/")
        for place in places or ():
            address, outer = str(place.get("HostIp") or ""), str(place.get("HostPort") or "")
            address = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
            text = f"{address}{outer}:{port}" if outer or address else port
            found.append(text if protocol in ("", "tcp") else f"{text}/{protocol}")
    return found


def _unnamed_volumes(inspected: Json) -> list[str]:
    host = inspected.get("HostConfig") or {}
    taken = {bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind}
    taken |= {str(mount.get("Target")) for mount in host.get("Mounts") or ()}
    return [
        f"{mount['Name']}:{mount['Destination']}"
        for mount in inspected.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Destination") not in taken and mount.get("Name")
    ]


def _endpoint(inspected: Json, found: Json) -> dict[str, Any]:
    """What the user has said of an endpoint: the rest is the engine's."""
    key = str(inspected.get("Id", ""))
    aliases = [name for name in found.get("Aliases") or () if not key.startswith(name)]
    parts = {"Aliases": aliases} | {name: found.get(name) for name in ("IPAMConfig", "Links", "DriverOpts")}
    return {name: value for name, value in parts.items() if value}
