"""Slipway as a Debian package, for Debian 12 and 13, Ubuntu 24.04, and later ones of both.

What of the system it needs is its QEMU, and the C libraries of Qt's and Python's; everything else comes along, so
that one package fits them all. Scripts and fields:  ``debian``, as deb-control(5) and Debian's Policy have them.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from installers.checkout.environment import ROOT
from installers.checkout.system import QT_LIBRARIES
from installers.common.product import version
from installers.common.tree import files_below, tree_bytes
from installers.linux.archive import write_ar, write_tar
from installers.linux.payload import FILES, LAUNCHER, make_executable
from installers.linux.share import compressed, write_share

DEBIAN = Path(__file__).with_name("debian")
SCRIPTS = ("postinst", "prerm")

PLACE = "usr/lib/slipway"

DEPENDS = (
    "libc6 (>= 2.35)",
    # QEMU, which shares folders by virtiofsd: on Debian 12 a part of QEMU's package, later one of its own
    *("qemu-system-x86 (>= 1:7.2)", "qemu-utils (>= 1:7.2)", "virtiofsd | qemu-system-common (<< 1:8)"),
    *("openssh-client", "ca-certificates"),
    *(
        "libbz2-1.0",
        "liblzma5",
        "libuuid1",
        "zlib1g",
        "libzstd1",
        "libstdc++6",
        "libgcc-s1",
    ),  # Python's and numpy's
    *("libgssapi-krb5-2", "libx11-6", "libx11-xcb1", "libxcb1", "libxcb-glx0", "libxcb-render0", "libxcb-shm0"),
    *("libxcb-sync1", "libxcb-util1", "libxcb-xfixes0", "libfreetype6"),
    *("libwayland-client0", "libwayland-cursor0", "libwayland-egl1"),
    *QT_LIBRARIES.values(),
)
"""A library with another name since Debian 13 and Ubuntu 24.04 (libglib2.0-0t64) is found by the one before."""


def build_deb(payload: Path, scratch: Path, target: Path, epoch: int, wanted: str | None = None) -> Path:
    """Make the package in the folder ``target``; return its path.

    :param payload: what :func:`installers.linux.payload.build_payload` has made; it is moved.
    :param scratch: an empty folder on the same disk.
    :param epoch: the time of every file, in seconds since 1970.
    :param wanted: another version than Slipway's own.
    :raise StepError: xz is missing or has failed.
    """
    root, about = scratch / "root", scratch / "about"
    (root / PLACE).parent.mkdir(parents=True)
    payload.rename(root / PLACE)
    write_system(root)
    number = wanted or version()
    write_control(root, about, number)
    (scratch / "debian-binary").write_text("2.0\n", encoding="ascii")
    members = {"debian-binary": scratch / "debian-binary"}
    for name, folder in (("control.tar.xz", about), ("data.tar.xz", root)):
        write_tar(folder, scratch / name, ".", epoch)
        members[name] = scratch / name
    package = target / f"slipway_{number}_amd64.deb"
    write_ar(package, members, epoch)
    return package


def write_system(root: Path) -> None:
    """Write what is not in Slipway's own folder."""
    program = root / "usr/bin/slipway"
    program.parent.mkdir()
    program.symlink_to(f"../{PLACE.removeprefix('usr/')}/{LAUNCHER}")
    write_share(root / "usr/share", "/usr/bin/slipway")
    unit = root / "usr/lib/systemd/user/slipway.service"
    unit.parent.mkdir(parents=True)
    shutil.copyfile(FILES / unit.name, unit)
    doc = root / "usr/share/doc/slipway"
    doc.mkdir(parents=True)
    shutil.copyfile(root / PLACE / "licenses/LICENSES.md", doc / "copyright")
    (doc / "changelog.gz").write_bytes(compressed((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))


def write_control(root: Path, about: Path, number: str) -> None:
    """Write what dpkg reads of the package whose files are in ``root``."""
    about.mkdir()
    fields = (DEBIAN / "control").read_text(encoding="utf-8")
    control = fields.format(version=number, kilobytes=-(-tree_bytes(root) // 1024), depends=", ".join(DEPENDS))
    (about / "control").write_text(control, encoding="utf-8")
    shutil.copyfile(DEBIAN / "triggers", about / "triggers")
    for name in SCRIPTS:
        shutil.copyfile(DEBIAN / name, about / name)
        make_executable(about / name)
    lines = []
    for path in files_below(root):
        if not path.is_symlink():
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "md5").hexdigest()
            lines.append(f"{digest}  {path.relative_to(root)}\n")
    (about / "md5sums").write_text("".join(lines), encoding="utf-8")
