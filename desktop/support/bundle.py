"""The support bundle: the state of an installation for a bug report, as texts without secrets. Nothing is sent."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from desktop.control.codec import dump
from desktop.control.schema import Boot, BundleFile, Check, ContextReport, LogPart
from desktop.diagnostics import diagnose
from desktop.diagnostics.base import Context
from desktop.settings.schema import SettingsError
from desktop.support.redact import Redactor
from engine.client import EngineClient
from engine.contexts import Contexts
from vm.errors import UserError

MAX_LOG_BYTES = 512 * 1024
"""Bytes of each log, from its end."""

GUEST_LOGS = ("dockerd", "containerd", "sshd")
TIMEOUT = 20.0
"""Seconds for each file of the bundle."""

RELEVANT_PREFIXES = ("SLIPWAY_", "DOCKER_", "XDG_", "QT_", "LC_", "WAYLAND_")
RELEVANT_NAMES = ("PATH", "LANG", "DISPLAY", "SHELL", "TERM", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
"""Environment variables that affect Slipway; others are left out."""

GuestLog = Callable[[str, int], Awaitable[LogPart]]


async def collect(
    context: Context, docker: Awaitable[ContextReport], boots: Sequence[Boot], log: GuestLog
) -> list[BundleFile]:
    """Collect all files of the bundle; one that is not available contains the reason instead.

    :param docker: the docker command's context.    :param boots: past starts.
    :param log: reads a log of an engine's.
    """
    settings = context.settings
    both = [] if isinstance(settings, SettingsError) else [settings.daemon, settings.windows_daemon]
    proxies = [text for daemon in both for text in _texts(daemon)]
    redact = Redactor.of(context.environment, *proxies)
    parts: list[tuple[str, Awaitable[str]]] = [
        ("about.txt", _now(_about(context))),
        ("diagnosis.txt", _diagnosis(context)),
        ("status.json", _now(_json(dump(context.status)))),
        ("settings.json", _now(_settings(context))),
        ("environment.txt", _now(_environment(context))),
        ("starts.json", _now(_json(dump(boots)))),
        ("docker/context.json", _docker(docker)),
        ("docker/config.json", asyncio.to_thread(_docker_config, context)),
        ("engine/version.json", _engine(context, "version")),
        ("engine/info.json", _engine(context, "info")),
        ("machine/qemu.json", asyncio.to_thread(_tail, context.paths.qemu_record)),
        *((f"logs/{path.name}", asyncio.to_thread(_tail, path)) for path in _logs(context)),
        *((f"machine/{name}.log", _engine_log(name, log)) for name in GUEST_LOGS),
        *((f"logs/{name}-engine.log", _engine_log(name, log)) for name in _native_engines(context)),
    ]
    texts = await asyncio.gather(*(_or_reason(part) for _, part in parts))
    home = str(Path.home())
    shorten = (lambda text: text.replace(home, "~")) if len(home) > 1 else str
    names = [name for name, _ in parts]
    shown = await asyncio.to_thread(lambda: [shorten(redact(text)) for text in texts])
    return [BundleFile(name, text) for name, text in zip(names, shown, strict=True)]


async def _or_reason(part: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(TIMEOUT):
            return await part
    except TimeoutError:
        return f"(not available within {TIMEOUT:.0f} s)\n"
    except UserError as error:
        return f"(not available: {error.message})\n"
    except OSError as error:
        return f"(not available: {error.strerror})\n"


async def _now(text: str) -> str:
    return text


def _about(context: Context) -> str:
    computer = context.host
    lines = {
        "Slipway": importlib.metadata.version("slipway"),
        "Collected": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "System": platform.platform(),
        "Python": platform.python_version(),
        "Processors": computer.cpu_count,
        "Memory": f"{computer.memory_mib} MiB",
        "Free": f"{computer.free_bytes(context.paths.home) / 1e9:.1f} GB",
        "Home": context.paths.home,
    }
    return "".join(f"{name + ':':<12} {value}\n" for name, value in lines.items())


async def _diagnosis(context: Context) -> str:
    return "\n".join(_line(check) for check in await diagnose(context)) + "\n"


def _line(check: Check) -> str:
    mark = {True: "ok", False: "NOT OK", None: "–"}[check.passed]
    return f"{mark:<7} {check.description}: {check.found}" + (f"\n        → {check.fix}" if check.fix else "")


def _settings(context: Context) -> str:
    if isinstance(context.settings, SettingsError):
        return f"{context.settings.message}\n{context.settings.detail}\n"
    return _json(context.settings.to_json())


def _environment(context: Context) -> str:
    shown = {
        name: value
        for name, value in sorted(context.environment.items())
        if name.upper().startswith(RELEVANT_PREFIXES) or name.upper() in RELEVANT_NAMES
    }
    return "".join(f"{name}={value}\n" for name, value in shown.items())


async def _docker(report: Awaitable[ContextReport]) -> str:
    return _json(dump(await report))


def _docker_config(context: Context) -> str:
    """Docker's configuration; of logins only the names of their registries."""
    settings = Contexts(context.paths.contexts, context.environment).store.settings()
    if isinstance(settings.get("auths"), dict):
        settings["auths"] = sorted(settings["auths"])
    settings.pop("HttpHeaders", None)
    return _json(settings)


async def _engine(context: Context, path: str) -> str:
    async with EngineClient(context.paths.docker_socket) as client:
        return _json(dump(await getattr(client, path)()))


def _native_engines(context: Context) -> list[str]:
    """Those that are not in the machine, and can be used here."""
    return [one.name for one in context.status.engines if one.name != "linux" and not one.obstacle]


async def _engine_log(source: str, log: GuestLog) -> str:
    text, place = "", 0
    while True:
        part = await log(source, place)
        if not part.text:
            return text
        text, place = (text + part.text)[-MAX_LOG_BYTES:], part.next


def _logs(context: Context) -> list[Path]:
    """All logs on the host, including those of the console and of QEMU."""
    return sorted(
        path for path in context.paths.logs.glob("*") if path.is_file() and not path.name.startswith(".")
    )


def _tail(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - MAX_LOG_BYTES))
        return stream.read().decode(errors="replace")


def _texts(value: Any) -> list[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if hasattr(value, "values") else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
