"""Which part of the shipped lines the tests run: a table by package. It informs; no number is a condition.

Only the processes of the tests themselves are measured. What runs in a process of its own (the supervisor of the
machine's tests, the SFTP daemon) counts as not run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from installers.checkout import environment

DEPTH = 2
"""Folders in a package's name: ``vm/guest``, ``desktop/ui``; what is deeper counts with those."""


def coverage_table(data: Path) -> list[str]:
    """The table from coverage.py's data file, or one line that says why there is none."""
    report = data.with_suffix(".json")
    argv = [environment.program("python"), "-m", "coverage", "json", "--quiet", "-o", report]
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=environment.ROOT,
        env={**os.environ, "COVERAGE_FILE": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return [f"no coverage: {(done.stdout + done.stderr).strip()}"]
    return by_package(json.loads(report.read_text(encoding="utf-8")))


def by_package(report: dict[str, Any]) -> list[str]:
    """The table from coverage.py's JSON report."""
    lines: Counter[str] = Counter()
    run: Counter[str] = Counter()
    for name, file in report["files"].items():
        package = "/".join(Path(name).parts[:-1][:DEPTH])
        for key in (package, "all"):
            lines[key] += file["summary"]["num_statements"]
            run[key] += file["summary"]["covered_lines"]
    names = [*sorted(name for name in lines if name != "all" and lines[name]), "all"]
    width = max(len(name) for name in names)
    head = ["statements, and how many of them the tests run:"]
    return head + [f"  {name:{width}} {lines[name]:6}  {run[name] / max(lines[name], 1):4.0%}" for name in names]
