"""What pip brings: the app's libraries for Linux, at the versions of the checkout.

wheels.lock   `python3 installers/dev.py lock` writes it beside the common lock file
"""

from __future__ import annotations

import shutil
from pathlib import Path

from installers.common.bytecode import COMPILE, compile_files
from installers.common.packages import LEFT_OUT, SCRIPTS, install, leave_out
from installers.common.store import keep, key_of
from installers.common.tree import files_below

WHEELS_LOCK = Path(__file__).with_name("wheels.lock")

FOR_LINUX = (
    *("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"),
    *("--python-version", "3.13", "--implementation", "cp"),
    *("--abi", "cp313", "--abi", "abi3", "--abi", "none"),
    "--ignore-requires-python",  # which pip compares with the Python that runs it
)
"""The computer and the Python that packages are for (pip-install(1))."""

QT_MODULES = ("Core", "Gui", "Network", "OpenGL", "OpenGLWidgets", "Svg", "Widgets")
"""What the window imports; those for OpenGL are pyqtgraph's."""

QT_KEPT = (
    *("*.py", "libpyside6.abi3.so.*", *(f"Qt{name}.abi3.so" for name in QT_MODULES)),
    *(f"Qt/lib/libQt6{name}.so.*" for name in (*QT_MODULES, "DBus", "XcbQpa", "WaylandClient")),
    *("Qt/lib/libQt6WaylandEglClientHwIntegration.so.*", "Qt/lib/libicu*.so.*"),
    *(f"Qt/plugins/platforms/libq{name}.so" for name in ("offscreen", "wayland-egl", "wayland-generic", "xcb")),
    *("Qt/plugins/platformthemes/*", "Qt/plugins/xcbglintegrations/*"),
    *("Qt/plugins/wayland-decoration-client/*", "Qt/plugins/wayland-shell-integration/libxdg-shell.so"),
    "Qt/plugins/wayland-graphics-integration-client/libqt-plugin-wayland-egl.so",
    *(f"Qt/plugins/platforminputcontexts/lib{name}platforminputcontextplugin.so" for name in ("compose", "ibus")),
    *("Qt/plugins/iconengines/*", *(f"Qt/plugins/imageformats/libq{name}.so" for name in ("ico", "jpeg", "svg"))),
)
"""All of Qt that comes along (patterns below its folder); the rest is QML, databases, tools and headers."""


def site_packages() -> Path:
    """The app's libraries for Linux, without what only their developers use."""

    def make(folder: Path) -> None:
        install(WHEELS_LOCK, folder, *FOR_LINUX)
        shutil.rmtree(folder / SCRIPTS, ignore_errors=True)
        qt = folder / "PySide6"
        kept = {path for pattern in QT_KEPT for path in qt.glob(pattern)}
        for path in files_below(qt):
            if path not in kept:
                path.unlink()
        leave_out(folder, LEFT_OUT)
        compile_files(folder, "the libraries")

    key = key_of(WHEELS_LOCK.read_bytes(), *FOR_LINUX, *QT_KEPT, *LEFT_OUT, COMPILE)
    return keep("linux-libraries", key, make)
