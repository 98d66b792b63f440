"""The virtual environment ``.venv`` in the checkout, exactly what the lock file says and nothing else.

The lock file holds versions and hashes, no addresses: packages come from wherever this user's pip is set up to
take them, and the hashes make that safe. A stamp in the environment says what it was made from; while that is
unchanged nothing is touched and no network is needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from installers.checkout.console import StepError, run_quietly

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

LOCK = ROOT / "installers" / "requirements.lock"
FOLDER = ROOT / ".venv"
STAMP = "slipway-dev.json"

PIP_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")


def program(name: str, folder: Path = FOLDER) -> Path:
    """The path of a program in the environment; the folder and the suffix differ between systems."""
    scripts = sysconfig.get_path("scripts", "venv", vars={"base": str(folder), "platbase": str(folder)})
    return Path(scripts) / (name + (sysconfig.get_config_var("EXE") or ""))


def wanted_stamp() -> dict[str, str]:
    """What the environment has to be made from to be up to date."""
    return {
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "project": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "python": sys.version,
        "folder": str(FOLDER),
    }


def read_stamp() -> dict[str, str]:
    """What the environment was made from; empty when it was never finished or no longer starts."""
    try:
        stamp = json.loads((FOLDER / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    try:
        alive = subprocess.run([program("python"), "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        alive = False
    return stamp if alive and isinstance(stamp, dict) else {}


def has_venv_module() -> bool:
    """Say whether this Python can make environments with pip in them (a package of its own on Debian)."""
    return importlib.util.find_spec("venv") is not None and importlib.util.find_spec("ensurepip") is not None


def prepare() -> None:
    """Make or renew the environment, if anything it is made from has changed.

    :raise StepError: with pip's last lines when a package cannot be had or its hash does not fit; or the folder is
        a link.
    """
    wanted, found = wanted_stamp(), read_stamp()
    if wanted == found:
        return
    if FOLDER.is_symlink():  # venv would clear what others use
        raise StepError(f"{FOLDER} is a link to the environment of another checkout: delete it, then start again")
    (FOLDER / STAMP).unlink(missing_ok=True)
    python = program("python")
    if {**wanted, "project": ""} != {**found, "project": ""}:
        run_quietly("making the virtual environment", [sys.executable, "-m", "venv", "--clear", FOLDER])
        run_quietly(
            "installing Python packages",
            [python, *PIP_INSTALL, "--only-binary", ":all:", "--require-hashes", "-r", LOCK],
        )
    run_quietly(
        "installing Slipway into it",
        [python, *PIP_INSTALL, "--no-deps", "--no-build-isolation", "--no-index", "-e", ROOT],
    )
    (FOLDER / STAMP).write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
