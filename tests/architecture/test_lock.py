"""The lock files: hashes for everything, addresses for nothing, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from installers.checkout.locks import UNLIKE_THE_CHECKOUT
from tests.architecture.sources import ROOT

LOCK = ROOT / "installers" / "requirements.lock"
WINDOWS, LINUX = (ROOT / "installers" / name / "wheels.lock" for name in ("windows", "linux"))
LOCKS = {f"{path.parent.name}/{path.stem}": path for path in (ROOT / "installers").rglob("*.lock")}


def locked(lock: Path) -> dict[str, str]:
    """Package → version, from the lines that name one."""
    pattern = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pattern.findall(lock.read_text())}


def test_there_are_some() -> None:
    packages = {"linux/wheels", "windows/wheels", "windows/qemu", "common/go", "common/go-kubernetes"}
    assert set(LOCKS) == {"installers/requirements"} | packages


@pytest.mark.parametrize("name", LOCKS)
def test_no_address(name: str) -> None:
    text = LOCKS[name].read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(--?(index|extra|find|trusted)|-[if]\b)", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes(name: str) -> None:
    """Joined at the line continuations, every package's line ends in hashes."""
    lines = LOCKS[name].read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert packages
    assert [line for line in packages if "--hash=sha256:" not in line] == []


def test_it_fits_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    found = locked(LOCK)
    unfit = [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not requirement.specifier.contains(
            found.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]
    assert not unfit, f"run `python3 installers/dev.py lock`: {unfit}"


def test_windows_has_the_checkouts_versions() -> None:
    common, windows = locked(LOCK), locked(WINDOWS)
    assert len(windows) > 30
    assert {name: windows[name] for name in UNLIKE_THE_CHECKOUT} == UNLIKE_THE_CHECKOUT
    others = windows.keys() - UNLIKE_THE_CHECKOUT
    unlike = {name: version for name in others if (version := windows[name]) != common.get(name)}
    assert not unlike, "run `python3 installers/dev.py lock`"


def test_linux_has_the_checkouts_versions() -> None:
    """The package's Python is newer than the checkout's may be, for which some packages have another entry."""
    common, linux = LOCK.read_text(), locked(LINUX)
    assert len(linux) > 30
    unlike = [name for name, version in linux.items() if not re.search(rf"^{name}=={version}\s", common, re.M)]
    assert not unlike, "run `python3 installers/dev.py lock`"
