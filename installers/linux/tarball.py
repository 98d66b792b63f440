"""Slipway as an archive that needs nothing installed: unpack it anywhere, and start ``bin/slipway``.

Any Linux with glibc 2.36 will do (Debian 12, Ubuntu 24.04, Fedora 37 and newer), with a desktop for the window.
"""

from __future__ import annotations

from pathlib import Path

from installers.common.layout import LINUX
from installers.common.product import version
from installers.linux.archive import write_tar
from installers.linux.bundle import add_bundle
from installers.linux.share import write_share

QT_LIBRARIES = f"{LINUX.libraries}/PySide6/Qt/lib"

README = """\
Slipway {version}, for 64-bit PCs with Linux

    bin/slipway start             the engine; then: docker/docker run …
    bin/slipway menu add          an entry in the applications menu; bin/slipway open opens the window
    bin/slipway diagnose          what could be better, such as the access to /dev/kvm

Nothing has to be installed, and nothing needs root. To have the commands at hand, link to them:

    ln -s "$PWD/bin/slipway" "$PWD/docker/docker" ~/.local/bin/

To remove it: bin/slipway stop; bin/slipway menu remove; bin/slipway context restore. Then delete this folder.
Your containers, images, volumes and settings are in ~/.slipway.
"""


def build_tarball(payload: Path, target: Path, epoch: int) -> Path:
    """Make the archive in the folder ``target``; return its path.

    :param payload: the folder, completed.
    :param epoch: the time of every file, in seconds since 1970.
    :raise StepError: xz is missing or has failed.
    """
    name = f"slipway-{version()}-linux-x64"
    path = target / f"{name}.tar.xz"
    write_tar(payload, path, name, epoch)
    return path


def complete(payload: Path) -> None:
    """Add what the system need not have, then, to what :func:`installers.linux.payload.build_payload` has made.

    :raise StepError: a part cannot be had.
    """
    add_bundle(payload, QT_LIBRARIES)
    write_share(payload / "share", None)
    (payload / "README").write_text(README.format(version=version()), encoding="utf-8")
