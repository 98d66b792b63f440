"""Programs Slipway needs from the system: which are missing, and who installs them.

As root on Debian or Ubuntu the missing ones are installed; everywhere else the one command to type is printed.
Which system this is never matters, only which package manager is there.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installers.checkout.console import StepError, run_quietly, say
from installers.checkout.environment import has_venv_module

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's switch against starting services while packages are installed (invoke-rc.d(8))."""

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")

MANAGERS: dict[str, tuple[str, str]] = {
    "apt-get": ("apt", "sudo apt-get install"),
    "dnf": ("dnf", "sudo dnf install"),
    "pacman": ("pacman", "sudo pacman -S --needed"),
    "brew": ("brew", "brew install"),
    "winget": ("winget", "winget install"),
}
"""Program on the PATH → its short name, and what people call it."""


def find_program(name: str) -> str | None:
    """Find a program on the PATH or in the system's folders, which are not on everyone's PATH."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS)))


@dataclass(frozen=True)
class Part:
    """Something of the system's that is needed.

    :ivar name: a program; when it is there, so is the part.
    :ivar packages: package manager (short name) → package; a manager without an entry cannot install the part.
    :ivar present: how to tell, when a program on the PATH is not the way.
    :ivar only: the managers on whose systems the part is needed at all; empty for all.
    """

    name: str
    packages: Mapping[str, str]
    present: Callable[[], bool] | None = None
    only: tuple[str, ...] = field(default=())

    def is_present(self) -> bool:
        return self.present() if self.present else find_program(self.name) is not None


def everywhere(name: str) -> dict[str, str]:
    """A package that has the same name with every package manager of Linux."""
    return {"apt": name, "dnf": name, "pacman": name}


BUILDERS = ("apt",)
"""The system image is built where Debian's package tools are at home."""

FOR_VENV = (Part("python3-venv", {"apt": "python3-venv"}, has_venv_module, ("apt",)),)

VIRTIOFSD = tuple(Path(f"/usr/{folder}/virtiofsd") for folder in ("libexec", "lib/qemu", "lib"))


def has_virtiofsd() -> bool:
    """Whether folders can go by virtiofs, or apt has no such package: on Debian 12 QEMU itself brings it."""
    if any(path.exists() for path in VIRTIOFSD) or not (apt_cache := find_program("apt-cache")):
        return True
    asked = subprocess.run([apt_cache, "show", "virtiofsd"], capture_output=True, check=False)
    return asked.returncode != 0


FOR_MACHINE = (
    Part(
        "qemu-system-x86_64",
        {
            "apt": "qemu-system-x86",
            "dnf": "qemu-system-x86-core",
            "pacman": "qemu-system-x86",
            "brew": "qemu",
            "winget": "SoftwareFreedomConservancy.QEMU",
        },
    ),
    Part(
        "qemu-img",
        {
            "apt": "qemu-utils",
            "dnf": "qemu-img",
            "pacman": "qemu-img",
            "brew": "qemu",
            "winget": "SoftwareFreedomConservancy.QEMU",
        },
    ),
    Part("ssh", everywhere("openssh-clients") | {"apt": "openssh-client", "pacman": "openssh"}),
    Part("virtiofsd", {"apt": "virtiofsd"}, has_virtiofsd, BUILDERS),
    Part("mmdebstrap", {"apt": "mmdebstrap"}, only=BUILDERS),
    Part("mkfs.erofs", {"apt": "erofs-utils"}, only=BUILDERS),
    Part("depmod", {"apt": "kmod"}, only=BUILDERS),
    Part("xz", {"apt": "xz-utils"}, only=BUILDERS),
    Part(
        "debian-archive-keyring",
        {"apt": "debian-archive-keyring"},
        lambda: Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists(),
        BUILDERS,
    ),
)


def has_library(name: str) -> Callable[[], bool]:
    """A test for a shared library, by its name without ``lib`` and version."""
    return lambda: ctypes.util.find_library(name) is not None


