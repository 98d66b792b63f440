"""The cluster of a running machine, asked by the command line, and how tests wait for what it does."""

from __future__ import annotations

import json
import shlex
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from vm.image.kubernetes.build import DISK

ENABLE_SECONDS = 5400.0
"""For the image to be built, where it is not kept from before, and the cluster to come up under emulation."""

ANSWER_SECONDS = 1800.0
"""For what a cluster does by itself, under emulation on a busy host."""

TEST_SECONDS = 2 * ENABLE_SECONDS
"""For one test; pytest's own limit is for tests that wait for no cluster."""

MARKS = [
    pytest.mark.machine,
    pytest.mark.slow("the first run compiles Kubernetes, a quarter of an hour or more"),
    pytest.mark.timeout(TEST_SECONDS),
]

MINE = "# mine\napiVersion: v1\nkind: Config\nclusters: []\n"
"""What the user's kubeconfig has besides."""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {{name: web, image: "{image}", imagePullPolicy: Never, ports: [{{containerPort: 8080}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{type: NodePort, selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080, nodePort: 30080}}]}}
"""
"""A page at port 30080, from an image that listens at 8080."""

BIN = "/usr/lib/slipway/kubernetes/bin"

FoundT = TypeVar("FoundT")


def awaited(look: Callable[[], FoundT], seconds: float = ANSWER_SECONDS) -> FoundT:
    """What ``look`` returns, once that is true. What it looks at is another machine's."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
            problem: Exception = AssertionError(f"still {found!r}")
        except (OSError, AssertionError) as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(0.5)


def page(address: str) -> str:
    """What answers there, once something does."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://{address}/index.html", timeout=10) as reply:
            return str(reply.read().decode().strip())

    return awaited(ask)


@dataclass(frozen=True)
class Kubernetes:
    """The cluster of a machine.

    :ivar slipway: the command line.    :ivar kubeconfig: what it has for the user's.
    """

    slipway: Program
    kubeconfig: Path

    @staticmethod
    def of(machine: RunningMachine, kubeconfig: Path) -> Kubernetes:
        """That of this machine, for a user who has this kubeconfig."""
        environment = {**machine.slipway.environment, "KUBECONFIG": str(kubeconfig)}
        return Kubernetes(Program(machine.slipway.argv, environment), kubeconfig)

    def enable(self) -> str:
        """Turn it on; what that says."""
        began = time.monotonic()
        said = self.slipway("kubernetes", "enable", timeout=ENABLE_SECONDS)
        print(f"enabled in {time.monotonic() - began:.0f} s")
        return said

    def disable(self) -> None:
        """Turn it off."""
        self.slipway("kubernetes", "disable", timeout=ANSWER_SECONDS)

    @property
    def status(self) -> dict[str, Any]:
        """How it is."""
        found: dict[str, Any] = json.loads(self.slipway.run("kubernetes", "status", "--json").out)
        return found

    def await_running(self) -> dict[str, Any]:
        """Its status, once it runs again, and all of its parts."""

        def look() -> dict[str, Any]:
            found = self.status
            runs = found["state"] == "running" and {part["state"] for part in found["parts"]} == {"running"}
            return found if runs else {}

        return awaited(look)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the machine."""
        return self.slipway("kubectl", *arguments, stdin=stdin, timeout=ANSWER_SECONDS)

    def inside(self, script: str) -> str:
        """Run this in the machine."""
        return self.slipway("shell", "--", "sh", "-c", script)

    def kill(self, *parts: str) -> None:
        """End these programs of the cluster by SIGKILL."""
        names = " ".join(shlex.quote(f"{BIN}/{part}") for part in parts)
        self.inside(
            f"for name in {names}; do for process in /proc/[0-9]*; do "
            'read -r line <"$process/cmdline" || [ -n "$line" ] || continue; '
            f'case "$line" in "$name"*) kill -9 "${{process#/proc/}}";; esac; done; done 2>/dev/null'
        )


def plugged(machine: RunningMachine) -> list[str]:
    """The disks with Kubernetes that QEMU has open."""
    pid = json.loads(machine.slipway("status", "--json"))["machine"]["pid"]
    return [one.path for one in psutil.Process(pid).open_files() if one.path.endswith(DISK)]
