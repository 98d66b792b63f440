"""Slipway in a home of its own, driven by its command line as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from tests.bench.openssh import Login
from vm.host import host
from vm.host.paths import Paths

START_SECONDS = 1200.0
MOUNT_SECONDS = 60.0


class Subject:
    """One installation; a context manager, at whose end nothing of it is left.

    :raise subprocess.SubprocessError: a command failed.
    """

    def __enter__(self) -> Subject:
        self.home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp")).resolve()
        self._environment = {
            **os.environ,
            "SLIPWAY_HOME": str(self.home / "s"),
            "DOCKER_CONFIG": str(self.home / "docker"),
            "KUBECONFIG": str(self.home / "kubeconfig"),
        }
        self.paths = Paths(self.home / "s", host().paths().cache)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.slipway("stop")
        shutil.rmtree(self.home)

    def slipway(self, *arguments: str) -> str:
        """Run Slipway's command line; what it prints."""
        program = Path(sys.executable).parent / "slipway"
        done = subprocess.run(
            [program, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
        if done.returncode != 0:
            raise subprocess.SubprocessError(f"slipway {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def share(self, folder: Path) -> str:
        """Share ``folder``, from the machine's start on, as it is after the day it is added; what carries it."""
        self.slipway("settings", "set", "shared_folders", str(folder))
        self.slipway("restart")
        deadline = time.monotonic() + MOUNT_SECONDS
        while True:
            for item in json.loads(self.slipway("folders", "--json")):
                if item["folder"] == str(folder) and item["state"] == "mounted":
                    return str(item["carrier"])
            if time.monotonic() > deadline:
                raise TimeoutError("the folder is not mounted within a minute")
            time.sleep(0.2)

    def status(self) -> dict[str, Any]:
        """``slipway status``, with the timings of past starts under ``boots``."""
        told: dict[str, Any] = json.loads(self.slipway("status", "--json", "--timing"))
        return {**told["status"], "boots": told["boots"]}

    @property
    def socket(self) -> Path:
        """The user's Docker socket."""
        return self.paths.docker_socket

    @property
    def qemu(self) -> psutil.Process:
        """Its QEMU."""
        return psutil.Process(self.status()["machine"]["pid"])

    @property
    def supervisor(self) -> psutil.Process:
        """Its supervisor."""
        return psutil.Process(self.status()["supervisor_pid"])

    def login(self) -> Login:
        """How OpenSSH reaches the same machine."""
        self.slipway("shell", "true")  # writes the file that pins the machine's key
        keys = self.paths.keys
        record = json.loads(self.paths.qemu_record.read_text())
        return Login(int(record["ssh_port"]), keys / "client", keys / "known_hosts")
