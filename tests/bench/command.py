"""The command line of the benchmark: ``python3 -m tests.bench [PART …] [--repeat N] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import boots, events, idle, mounts, ports, ways, window
from tests.bench.report import Report
from tests.bench.subject import Subject
from vm.errors import UserError
from vm.host import host

PARTS = ("boot", "latency", "throughput", "ports", "mounts", "events", "idle", "window")


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


def _measure_machine(wanted: Sequence[str], report: Report, repeat: int) -> None:
    """The parts that need a machine."""
    with Subject() as subject:
        say("the first start, which is not measured")
        subject.slipway("start")
        report.facts |= facts(subject)
        if "latency" in wanted:
            ways.measure_latency(subject, report, say)
        if "throughput" in wanted:
            ways.measure_throughput(subject, report, say)
        if "events" in wanted:
            events.measure(subject, report, say)
        if "ports" in wanted:
            ports.measure(subject, report, say)
        if "mounts" in wanted:
            mounts.measure(subject, report, say)
        if "idle" in wanted:
            idle.measure(subject, report, say)
        if "boot" in wanted:
            boots.measure(subject, report, repeat, say)


def main(arguments: list[str]) -> int:
    """Measure, print, and return the exit code: 0 when it could be measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=(__doc__ or "").split(":")[0])
    parser.add_argument("part", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="boots of each machine (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.part if part not in PARTS]
    if unknown or given.repeat < 1:
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "--repeat has to be 1 or more")
    wanted = given.part or PARTS
    computer = f"{platform.system()} {platform.machine()}, {host().cpu_count} CPUs, {host().memory_mib} MiB"
    report = Report({"computer": computer})
    try:
        if "window" in wanted:
            window.measure(report, say)
        if set(wanted) - {"window"}:
            _measure_machine(wanted, report, given.repeat)
    except (UserError, subprocess.SubprocessError, OSError) as error:
        print(f"The benchmark could not go on: {str(error)[:2000]}", file=sys.stderr)
        failed = True
    else:
        failed = False
    if report.rows:  # what was measured before a failure took its time, too
        print(report.table())
        if given.json:
            given.json.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    return int(failed)
