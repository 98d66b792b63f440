"""All that is the same in every package for Linux, in one folder that works wherever it is.

slipway/
  bin/slipway            the command line
  python/                Python, with the libraries in lib/python3.13/site-packages
  docker/                docker, and its plugins in cli-plugins/
  images/                the machine's system image
  desktop/ vm/ engine/   Slipway's own packages, with the files of the guest
  assets/
  licenses/              the licences of all parts
"""

from __future__ import annotations

import shutil
from pathlib import Path

from installers.checkout.environment import ROOT
from installers.common.bytecode import compile_files
from installers.common.docker import docker_program
from installers.common.image import copy_image
from installers.common.layout import LINUX
from installers.common.licences import write_licences
from installers.common.product import OWN, write_metadata
from installers.common.sources import CLIENTS, go_source
from installers.common.tree import copy_files
from installers.linux.python import PROGRAM, python
from installers.linux.wheels import site_packages

FILES = Path(__file__).with_name("files")
LAUNCHER = "bin/slipway"


def build_payload(folder: Path, programs: tuple[str, ...] = CLIENTS, *, image: bool = True) -> None:
    """Fill ``folder``, which must not be there.

    :param programs: which of docker's programs; compose alone takes minutes to compile.
    :param image: with the machine's system image; without it, Slipway cannot start a machine.
    :raise StepError: a piece cannot be had; with the words of the client that should have brought it.
    """
    folder.mkdir(parents=True)
    for name in OWN:
        copy_files(ROOT / name, folder / name, lambda path: "__pycache__" not in path.parts)
    compile_files(folder, "Slipway")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    copy_files(python(), folder / "python")
    copy_files(site_packages(), folder / LINUX.libraries)
    write_metadata(folder / LINUX.libraries)
    make_executable(folder / "python" / PROGRAM)
    for name in programs:
        path = folder / "docker" / go_source(name, LINUX).program
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(docker_program(name, LINUX), path)
        make_executable(path)
    (folder / LAUNCHER).parent.mkdir()
    shutil.copyfile(FILES / "slipway", folder / LAUNCHER)
    make_executable(folder / LAUNCHER)
    if image:
        copy_image(folder / "images")
    write_licences(folder, programs, LINUX)


def make_executable(path: Path) -> None:
    """Let everybody run a program."""
    path.chmod(0o755)
