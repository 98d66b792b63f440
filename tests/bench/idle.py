"""What an idle machine costs: processor time and memory of QEMU and of the supervisor."""

from __future__ import annotations

import time

import psutil

from tests.bench.attempts import Say
from tests.bench.report import Report, Row
from tests.bench.sizes import Sizes
from tests.bench.subject import Subject


def measure(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """Watch both idle processes, once the work that the start left has been done."""
    processes = {"QEMU": subject.qemu, "supervisor": subject.supervisor}
    say(f"idle: {sizes.settle:.0f} s to settle, {sizes.watch:.0f} s of watching")
    time.sleep(sizes.settle)
    before = {name: _busy(process) for name, process in processes.items()}
    began = time.monotonic()
    time.sleep(sizes.watch)
    took = time.monotonic() - began
    for name, process in processes.items():
        used = (_busy(process) - before[name]) / took * 100
        report.rows.append(Row("idle", f"{name}: processor", "% of one", used))
        report.rows.append(Row("idle", f"{name}: memory (RSS)", "MB", process.memory_info().rss / 1e6))


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
