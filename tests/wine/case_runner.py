"""Runs the functions ``test_…`` of a module, as pytest would: it is not in the package for Windows.

``python -m tests.wine.case_runner MODULE [PART OF A NAME …]``
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback


def main(module: str, *parts: str) -> int:
    """Print a line for each case; the exit code."""
    cases = {
        name: case for name, case in vars(importlib.import_module(module)).items() if name.startswith("test_")
    }
    failed = 0
    for name, case in cases.items():
        if parts and not any(part in name for part in parts):
            continue
        started = time.monotonic()
        try:
            case()
        except Exception:  # noqa: BLE001 - of whatever kind, it is this case's failure
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            print(f"passed {name} ({time.monotonic() - started:.2f} s)", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
