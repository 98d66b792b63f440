"""A Windows on which Slipway is installed, with its machine: what docker.exe and slipway.exe do there."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from installers.checkout import system
from installers.common.image import copy_image
from tests.e2e import images
from tests.wine.prefix import fresh_prefix
from tests.wine.system import Completed, WineSystem

INSTALLED = r"C:\Program Files\Slipway"
"""Where the payload is, read-only as it is for users of Windows."""

CLI = rf"{INSTALLED}\bin\slipway.exe"
DOCKER = rf"{INSTALLED}\docker\docker.exe"
PATH = rf"{INSTALLED}\bin;{INSTALLED}\docker"
PYTHON = rf"{INSTALLED}\python\python.exe"
IMAGE = "slipway/busybox:latest"
START_SECONDS = 600.0
"""A boot in emulation of an emulated Windows' QEMU."""


class Windows:
    """A Windows on which Slipway is installed."""

    def __init__(self, wine: WineSystem) -> None:
        self.wine = wine

    def slipway(self, *arguments: str, seconds: float = START_SECONDS) -> Completed:
        done = self.wine.run([CLI, *arguments], seconds=seconds)
        assert done.code == 0, (arguments, done)
        return done

    def docker(self, *arguments: str, given: bytes = b"", seconds: float = 120) -> str:
        done = self.wine.run([DOCKER, *arguments], given=given, seconds=seconds)
        assert done.code == 0, (arguments, done)
        return done.output

    def status(self) -> dict[str, Any]:
        """Also of a Slipway that does not run, which its exit code says."""
        told: dict[str, Any] = json.loads(self.wine.run([CLI, "status", "--json"], seconds=START_SECONDS).output)
        return told

    def end(self, pid: int) -> None:
        """As the Task Manager ends a process."""
        done = self.wine.run(["taskkill", "/f", "/pid", str(pid)])
        assert done.code == 0, done


@contextmanager
def started(payload: Path, folder: Path) -> Iterator[Windows]:
    """Slipway has been :func:`installed` and started, and has the image of busybox."""
    with installed(payload, folder) as made:
        made.slipway("start")
        made.docker("load", "-i", r"C:\image.tar")
        yield made
        made.slipway("stop")


@contextmanager
def installed(payload: Path, folder: Path) -> Iterator[Windows]:
    """Slipway has been installed there, with the machine's image; an image of busybox is in ``C:\\image.tar``.

    :param payload: the package without the machine's image.    :param folder: for a copy of it that has one.
    """
    complete = folder / "payload"
    shutil.copytree(payload, complete, copy_function=os.link)
    copy_image(complete / "images")
    busybox = system.find_static_busybox()
    assert busybox is not None
    with WineSystem(fresh_prefix(), {complete: INSTALLED}) as wine:
        layer = images.busybox_layer(busybox, images.applets(busybox))
        images.write_archive(wine.drive_c / "image.tar", layer, "amd64", IMAGE)
        yield Windows(wine)


def fetched(port: int) -> str:
    """What a web server at 127.0.0.1 answers, once it does."""
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.2)
