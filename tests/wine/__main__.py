"""A Windows with Slipway installed, to try things by hand: a prompt in this terminal, ended by ``exit``.

``python3 installers/dev.py wine`` starts it, and makes first what it needs. Windows' screen is an X display of its
own, whose name is printed: xwd(1), xdotool(1) and x11vnc(1) work on it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from installers.windows.payload import build_payload
from tests.wine.windows import PATH, installed


def main() -> int:
    """Make it, show a prompt, and end everything with it; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="slipway-payload-") as folder:
        print("Making the package and a Windows for it; the first time takes half an hour …", flush=True)
        made = build_payload(Path(folder), image=False)
        with installed(made, Path(folder) / "installed") as windows:
            wine = windows.wine
            print(
                "\nThis is Windows, by Wine. slipway and docker are on its PATH; try\n"
                "  slipway start\n"
                "  docker version\n"
                "  docker load -i C:\\image.tar\n"
                "  docker run --rm slipway/busybox echo hello\n"
                "  slipway open\n"
                f"Its screen is the X display {wine.display}, its C: drive {wine.drive_c}\n"
                "`exit` ends it, and deletes all of it.\n",
                flush=True,
            )
            program = wine.popen(["cmd"], {"PATH": PATH}, stdin=0, stdout=1, stderr=2)
            while True:
                try:
                    return program.wait(3600)
                except subprocess.TimeoutExpired:
                    continue
                except KeyboardInterrupt:  # meant for a program in there, which has had it too
                    continue


if __name__ == "__main__":
    sys.exit(main())
