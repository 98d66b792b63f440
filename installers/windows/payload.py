"""All that Slipway's package for Windows installs, in one folder.

Slipway/
  Slipway.exe            opens the window
  bin/slipway.exe        the command line
  python/                Python for Windows, with the libraries in Lib/site-packages
  qemu/                  qemu-system-x86_64.exe, qemu-img.exe, their libraries, the firmware in share/
  docker/                docker.exe, and its plugins in cli-plugins/
  images/                the machine's system image
  desktop/ vm/ engine/   Slipway's own packages, with the files of the guest
  assets/
  licenses/              the licences of all parts
"""

from __future__ import annotations

from pathlib import Path

from installers.checkout.environment import ROOT
from installers.common.bytecode import compile_files
from installers.common.docker import docker_program
from installers.common.image import copy_image
from installers.common.layout import WINDOWS
from installers.common.licences import write_licences
from installers.common.product import OWN, write_metadata
from installers.common.sources import PROGRAMS, go_source
from installers.common.tree import copy_files
from installers.windows.launcher.build import launchers
from installers.windows.python import python
from installers.windows.wheels import qemu, site_packages


def build_payload(target: Path, programs: tuple[str, ...] = PROGRAMS, *, image: bool = True) -> Path:
    """Make the folder ``Slipway`` in ``target``, which must not have one; return it.

    :param programs: which of docker's programs; compose alone takes minutes to compile.
    :param image: with the machine's system image; without it, Slipway cannot start a machine.
    :raise StepError: a piece cannot be had; with the words of the client that should have brought it.
    """
    folder = target / "Slipway"
    folder.mkdir(parents=True)
    for name in OWN:
        copy_files(ROOT / name, folder / name, lambda path: "__pycache__" not in path.parts)
    compile_files(folder, "Slipway")
    (folder / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
    libraries = folder / WINDOWS.libraries
    copy_files(python(), folder / "python")
    copy_files(site_packages(), libraries)
    write_metadata(libraries)
    copy_files(qemu(), folder / "qemu")
    for name in programs:
        path = folder / "docker" / go_source(name, WINDOWS).program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(docker_program(name, WINDOWS).read_bytes())
    copy_files(launchers(), folder)
    if image:
        copy_image(folder / "images")
    write_licences(folder, programs, WINDOWS)
    return folder
