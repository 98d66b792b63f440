"""A container as a ``docker run`` line and as a compose file, to copy.

What the image says is left out; so is what dockerd's own settings decide. Source: ``docker run --help`` and the
Compose Specification.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from desktop.ui.models.recreate import BUILT_IN, COMPOSE_LABELS, Json, memory_text, own_config, port_texts

SHM_SIZE = 64 * 2**20
"""Bytes of /dev/shm that dockerd gives by default."""

LISTS = (
    ("CapAdd", "--cap-add", "cap_add"),
    ("CapDrop", "--cap-drop", "cap_drop"),
    ("Dns", "--dns", "dns"),
    ("DnsSearch", "--dns-search", "dns_search"),
    ("DnsOptions", "--dns-option", "dns_opt"),
    ("ExtraHosts", "--add-host", "extra_hosts"),
    ("SecurityOpt", "--security-opt", "security_opt"),
    ("GroupAdd", "--group-add", "group_add"),
    ("VolumesFrom", "--volumes-from", "volumes_from"),
)
FLAGS = (
    ("Privileged", "--privileged", "privileged"),
    ("ReadonlyRootfs", "--read-only", "read_only"),
    ("Init", "--init", "init"),
    ("OomKillDisable", "--oom-kill-disable", "oom_kill_disable"),
)
NAMESPACES = (
    ("PidMode", "--pid", "pid"),
    ("IpcMode", "--ipc", "ipc"),
    ("UTSMode", "--uts", "uts"),
    ("UsernsMode", "--userns", "userns_mode"),
)
"""Of the API's HostConfig, of docker run, and of compose."""

NANO = 1_000_000_000


class _Parts:
    """What both kinds of text are made of."""

    def __init__(self, inspected: Json, image: Json) -> None:
        self.own = own_config(inspected, image)
        self.host: Json = inspected.get("HostConfig") or {}
        self.name = str(inspected.get("Name") or "").lstrip("/")
        self.image = str((inspected.get("Config") or {}).get("Image") or "")
        mode = str(self.host.get("NetworkMode") or "")
        self.network = "" if mode in ("default", "bridge", "nat") else mode
        labels = self.own.get("Labels") or {}
        self.labels = {key: value for key, value in labels.items() if not key.startswith(COMPOSE_LABELS)}
        self.restart = str((self.host.get("RestartPolicy") or {}).get("Name") or "no")
        retries = (self.host.get("RestartPolicy") or {}).get("MaximumRetryCount")
        self.restart += f":{retries}" if retries else ""
        self.endpoint: Json = ((inspected.get("NetworkSettings") or {}).get("Networks") or {}).get(mode) or {}
        key = str(inspected.get("Id") or "")
        self.aliases = [one for one in self.endpoint.get("Aliases") or () if not key.startswith(one)]

    def ulimits(self) -> Iterable[tuple[str, int, int]]:
        for one in self.host.get("Ulimits") or ():
            yield one["Name"], one["Soft"], one["Hard"]

    def devices(self) -> list[str]:
        return [
            ":".join((one["PathOnHost"], one["PathInContainer"], one.get("CgroupPermissions") or "rwm"))
            for one in self.host.get("Devices") or ()
        ]


