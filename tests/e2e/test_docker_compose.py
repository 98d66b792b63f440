"""``docker compose`` up and down: two services that find each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cli import Program

pytestmark = pytest.mark.machine


def test_up_and_down(docker: Program, busybox: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    project = {
        "name": name,
        "services": {
            "web": {
                "image": busybox,
                "pull_policy": "never",
                "command": ["sh", "-c", "mkdir /www && echo hello > /www/index.html && httpd -f -p 80 -h /www"],
                "healthcheck": {
                    "test": ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1/"],
                    "interval": "1s",
                    "timeout": "20s",
                    "retries": 100,
                },
                "stop_signal": "KILL",
            },
            "asks": {
                "image": busybox,
                "pull_policy": "never",
                "command": ["wget", "-q", "-O", "-", "http://web/"],
                "depends_on": {"web": {"condition": "service_healthy"}},
            },
        },
    }
    file.write_text(json.dumps(project))
    compose = ("compose", "-f", str(file))
    try:
        docker(*compose, "up", "-d")
        assert docker(*compose, "wait", "asks").endswith("0")
        assert "hello" in docker(*compose, "logs", "asks")
        states = [json.loads(line) for line in docker(*compose, "ps", "-a", "--format", "json").splitlines()]
        assert {state["Service"]: state["State"] for state in states} == {"web": "running", "asks": "exited"}
    finally:
        docker(*compose, "down", "--volumes", "--timeout", "2")
    assert docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={name}") == ""
    assert docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={name}") == ""
