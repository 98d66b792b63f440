"""What an idle machine costs: processor time and memory of QEMU and of the supervisor."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from tests.bench.report import Report, Row
from tests.bench.subject import Subject

SETTLE = 20.0
"""Seconds for what the start and the benchmark left to do."""

SECONDS = 60.0


def measure(subject: Subject, report: Report, say: Callable[[str], None]) -> None:
    """Watch both processes for a minute in which nobody asks anything."""
    processes = {"QEMU": subject.qemu, "supervisor": subject.supervisor}
    say(f"idle: {SETTLE:.0f} s to settle, {SECONDS:.0f} s of watching")
    time.sleep(SETTLE)
    before = {name: _busy(process) for name, process in processes.items()}
    began = time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    for name, process in processes.items():
        used = (_busy(process) - before[name]) / took * 100
        report.rows.append(Row("idle", f"{name}: processor", "% of one", used))
        report.rows.append(Row("idle", f"{name}: memory (RSS)", "MB", process.memory_info().rss / 1e6))


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
