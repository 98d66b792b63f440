"""What a developer needs to see of a supervisor that misbehaves: its process, tasks, gate, streams and parts.

``slipway debug`` prints it. It holds no secrets.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from desktop.supervisor.lifecycle.lifecycle import Lifecycle
from desktop.supervisor.parts.registry import PartRegistry
from engine.endpoint import Endpoint

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Debug:
    """The supervisor of this process."""

    lifecycle: Lifecycle
    parts: PartRegistry
    endpoint: Endpoint

    def report(self) -> dict[str, Any]:
        """Its state as plain JSON."""
        job, gate = self.lifecycle.job, self.lifecycle.opening
        return debug_report(
            phase=self.lifecycle.phase.value,
            job=None if job is None else {"name": job.name, "stage": job.stage},
            gate={
                "route": None if gate.route is None else gate.route.name,
                "error": None if gate.error is None else gate.error.message,
                "reason": gate.reason,
                "waiting": self.endpoint.waiting,
            },
            streams={**asdict(self.endpoint.stats), "open": self.endpoint.connections},
            parts=[asdict(part) for part in self.parts.report()],
        )


def debug_report(**more: Any) -> dict[str, Any]:
    """The state of this process and of the event loop that runs this, as plain JSON.

    :param more: what the caller knows besides: streams, the gate, queues, the parts' health.
    """
    return {"process": _process(), "tasks": _tasks(), "threads": _threads(), **more}


def _process() -> dict[str, Any]:
    process, loop = psutil.Process(), asyncio.get_running_loop()
    with process.oneshot():
        times = process.cpu_times()
        return {
            "pid": os.getpid(),
            "python": sys.version.split()[0],
            "loop": type(loop).__module__,
            "seconds": round(time.time() - process.create_time(), 1),
            "cpu_seconds": round(times.user + times.system, 2),
            "memory": process.memory_info().rss,
            "descriptors": _either(process, "num_fds", "num_handles")(),
            "children": [child.pid for child in process.children()],
        }


def _tasks() -> list[dict[str, Any]]:
    """Every task: its name, and the chain of awaits down to where it waits."""
    tasks = sorted(asyncio.all_tasks(), key=asyncio.Task.get_name)
    return [{"name": task.get_name(), "awaits": _awaits(task.get_coro())} for task in tasks]


def _awaits(coroutine: object) -> list[str]:
    """The lines at which ``coroutine`` and what it awaits are suspended, outermost first.

    See “Inspect live objects” of the standard library's ``inspect``: cr is a coroutine, ag an asynchronous
    generator, gi a generator. The step of an asynchronous generator has no attribute that leads to it.
    """
    lines = []
    while coroutine is not None:
        frame = _either(coroutine, "cr_frame", "ag_frame", "gi_frame")
        if frame is not None:
            lines.append(_line(frame))
            coroutine = _either(coroutine, "cr_await", "ag_await", "gi_yieldfrom")
        else:
            coroutine = next(filter(inspect.isasyncgen, gc.get_referents(coroutine)), None)
    return lines


def _either(of: object, *names: str) -> Any:
    return next((value for name in names if (value := getattr(of, name, None)) is not None), None)


def _line(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return f"{shown}:{frame.f_lineno} {frame.f_code.co_qualname}"


def _threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate())
