"""Every shell script, the guest's too, passes shellcheck."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

FOLDERS = ("vm", "engine", "installers", "tests", ".ci")
SHEBANGS = (b"#!/bin/sh", b"#!/usr/bin/env bash", b"#!/bin/bash", b"#!/bin/busybox sh")


def scripts() -> list[Path]:
    """Files that begin like a shell script."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix != ".py":
                with path.open("rb") as stream:
                    if stream.readline().rstrip().startswith(SHEBANGS):
                        found.append(path)
    return found


def test_the_guests_scripts_are_among_them() -> None:
    names = {str(path.relative_to(ROOT)) for path in scripts()}
    assert {"vm/image/initramfs/init", "engine/rootfs/etc/sv/dockerd/run", ".ci/run"} <= names


@pytest.mark.parametrize("script", scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_shellcheck(script: Path) -> None:
    program = shutil.which("shellcheck")
    assert program, "shellcheck is missing: python3 installers/dev.py setup"
    first = script.read_text().splitlines()[0]
    shell = "bash" if "bash" in first else "dash"  # the guest's own is BusyBox ash, of the same family
    checked = subprocess.run([program, "-s", shell, "-x", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"\n{checked.stdout}"
