"""Images with a program of the host's and the libraries it is linked with, where busybox has no such program."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

from installers.checkout import system
from tests.e2e.cli import Program
from tests.e2e.images import add_file

SOCAT_IMAGE = "slipway/socat:latest"


def libraries(program: Path) -> list[Path]:
    """The shared libraries of a program and its loader, at the paths where it looks for them (ldd(1))."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listed.stdout)]


def socat_image(docker: Program, base: str) -> str:
    """Build an image with socat, which can speak to Unix sockets; its name."""
    found = system.find_program("socat")
    assert found, "socat is missing: python3 installers/dev.py setup"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        add_file(tar, "Dockerfile", f"FROM {base}\nCOPY root /\n".encode(), 0o644)
        add_file(tar, "root/bin/socat", Path(found).read_bytes(), 0o755)
        for path in libraries(Path(found)):
            add_file(tar, f"root{path}", path.read_bytes(), 0o755)
    docker("build", "-q", "-t", SOCAT_IMAGE, "-", stdin=context.getvalue())
    return SOCAT_IMAGE
