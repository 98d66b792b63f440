"""The commands that make Slipway's package for Windows, on Debian: ``python3 -m installers.windows COMMAND``.

build [--out FOLDER]   the installers Slipway-VERSION-windows-x64.exe and .msi, and what makes up their size
payload FOLDER         only the folder that they install
sign FILE              sign one file in place; makensis calls this for the uninstaller

``--sign-with OPTIONS`` signs what is ours (signing.py).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from installers.checkout import system
from installers.checkout.console import StepError, say
from installers.checkout.environment import ROOT
from installers.common.contents import table
from installers.common.layout import WINDOWS
from installers.common.product import NAME, version
from installers.common.tree import tree_hash
from installers.windows.msi.build import build_msi
from installers.windows.nsis.build import build_installer
from installers.windows.payload import build_payload
from installers.windows.signing import Signer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    signing = argparse.ArgumentParser(add_help=False)
    signing.add_argument("--sign-with", type=Path, metavar="OPTIONS", help="a file with options of osslsigncode")
    parser = argparse.ArgumentParser(prog="python3 -m installers.windows", description="Slipway for Windows.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", parents=[signing], help="make the installers")
    build.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder for them (default: dist)")
    payload = commands.add_parser("payload", parents=[signing], help="make only the folder that is installed")
    payload.add_argument("folder", type=Path)
    sign = commands.add_parser("sign", parents=[signing], help="sign a file in place")
    sign.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    signer = Signer(options.sign_with) if options.sign_with else None
    try:
        if options.command == "sign":
            if signer is None:
                parser.error("sign needs --sign-with")
            signer.sign(options.file)
        elif options.command == "payload":
            show(make_payload(options.folder, signer))
        else:
            build_all(options.out, signer)
    except StepError as error:
        say(f"\n{error}")
        return 1
    return 0


def make_payload(target: Path, signer: Signer | None) -> Path:
    """Make the folder that is installed, in ``target``; print the hash that two builds have in common.

    :raise StepError: a part cannot be had or signed.
    """
    made = build_payload(target)
    print(f"sha256:{tree_hash(made)}  {made.name}, before it is signed")
    if signer:
        signer.sign_payload(made)
    return made


def show(payload: Path) -> None:
    """Print what makes up the payload's size."""
    print(table(payload, WINDOWS))


def build_all(out: Path, signer: Signer | None) -> None:
    """Make both installers in ``out``; those of the same version there are replaced.

    :raise StepError: a part cannot be had, a tool is missing or has failed.
    """
    system.ensure((*system.FOR_MACHINE, *system.FOR_WINDOWS_PACKAGES))
    out.mkdir(parents=True, exist_ok=True)
    name = f"{NAME}-{version()}-windows-x64"
    with tempfile.TemporaryDirectory(prefix="slipway-windows-") as scratch:
        payload = make_payload(Path(scratch), signer)
        show(payload)
        made = [
            build_installer(payload, Path(scratch) / f"{name}.exe", signer.command if signer else ()),
            build_msi(payload, Path(scratch) / f"{name}.msi"),
        ]
        for path in made:
            if signer:
                signer.sign(path)
            target = out / path.name
            target.unlink(missing_ok=True)
            target.write_bytes(path.read_bytes())
            print(f"{target.stat().st_size / 1e6:8.1f} MB  {target}")
