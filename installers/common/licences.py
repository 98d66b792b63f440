"""The licences of all that is in the package, in its folder ``licenses``; LICENSES.md there is the overview.

The libraries' own texts stay where their packages have them. Added are those that the parts do not bring: of Qt,
which is under the LGPL here, of the Go modules in docker's programs, and of Debian's packages in the system image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from installers.checkout.console import StepError
from installers.common.bytecode import compiler
from installers.common.docker import LICENCES, docker_licences
from installers.common.layout import Layout
from installers.common.sources import go_source, python_source

COMMON = Path("/usr/share/common-licenses")
"""Where Debian has the texts of licences that many packages refer to (its Policy, 12.5)."""

FOR_QT = ("LGPL-3", "GPL-3")


def write_licences(folder: Path, programs: Iterable[str], layout: Layout) -> None:
    """Write ``licenses`` into the package's folder, which has everything else already.

    :param programs: which of docker's programs are in it.
    :raise StepError: a text is missing on this computer.
    """
    target = folder / "licenses"
    target.mkdir()
    for name in FOR_QT:
        source = COMMON / name
        if not source.is_file():
            raise StepError(f"{source} is missing, the text of Qt's licence\n  sudo apt-get install base-files")
        (target / f"{name}.txt").write_bytes(source.read_bytes())
    lines = [HEAD.format(qt=f"{layout.libraries}/{layout.qt}"), "## Programs", ""]
    (target / "python.txt").write_bytes(compiler().parents[1].joinpath("lib/python3.13/LICENSE.txt").read_bytes())
    python = python_source().artifact.split(":")[2].partition("-")[0]
    lines.append(f"- CPython {python}: PSF-2.0, `python.txt`, <https://www.python.org>")
    if (folder / "qemu").exists():
        lines.append("- QEMU and its libraries: GPL-2.0 and others, see `qemu/licenses`")
    for program in programs:
        source_of = go_source(program, layout)
        (target / f"{program}-{LICENCES}").write_bytes(docker_licences(program, layout).read_bytes())
        lines.append(f"- {source_of.module} {source_of.version}: Apache-2.0; its modules: `{program}-{LICENCES}`")
    lines += ["", f"## Python packages, in `{layout.libraries}`", "", *_packages(folder / layout.libraries)]
    lines += ["", "## The machine's system image, in `images`", "", *_image(folder)]
    (target / "LICENSES.md").write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


def _packages(libraries: Path) -> list[str]:
    """A line for each Python package, from what it says of itself."""
    lines = []
    for path in sorted(libraries.glob("*.dist-info/METADATA")):
        metadata = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        lines.append(f"- {metadata['Name']} {metadata['Version']}: {licence_of(metadata)}")
    return lines


def licence_of(metadata: Message) -> str:
    """A package's licence in a few words, from its core metadata (Python Packaging User Guide)."""
    if expression := metadata["License-Expression"]:
        return str(expression)
    if (text := (metadata["License"] or "").strip()) and "\n" not in text:  # not the whole text of a licence
        return str(text)
    classifiers = metadata.get_all("Classifier") or []
    found = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    return ", ".join(found) or "see its folder"


def _image(folder: Path) -> list[str]:
    """The names and versions of the Debian packages in the image, whose sources Debian has."""
    lines = []
    for manifest in sorted(folder.glob("images/*/manifest.json")):
        packages = json.loads(manifest.read_text(encoding="utf-8"))["packages"]
        lines.append("Debian's packages of these versions, unchanged but for what the image leaves out. Debian")
        lines.append("publishes the licences and the source of each under its name and version.")
        lines += ["", *(f"- {name} {version}" for name, version in sorted(packages.items()))]
    return lines or ["This package has none."]


HEAD = """\
# Licences

Slipway itself is under the Apache License 2.0 (`LICENSE`). With it come other programs and libraries, each under
its own licence. Qt and PySide6 are used under the LGPL 3 (`LGPL-3.txt`, `GPL-3.txt`); their libraries are files of
their own, `{qt}`, and may be replaced. Their source: <https://download.qt.io>.
"""
