"""What tells a Linux system of Slipway, below a folder ``share``: menu, icons, manual page, completions.

The folders are those of the XDG specifications, of man-pages, and of the three shells.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from pathlib import Path

from click.shell_completion import get_completion_class

from desktop.cli.group import slipway
from desktop.cli.maintenance import COMPLETE_VARIABLE
from desktop.system.base import Launch
from desktop.system.linux import entry
from installers.common.icon import PICTURE, png
from installers.linux.manual import manual
from installers.linux.payload import FILES

COMPLETIONS = {
    "bash": "bash-completion/completions/slipway",
    "zsh": "zsh/vendor-completions/_slipway",
    "fish": "fish/vendor_completions.d/slipway.fish",
}

ICON_SIZES = (48, 128, 256)
"""Pixels, besides the vector picture: 48 is what the icon theme specification wants at least."""

METAINFO = "io.slipway.Slipway.metainfo.xml"


def write_share(folder: Path, program: str | None) -> None:
    """Write all of it into ``folder``.

    :param program: the command line's path, for the menu's entry; None: no entry, since its path is not known yet.
    """
    files: dict[str, bytes] = {"man/man1/slipway.1.gz": compressed(manual())}
    for shell, name in COMPLETIONS.items():
        files[name] = completion(shell).encode()
    if program is not None:
        files["applications/slipway.desktop"] = entry(Launch("slipway", (program, "open"))).encode()
        files[f"metainfo/{METAINFO}"] = (FILES / METAINFO).read_bytes()
        files |= {f"icons/hicolor/{size}x{size}/apps/slipway.png": png(size) for size in ICON_SIZES}
    write_all(folder, files)
    if program is not None:
        target = folder / "icons/hicolor/scalable/apps/slipway.svg"
        target.parent.mkdir(parents=True)
        shutil.copyfile(PICTURE, target)


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths below ``folder``."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def completion(shell: str) -> str:
    """The script that ``slipway completion SHELL`` prints."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(slipway, {}, "slipway", COMPLETE_VARIABLE).source() + "\n"


def compressed(text: str) -> bytes:
    """A text for people, as Debian wants it (Policy 12)."""
    return gzip.compress(text.encode(), mtime=0)
