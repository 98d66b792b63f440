"""Makes the MSI from the payload, by wixl; what wixl does not know is added to its tables by msibuild."""

from __future__ import annotations

import tempfile
from pathlib import Path

from installers.checkout.console import StepError, run_quietly
from installers.checkout.system import find_program
from installers.windows.msi.source import component_of, source

ON_PATH = {"bin": "[INSTALLDIR]bin", "docker": "[INSTALLDIR]docker"}
"""The folders on the computer's PATH: folder below the payload → as MSI writes it."""

ENVIRONMENT = "Environment\tName\tValue\tComponent_\ns72\tl255\tL255\ts72\nEnvironment\tEnvironment\n"
"""The head of MSI's table of variables, in the archive format of msibuild (IDT)."""

STEPS = (("RemoveEnvironmentStrings", 3300), ("WriteEnvironmentStrings", 5200))
"""MSI's own actions for that table, at their places in its "Suggested InstallExecuteSequence"."""


def build_msi(payload: Path, target: Path) -> Path:
    """Make the package ``target`` of all that is in ``payload``; return it. It is not signed.

    :raise StepError: wixl or msibuild is missing or has failed; with its last lines.
    """
    wixl, msibuild = _program("wixl", "wixl"), _program("msibuild", "msitools")
    with tempfile.TemporaryDirectory(prefix="slipway-msi-") as scratch:
        work = Path(scratch)
        (work / "slipway.wxs").write_text(source(payload), encoding="utf-8")
        argv: list[str | Path] = [wixl, "--arch", "x64", "--output", target.resolve(), work / "slipway.wxs"]
        run_quietly(f"making {target.name}", argv, folder=payload)  # it takes no absolute paths
        table = work / "Environment.idt"
        table.write_text(ENVIRONMENT + "".join(_rows()), encoding="ascii", newline="\r\n")
        run_quietly("adding the PATH", [msibuild, target, "-i", table])
        for action, place in STEPS:
            query = f"INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('{action}', {place})"
            run_quietly(f"adding {action}", [msibuild, target, "-q", query])
    return target


def _rows() -> list[str]:
    """``=-*`` is: set at installation, remove at removal, of the computer; ``[~];`` comes before: at the end."""
    return [f"path_{folder}\t=-*Path\t[~];{place}\t{component_of(folder)}\n" for folder, place in ON_PATH.items()]


def _program(name: str, package: str) -> str:
    found = find_program(name)
    if found is None:
        raise StepError(f"Missing: {name}, which makes the MSI\n  sudo apt-get install {package}")
    return found
