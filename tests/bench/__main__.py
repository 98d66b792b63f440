"""``python3 -m tests.bench``: goes on in the checkout's own environment when this Python lacks the packages."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parents[2] / ".venv"


def main() -> int:
    """Run the benchmark here, or in ``.venv``, which ``installers/dev.py`` makes."""
    if importlib.util.find_spec("qemu") and importlib.util.find_spec("psutil"):
        from tests.bench.command import main as measure

        return measure(sys.argv[1:])
    python = OWN / "bin" / "python"
    if Path(sys.prefix) == OWN or not python.exists():
        print("The benchmark needs Slipway's environment: python3 installers/dev.py setup", file=sys.stderr)
        return 1
    return subprocess.call([python, "-m", "tests.bench", *sys.argv[1:]])


if __name__ == "__main__":
    raise SystemExit(main())