def docker_run(inspected: Json, image: Json) -> str:
    """A line for a POSIX shell."""
    parts = _Parts(inspected, image)
    own, host = parts.own, parts.host
    interactive = ("-i" if own.get("OpenStdin") else "") + ("t" if own.get("OpenStdin") and own.get("Tty") else "")
    words = ["docker", "run", "-d", *([interactive] if interactive else [])]
    words += ["-t"] if own.get("Tty") and not own.get("OpenStdin") else []

    def option(name: str, value: object) -> None:
        if value not in (None, "", 0):
            words.extend((name, str(value)))

    option("--name", parts.name)
    words += ["--rm"] if host.get("AutoRemove") else []
    option("--network", parts.network)
    for alias in parts.aliases if parts.network not in BUILT_IN else ():
        option("--network-alias", alias)
    address = parts.endpoint.get("IPAMConfig") or {}
    option("--ip", address.get("IPv4Address"))
    option("--ip6", address.get("IPv6Address"))
    option("--restart", "" if parts.restart == "no" else parts.restart)
    option("--hostname", own.get("Hostname"))
    option("--user", own.get("User"))
    option("--workdir", own.get("WorkingDir"))
    for text in port_texts(host.get("PortBindings") or {}):
        option("-p", text)
    words += ["-P"] if host.get("PublishAllPorts") else []
    for bind in (*(host.get("Binds") or ()), *(own.get("Volumes") or ())):
        option("-v", bind)
    for mount in host.get("Mounts") or ():
        option("--mount", _mount(mount))
    for path, options in (host.get("Tmpfs") or {}).items():
        option("--tmpfs", f"{path}:{options}" if options else path)
    for item in own.get("Env") or ():
        option("-e", item)
    for key, value in parts.labels.items():
        option("--label", f"{key}={value}" if value else key)
    _limits(parts, option)
    for name, word, _ in LISTS:
        for item in host.get(name) or ():
            option(word, item)
    words += [word for name, word, _ in FLAGS if host.get(name)]
    for device in parts.devices():
        option("--device", device)
    for name, soft, hard in parts.ulimits():
        option("--ulimit", f"{name}={soft}:{hard}")
    for key, value in (host.get("Sysctls") or {}).items():
        option("--sysctl", f"{key}={value}")
    for name, word, _ in NAMESPACES:
        option(word, _namespace(host, name))
    health = own.get("Healthcheck") or {}
    words += ["--no-healthcheck"] if health.get("Test") == ["NONE"] else []
    _health(health, option)
    _log(host.get("LogConfig") or {}, option)
    option("--stop-signal", own.get("StopSignal"))
    option("--stop-timeout", own.get("StopTimeout"))
    entrypoint = list(own.get("Entrypoint") or ())
    option("--entrypoint", entrypoint[0] if entrypoint else "")
    return shlex.join([*words, parts.image, *entrypoint[1:], *(own.get("Cmd") or ())])


def _limits(parts: _Parts, option: Any) -> None:
    host = parts.host
    option("--cpus", f"{host['NanoCpus'] / NANO:g}" if host.get("NanoCpus") else "")
    option("--cpuset-cpus", host.get("CpusetCpus"))
    option("--cpu-shares", host.get("CpuShares"))
    option("--memory", memory_text(int(host.get("Memory") or 0)))
    option("--memory-swap", host["MemorySwap"] if _has_own_swap(host) else "")
    option("--memory-reservation", memory_text(int(host.get("MemoryReservation") or 0)))
    option("--shm-size", _shm_size(host))
    option("--pids-limit", host.get("PidsLimit"))


def _has_own_swap(host: Json) -> bool:
    """By default it is as much as the memory."""
    return int(host.get("MemorySwap") or 0) not in (0, 2 * int(host.get("Memory") or 0))


def _shm_size(host: Json) -> str:
    size = int(host.get("ShmSize") or 0)
    return "" if size == SHM_SIZE else memory_text(size)


def _namespace(host: Json, name: str) -> str:
    mode = str(host.get(name) or "")
    return "" if mode in ("private", "shareable") else mode


def _health(check: Json, option: Any) -> None:
    test = list(check.get("Test") or ())
    option("--health-cmd", test[1] if test[:1] == ["CMD-SHELL"] else shlex.join(test[1:]))
    for name, word in (("Interval", "interval"), ("Timeout", "timeout"), ("StartPeriod", "start-period")):
        option(f"--health-{word}", f"{check[name] / NANO:g}s" if check.get(name) else "")
    option("--health-retries", check.get("Retries"))


def _log(config: Json, option: Any) -> None:
    """The driver is dockerd's own where the container has no options for it."""
    options = config.get("Config") or {}
    if options:
        option("--log-driver", config.get("Type"))
    for key, value in options.items():
        option("--log-opt", f"{key}={value}")


def _mount(mount: Json) -> str:
    words = [f"type={mount.get('Type')}"]
    words += [f"source={mount['Source']}"] if mount.get("Source") else []
    words += [f"target={mount.get('Target')}"] + (["readonly"] if mount.get("ReadOnly") else [])
    return ",".join(words)


