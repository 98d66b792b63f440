"""The commands that make Slipway's packages for Linux: ``python3 -m installers.linux COMMAND``.

deb [--out FOLDER]       slipway_VERSION_amd64.deb, for Debian and Ubuntu
tarball [--out FOLDER]   slipway-VERSION-linux-x64.tar.xz, which needs nothing installed

Both print what makes up the size. Two builds of the same commit give the same bytes: the time of every file is the
commit's, or SOURCE_DATE_EPOCH (reproducible-builds.org).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from installers.checkout import system
from installers.checkout.console import StepError, run_quietly, say
from installers.checkout.environment import ROOT
from installers.common.contents import table
from installers.common.layout import LINUX
from installers.linux.deb import build_deb
from installers.linux.payload import build_payload
from installers.linux.tarball import build_tarball, complete

EPOCH = "SOURCE_DATE_EPOCH"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m installers.linux", description="Slipway for Linux.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (("deb", "make the package for Debian and Ubuntu"), ("tarball", "make one for any Linux")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder for it (default: dist)")
    options = parser.parse_args(arguments)
    try:
        system.ensure((*system.FOR_MACHINE, *system.FOR_LINUX_PACKAGES))
        made = make(options.command, options.out)
    except StepError as error:
        say(f"\n{error}")
        return 1
    print(f"{made.stat().st_size / 1e6:8.1f} MB  {made}")
    return 0


def make(kind: str, out: Path) -> Path:
    """Make a package in ``out``, and print what makes up its size.

    :param kind: ``deb`` or ``tarball``.
    :raise StepError: a part cannot be had.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".slipway-linux-", dir=out) as name:
        scratch = Path(name)
        payload = scratch / "slipway"
        build_payload(payload)
        if kind == "tarball":
            complete(payload)
        print(table(payload, LINUX))
        if kind == "tarball":
            return build_tarball(payload, out, epoch())
        return build_deb(payload, scratch, out, epoch())


def epoch() -> int:
    """The time of all files, in seconds since 1970.

    :raise StepError: it is neither given, nor is this a checkout of git's.
    """
    given = os.environ.get(EPOCH)
    if given:
        return int(given)
    return int(run_quietly("asking git for the commit's time", ["git", "-C", ROOT, "log", "-1", "--format=%ct"]))
