"""The lock file: hashes for everything, addresses for nothing, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT

LOCK = ROOT / "installers" / "requirements.lock"


def locked() -> dict[str, str]:
    """Package → version, from the lines that name one."""
    pattern = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pattern.findall(LOCK.read_text())}


def test_no_address() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(--?(index|extra|find|trusted)|-[if]\b)", text, re.MULTILINE)


def test_every_package_has_hashes() -> None:
    """Joined at the line continuations, every package's line ends in hashes."""
    lines = LOCK.read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert len(packages) > 30
    assert [line for line in packages if "--hash=sha256:" not in line] == []


def test_it_fits_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    found = locked()
    unfit = [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not requirement.specifier.contains(
            found.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]
    assert not unfit, f"run `python3 installers/dev.py lock`: {unfit}"