def compose_file(inspected: Json, image: Json) -> str:
    """A compose file with one service. Its volumes and networks are those that there are."""
    parts = _Parts(inspected, image)
    own, host = parts.own, parts.host
    service: dict[str, Any] = {
        "image": parts.image,
        "container_name": parts.name,
        "command": own.get("Cmd"),
        "entrypoint": own.get("Entrypoint"),
        "hostname": own.get("Hostname"),
        "user": own.get("User"),
        "working_dir": own.get("WorkingDir"),
        "ports": port_texts(host.get("PortBindings") or {}),
        "volumes": [
            *(host.get("Binds") or ()),
            *(own.get("Volumes") or ()),
            *map(_compose_mount, host.get("Mounts") or ()),
        ],
        "tmpfs": [f"{path}:{text}" if text else path for path, text in (host.get("Tmpfs") or {}).items()],
        "environment": own.get("Env"),
        "labels": parts.labels,
        "restart": "" if parts.restart == "no" else parts.restart,
        "tty": own.get("Tty"),
        "stdin_open": own.get("OpenStdin"),
        "cpus": (host.get("NanoCpus") or 0) / NANO,
        "mem_limit": memory_text(int(host.get("Memory") or 0)),
        "memswap_limit": host.get("MemorySwap") if _has_own_swap(host) else "",
        "mem_reservation": memory_text(int(host.get("MemoryReservation") or 0)),
        "shm_size": _shm_size(host),
        "cpuset": host.get("CpusetCpus"),
        "cpu_shares": host.get("CpuShares"),
        "pids_limit": host.get("PidsLimit"),
        "devices": parts.devices(),
        "ulimits": {name: {"soft": soft, "hard": hard} for name, soft, hard in parts.ulimits()},
        "sysctls": host.get("Sysctls"),
        "stop_signal": own.get("StopSignal"),
        "stop_grace_period": f"{own['StopTimeout']}s" if own.get("StopTimeout") else "",
        "healthcheck": _compose_health(own.get("Healthcheck") or {}),
    }
    service |= {word: host.get(name) for name, _, word in (*LISTS, *FLAGS)}
    service |= {word: _namespace(host, name) for name, _, word in NAMESPACES}
    log = host.get("LogConfig") or {}
    service["logging"] = {"driver": log.get("Type"), "options": log["Config"]} if log.get("Config") else {}
    whole: dict[str, Any] = {"services": {parts.name or "service": service}}
    if parts.network in BUILT_IN or ":" in parts.network:
        service["network_mode"] = parts.network
    else:
        service["networks"] = [parts.network] if parts.network else []
        whole["networks"] = {parts.network: {"external": True}} if parts.network else {}
    named = [bind.partition(":")[0] for bind in host.get("Binds") or () if not bind.startswith(("/", "."))]
    named += [mount["Source"] for mount in host.get("Mounts") or () if mount.get("Type") == "volume"]
    whole["volumes"] = {name: {"external": True} for name in dict.fromkeys(named)}
    return "\n".join(_yaml(whole, 0)) + "\n"


def _compose_mount(mount: Json) -> dict[str, Any]:
    values = {"type": mount.get("Type"), "source": mount.get("Source"), "target": mount.get("Target")}
    return values | ({"read_only": True} if mount.get("ReadOnly") else {})


def _compose_health(check: Json) -> dict[str, Any]:
    found: dict[str, Any] = {"test": check.get("Test"), "retries": check.get("Retries")}
    for name, word in (("Interval", "interval"), ("Timeout", "timeout"), ("StartPeriod", "start_period")):
        found[word] = f"{check[name] / NANO:g}s" if check.get(name) else ""
    return {name: value for name, value in found.items() if value}


def _yaml(values: Mapping[str, Any], depth: int) -> Iterable[str]:
    """Block style, without what is empty; scalars are JSON, which YAML contains (YAML 1.2.2, 1.2)."""
    indent = "  " * depth
    for key, value in values.items():
        if value in (None, "", 0, False) or (isinstance(value, list | dict | tuple) and not value):
            continue
        if isinstance(value, Mapping):
            yield f"{indent}{_key(key)}:"
            yield from _yaml(value, depth + 1)
        elif isinstance(value, list | tuple):
            yield f"{indent}{_key(key)}:"
            yield from (f"{indent}  - {_scalar(item)}" for item in value)
        else:
            yield f"{indent}{_key(key)}: {_scalar(value)}"


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _scalar(value: object) -> str:
    """Compose replaces variables, so that a dollar sign is written twice."""
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")