QT_LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "glib-2.0": "libglib2.0-0",
    "xkbcommon": "libxkbcommon0",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-randr": "libxcb-randr0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
    "xcb-xinerama": "libxcb-xinerama0",
    "xcb-xkb": "libxcb-xkb1",
}
"""Shared library → Debian's package."""


def has_fonts() -> bool:
    """Say whether there is any font; without one, Qt shows boxes."""
    return any(Path("/usr/share/fonts").glob("**/*.ttf"))


FOR_WINDOW = (
    *(Part(f"lib{name}", {"apt": package}, has_library(name), ("apt",)) for name, package in QT_LIBRARIES.items()),
    Part("fonts", {"apt": "fonts-dejavu-core"}, has_fonts, ("apt",)),
)
"""What Qt needs of a Debian without a desktop; other systems' Qt packages and desktops have it."""


def has_accessibility_bus() -> bool:
    """Say whether what carries names and roles to screen readers is installed (AT-SPI)."""
    return Path("/usr/share/dbus-1/services/org.a11y.Bus.service").exists()


def has_compiler_file(name: str) -> bool:
    """Say whether the C compiler has a file: a library (gcc(1), ``-print-file-name``)."""
    compiler = find_program("gcc")
    if compiler is None:
        return False
    asked = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=False)
    return Path(asked.stdout.strip()).is_absolute()


LINUX = ("apt", "dnf", "pacman")
NGHTTP2_PACKAGES = {"apt": "libnghttp2-dev", "dnf": "libnghttp2-devel", "pacman": "libnghttp2"}

FOR_NATIVE_TESTS = (
    Part("gcc", everywhere("gcc"), only=LINUX),
    Part("C library headers", {"apt": "libc6-dev"}, lambda: has_compiler_file("crt1.o"), ("apt",)),
    Part("nghttp2 headers", NGHTTP2_PACKAGES, lambda: has_compiler_file("libnghttp2.so"), LINUX),
    Part("libasan", {"apt": "gcc", "dnf": "libasan"}, lambda: has_compiler_file("libasan.so"), ("apt", "dnf")),
    Part("libubsan", {"apt": "gcc", "dnf": "libubsan"}, lambda: has_compiler_file("libubsan.so"), ("apt", "dnf")),
)
"""Compile the guest's programs for the host, with sanitizers; elsewhere than on Linux they are not tested."""

FOR_WINDOWS_PACKAGES = (
    Part("mvn", {"apt": "maven"}, only=BUILDERS),
    Part("makensis", {"apt": "nsis"}, only=BUILDERS),
    Part("wixl", {"apt": "wixl"}, only=BUILDERS),
    Part("msibuild", {"apt": "msitools"}, only=BUILDERS),
    Part("osslsigncode", {"apt": "osslsigncode"}, only=BUILDERS),
)
"""Fetch the Python for Windows, make the installers, and sign them."""

FOR_WINDOWS_TESTS = FOR_WINDOWS_PACKAGES
"""The tests install what they test; Wine comes from Debian's packages and is not installed here (tests/wine)."""

FOR_TESTS = (
    *FOR_NATIVE_TESTS,
    *FOR_WINDOWS_TESTS,
    Part("shellcheck", everywhere("shellcheck") | {"dnf": "ShellCheck", "brew": "shellcheck"}),
    Part("socat", everywhere("socat") | {"brew": "socat"}),
    Part("sshd", everywhere("openssh-server") | {"pacman": "openssh"}),
    Part("Xvfb", {"apt": "xvfb", "dnf": "xorg-x11-server-Xvfb", "pacman": "xorg-server-xvfb"}),
    Part("openbox", everywhere("openbox")),
    Part("xdotool", everywhere("xdotool") | {"brew": "xdotool"}),
    Part("desktop-file-validate", everywhere("desktop-file-utils")),
    Part("appstreamcli", everywhere("appstream")),
    Part("man", everywhere("man-db")),
    Part("dbus-daemon", {"apt": "dbus", "dnf": "dbus-daemon", "pacman": "dbus", "brew": "dbus"}),
    Part("at-spi2-core", everywhere("at-spi2-core"), has_accessibility_bus),
    Part("docker-registry", everywhere("docker-registry") | {"brew": "docker-registry"}),
    Part("busybox-static", {"apt": "busybox-static"}, lambda: find_static_busybox() is not None, ("apt",)),
)

