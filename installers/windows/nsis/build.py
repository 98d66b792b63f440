"""Makes the installer ``.exe`` from the payload, by makensis.

NSIS puts parts of its own into each installer: a program that unpacks, and plugins. They come from Debian's
package and are compared with the hashes in sources.toml, so that every installer has the same ones.
"""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

from installers.checkout.console import StepError, run_quietly
from installers.checkout.system import find_program
from installers.common.icon import icon_file, side_picture
from installers.common.product import version
from installers.common.sources import nsis_source
from installers.common.tree import tree_bytes
from installers.windows.product import COMPANY, COPYRIGHT, version_numbers

SCRIPT = Path(__file__).with_name("installer.nsi")
SHARE = Path("/usr/share/nsis")

FORMER_ENTRIES: tuple[str, ...] = ()
"""Names in the folder of earlier versions that this one has no more: an upgrade deletes them."""


def build_installer(payload: Path, target: Path, sign: Sequence[str] = (), *, quickly: bool = False) -> Path:
    """Make the installer ``target`` of all that is in ``payload``; return it. It is not signed itself.

    :param target: not ``setup.exe``: Windows changes how programs of that name run.
    :param sign: the command that signs the uninstaller in place, which NSIS adds as the last word.
    :param quickly: compress nothing, which takes seconds instead of minutes: for tests.
    :raise StepError: makensis is missing, is another one, or has failed; with its last lines.
    """
    makensis = checked_makensis()
    with tempfile.TemporaryDirectory(prefix="slipway-nsis-") as scratch:
        work = Path(scratch)
        (work / "slipway.ico").write_bytes(icon_file())
        (work / "side.bmp").write_bytes(side_picture())
        (work / "entries.nsh").write_text(entries(payload), encoding="utf-8")
        licence = work / "LICENSE.txt"
        licence.write_bytes((payload / "LICENSE").read_bytes())
        definitions = {
            "OUTPUT": target,
            "VERSION": version(),
            "NUMBERS": ".".join(map(str, version_numbers())),
            "PUBLISHER": COMPANY,
            "COPYRIGHT": COPYRIGHT,
            "SIZE": tree_bytes(payload) // 1024,
            "ICON": work / "slipway.ico",
            "SIDE": work / "side.bmp",
            "LICENSE": licence,
            "PAYLOAD": payload,
            "ENTRIES": work / "entries.nsh",
            **({"SIGN": shlex.join(sign)} if sign else {}),
            **({"QUICKLY": "1"} if quickly else {}),
        }
        argv: list[str | Path] = [makensis, "-V2", "-WX", "-NOCD", "-INPUTCHARSET", "UTF8"]
        argv += [f"-D{name}={value}" for name, value in definitions.items()]
        run_quietly(f"making {target.name}", [*argv, SCRIPT])
    return target


def entries(payload: Path) -> str:
    """The macro that does something for each name in the folder that is installed, and was in earlier versions."""
    names = sorted({path.name for path in payload.iterdir()} | set(FORMER_ENTRIES))
    lines = [f'  !insertmacro ${{ACTION}} "${{FOLDER}}" "{name}"' for name in names]
    return "\n".join(["!macro FOR_EACH_ENTRY ACTION FOLDER", *lines, "!macroend", ""])


def checked_makensis() -> str:
    """The program makensis, with the parts that sources.toml names.

    :raise StepError: it is missing, or its parts are others.
    """
    makensis = find_program("makensis")
    if makensis is None:
        raise StepError("Missing: makensis, which makes the installer\n  sudo apt-get install nsis")
    source = nsis_source()
    for name, wanted in source.files.items():
        path = SHARE / name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        if found != wanted:
            raise StepError(
                f"{path} is not that of NSIS {source.version}: {found}\n"
                "  Debian's nsis-common has changed. Compare it, then change installers/common/sources.toml"
            )
    return makensis
