"""The root folder with Wine, from Debian's packages; made once and kept in the cache.

The packages are unpacked only (mmdebstrap's variant "extract"): that takes less time than an installation, and no
root. What their scripts would have done is done here, as far as Wine needs it.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from installers.common.store import keep, key_of
from vm.host import host
from vm.image.fetch import find_tool, host_sources, run_lines

SUITE = "trixie"
"""The Debian whose Wine runs Python 3.13 and Qt 6.9: Wine 10."""

PACKAGES = (
    *("base-files", "coreutils", "dash"),
    "libc-bin",  # the locale C.UTF-8: without it Wine has no files whose names are not ASCII
    "wine64",
    *("xvfb", "xkb-data"),
    "fonts-liberation",
    *("libxcursor1", "libxfixes3", "libxi6", "libxrandr2", "libxrender1"),  # Wine opens these when they are there
)

HOME = "/home/slipway"
"""Where the C: drive is (``.wine/drive_c``), inside."""

MOUNT_POINTS = (HOME, "/slipway")
MOUNTED_FILES = ("/etc/hosts", "/etc/resolv.conf")

PASSWD = f"slipway:x:0:0::{HOME}:/bin/sh\n"
"""Wine takes the name of Windows' user from here."""

WINE_FILES = Path("usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
ZLIB = Path("usr/x86_64-w64-mingw32/lib/zlib1.dll")

MARK = b"Wine builtin DLL".ljust(32, b"\0")
MARK_AT = 0x40


def root_folder() -> Path:
    """The root folder, made first when it is not in the cache.

    :raise UserError: Debian's packages cannot be fetched, or a tool for that is missing.
    """

    def make(folder: Path) -> None:
        tree = folder / "root"
        asyncio.run(_unpack(tree))
        shutil.rmtree(tree / "usr" / "share" / "doc")
        for name in MOUNT_POINTS:
            (tree / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for name in MOUNTED_FILES:
            (tree / name.lstrip("/")).touch()
        (tree / "etc" / "passwd").write_text(PASSWD, encoding="ascii")
        mark_as_wines(tree / ZLIB, tree / WINE_FILES / ZLIB.name)

    key = key_of(SUITE, *PACKAGES, Path(__file__).read_bytes())
    return keep("wine-root", key, make, cache_folder()) / "root"


def cache_folder() -> Path:
    """Where the tests keep what they have made."""
    return host().paths().cache / "tests"


async def _unpack(tree: Path) -> None:
    argv = [find_tool("mmdebstrap"), "--mode=chrootless", "--variant=extract", "--format=directory"]
    argv += [
        "--architectures=amd64",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
    ]
    argv += [SUITE, str(tree)]
    lines = await host_sources(SUITE)
    sources = "".join(f"{line}\n" for line in lines)
    tail: list[str] = []
    async for _ in run_lines([*argv, *(["-"] if lines else [])], sources.encode(), "Wine cannot be fetched", tail):
        pass


def mark_as_wines(library: Path, target: Path) -> None:
    """Copy a library with the mark that lets Wine install it with its own, as the package's script does."""
    content = library.read_bytes()
    target.write_bytes(content[:MARK_AT] + MARK + content[MARK_AT + len(MARK) :])