FOR_LINUX_PACKAGES = (Part("patchelf", everywhere("patchelf")),)

FOR_SLOW_TESTS = (
    Part(
        "qemu-system-aarch64",
        {
            "apt": "qemu-system-arm",
            "dnf": "qemu-system-aarch64-core",
            "pacman": "qemu-system-aarch64",
            "brew": "qemu",
            "winget": "SoftwareFreedomConservancy.QEMU",
        },
    ),
)

SERVICES = ("ssh.service", "ssh.socket", "docker-registry.service")
"""What Debian's packages for the tests would start; the tests want the programs only."""


def find_static_busybox() -> Path | None:
    """A busybox that runs in an empty container: one without a dynamic loader in it."""
    found = find_program("busybox")
    if found is None:
        return None
    return Path(found) if b"/ld-linux" not in Path(found).read_bytes() else None


def find_manager() -> tuple[str, str, str] | None:
    """The package manager of this system: its program, its short name, what the user types."""
    for name, (short, command) in MANAGERS.items():
        if shutil.which(name):
            return name, short, command
    return None


def ensure(parts: Iterable[Part]) -> None:
    """See to it that all ``parts`` are there, installing what is missing where that is ours to do.

    :raise StepError: something is missing and this user, or this package manager, cannot install it from here;
        the message holds the command to type.
    """
    manager = find_manager()
    short = manager[1] if manager else ""
    missing = [part for part in parts if (not part.only or short in part.only) and not part.is_present()]
    if not missing:
        return
    names = ", ".join(part.name for part in missing)
    packages = list(dict.fromkeys(part.packages[short] for part in missing if short in part.packages))
    if manager is None:
        raise StepError(f"Missing: {names}\nInstall them with your system's package manager, then start again.")
    if short != "apt" or not is_root():
        lines = [f"Missing: {names}"]
        if packages:
            lines.append(f"Type this, then start again:\n  {manager[2]} {' '.join(packages)}")
        unknown = [part.name for part in missing if short not in part.packages]
        if unknown:
            lines.append(f"Not packaged by {short}: {', '.join(unknown)}; install by hand.")
        raise StepError("\n".join(lines))
    apt_install(packages)
    still = [part.name for part in missing if not part.is_present()]
    if still:
        raise StepError(f"Still missing after installing {' '.join(packages)}: {', '.join(still)}")


def is_root() -> bool:
    """Say whether this process may install packages; systems without user numbers have no such user."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


APT_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

APT_WAITS = ("-o", "DPkg::Lock::Timeout=600")
"""Seconds apt waits for another apt, such as the system's own updates, to release the lock (apt.conf(5))."""


@functools.cache
def apt_update() -> None:
    """Refresh apt's package lists, once in this run."""
    run_quietly("updating apt's package lists", ["apt-get", "-q", "update"], APT_QUIET)


def apt_install(packages: list[str]) -> None:
    """Install Debian packages (names or files) without starting any service they bring.

    :raise StepError: with apt's last lines.
    """
    apt_update()
    with no_service_starts():
        title = f"installing {' '.join(Path(name).name for name in packages)}"
        options = ["-q", "-y", *APT_WAITS, "--no-install-recommends"]
        run_quietly(title, ["apt-get", *options, "install", *packages], APT_QUIET)
    if Path("/run/systemd/system").exists() and {"openssh-server", "docker-registry"} & set(packages):
        for service in SERVICES:
            with contextlib.suppress(StepError):  # a service this package version does not have
                run_quietly(f"leaving {service} switched off", ["systemctl", "disable", "--now", service])
        say("  (switch them on with systemctl if you want them; the tests need only the programs)")


@contextlib.contextmanager
def no_service_starts() -> Iterator[None]:
    """Keep Debian from starting services meanwhile, unless the administrator has a policy already."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
