"""compose and buildx on Windows, from the package: a build, a relative folder, a volume and a port."""

from __future__ import annotations

import shutil

from tests.localhost import free_port
from tests.wine.windows import DOCKER, IMAGE, Windows, fetched

PROJECT = r"C:\users\slipway\shop"

FILE = """
services:
  web:
    build: .
    ports: ["127.0.0.1:{port}:80"]
    volumes: ["./site:/site", "data:/data"]
    command: httpd -f -p 80 -h /site
volumes:
  data:
"""


def test_a_project_from_up_to_down(windows: Windows) -> None:
    port = free_port()
    project = windows.wine.host_path(PROJECT)
    (project / "site").mkdir(parents=True)
    (project / "site" / "index.html").write_text("here\n", encoding="utf-8")
    (project / "compose.yaml").write_text(FILE.format(port=port), encoding="utf-8")
    (project / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo built >/built\n", encoding="utf-8")
    try:
        up = windows.wine.run([DOCKER, "compose", "up", "-d", "--build"], folder=PROJECT, seconds=300)
        assert up.code == 0, up
        assert "buildx isn't installed" not in up.errors
        assert fetched(port) == "here\n"
        (project / "site" / "index.html").write_text("changed\n", encoding="utf-8")
        assert fetched(port) == "changed\n"
        inside = windows.wine.run([DOCKER, "compose", "exec", "-T", "web", "cat", "/built"], folder=PROJECT)
        assert inside.output == "built\n", inside
        assert "shop_data" in windows.docker("volume", "ls", "-q")
    finally:
        down = windows.wine.run([DOCKER, "compose", "down", "-v", "-t", "0"], folder=PROJECT, seconds=180)
        shutil.rmtree(project)
    assert down.code == 0, down
    assert "shop_data" not in windows.docker("volume", "ls", "-q")
    assert "shop-web" not in windows.docker("ps", "-a", "--format", "{{.Names}}")
