"""Runs the benchmark as one does, only quickly: for tests that its parts work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1800.0


def measure_quickly(folder: Path, *parts: str) -> dict[str, Any]:
    """Measure these parts; the figures.

    :param folder: an empty one, for the file of figures.
    :raise AssertionError: something could not be measured; with all that was printed.
    """
    figures = folder / "figures.json"
    argv = [sys.executable, "-m", "tests.bench", "--quick", "--json", str(figures), *parts]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(figures.read_text())
    assert told["failures"] == []
    return told
