"""``python -m installers.windows FOLDER``: make the payload there, and print its parts' sizes and its hash."""

from __future__ import annotations

import argparse
from pathlib import Path

from installers.checkout.console import StepError, say
from installers.common.tree import tree_bytes, tree_hash
from installers.windows.payload import build_payload


def main() -> int:
    """Make the payload; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m installers.windows", description="Files for Windows.")
    parser.add_argument("folder", type=Path, help="where to make the folder Slipway")
    try:
        made = build_payload(parser.parse_args().folder)
    except StepError as error:
        say(f"\n{error}")
        return 1
    for part in sorted(made.iterdir()):
        size = tree_bytes(part) if part.is_dir() else part.stat().st_size
        print(f"{size / 1e6:8.1f} MB  {part.name}")
    print(f"sha256:{tree_hash(made)}  {made}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
