"""The command line of the benchmark: ``python3 -m tests.bench [PART …] [--repeat N] [--quick] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench import boots, events, idle, kubernetes, mounts, ports, ways, window, windows
from tests.bench.attempts import attempt
from tests.bench.report import Report
from tests.bench.sizes import FULL, QUICK, Sizes
from tests.bench.subject import Subject
from vm.host import host

PARTS = ("boot", "latency", "throughput", "ports", "mounts", "events", "idle", "kubernetes", "window", "windows")


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(f"… {text}", file=sys.stderr, flush=True)


def facts(subject: Subject) -> dict[str, str]:
    """What was measured where."""
    status = subject.status()
    qemu = subprocess.run([subject.qemu.cmdline()[0], "--version"], capture_output=True, text=True, check=True)
    machine = status["machine"]
    return {
        "machine": f"{machine['cpus']} CPUs, {machine['memory_mib']} MiB, {status['accelerator']['name']}",
        "QEMU": qemu.stdout.split("\n")[0],
        "engine": f"Moby {status['engine']['version']}",
        "image": machine["image"],
    }


def _measure_machine(wanted: Sequence[str], report: Report, sizes: Sizes) -> None:
    """The parts that need a machine; the one that stops it is last."""
    with Subject() as subject:
        say("the first start, which is not measured")
        subject.slipway("start")
        report.facts |= facts(subject)
        parts: dict[str, Callable[[], None]] = {
            "latency": lambda: ways.measure_latency(subject, report, sizes, say),
            "throughput": lambda: ways.measure_throughput(subject, report, sizes, say),
            "events": lambda: events.measure(subject, report, sizes, say),
            "ports": lambda: ports.measure(subject, report, sizes, say),
            "mounts": lambda: mounts.measure(subject, report, sizes, say),
            "idle": lambda: idle.measure(subject, report, sizes, say),
            "windows": lambda: windows.measure(subject, report, sizes, say),
            "kubernetes": lambda: kubernetes.measure(subject, report, sizes, say),
            "boot": lambda: boots.measure(subject, report, sizes.boots, say),
        }
        for name, measure in parts.items():
            if name in wanted:
                attempt(name, measure, report, say, tries=1)


def main(arguments: list[str]) -> int:
    """Measure, print, and return the exit code: 0 when it could be measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=(__doc__ or "").split(":")[0])
    parser.add_argument("part", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--repeat", type=int, metavar="N", help=f"boots of each machine (default {FULL.boots})")
    parser.add_argument("--quick", action="store_true", help="only see that every part works; figures say little")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.part if part not in PARTS]
    sizes = QUICK if given.quick else FULL
    if given.repeat is not None:
        sizes = replace(sizes, boots=given.repeat)
    if unknown or sizes.boots < 1:
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "--repeat has to be 1 or more")
    wanted = given.part or PARTS
    computer = f"{platform.system()} {platform.machine()}, {host().cpu_count} CPUs, {host().memory_mib} MiB"
    report = Report({"computer": computer})
    if "window" in wanted:
        attempt("window", lambda: window.measure(report, sizes, say), report, say, tries=1)
    if set(wanted) - {"window"}:
        attempt("the machine", lambda: _measure_machine(wanted, report, sizes), report, say, tries=1)
    print(report.table())
    if given.json:
        given.json.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    return 1 if report.failures else 0
