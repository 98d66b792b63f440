"""The Debian package, an older one, and the roots that they are installed in: one for each Debian."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.common.product import version
from installers.linux.deb import PLACE, build_deb
from installers.linux.payload import build_payload
from installers.linux.tarball import complete
from tests.packages.roots import Root

OLD = "0.0.1"
GONE = f"{PLACE}/desktop/gone.py"
"""A file that only the older package has."""

SUITES = ("bookworm", "trixie")

EPOCH = 1_700_000_000
SECONDS = 3000.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them are for the nightly run: a package is made and installed with what it depends on."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.slow("packages are made, and installed in two releases of Debian"))
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def payload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all packages have."""
    folder = tmp_path_factory.mktemp("payload") / "slipway"
    build_payload(folder)
    return folder


def copied(folder: Path, target: Path) -> Path:
    """A copy of a folder; its files are links to the same content."""
    subprocess.run(["cp", "--archive", "--link", folder, target], check=True)
    return target


@pytest.fixture(scope="session")
def package(payload: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package of this commit."""
    scratch = tmp_path_factory.mktemp("package")
    return build_deb(copied(payload, scratch / "slipway"), scratch, tmp_path_factory.mktemp("packages"), EPOCH)


@pytest.fixture(scope="session")
def unpacked(payload: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the archive has, which needs nothing installed."""
    folder = copied(payload, tmp_path_factory.mktemp("archive") / "slipway")
    complete(folder)
    return folder


@pytest.fixture(scope="session")
def older(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a lower version, with a file that the newer one has not."""
    folder = tmp_path_factory.mktemp("older")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    control = folder / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {version()}", f"Version: {OLD}"))
    (folder / GONE).write_text("# not in later versions\n")
    target = package.parent / f"slipway_{OLD}_amd64.deb"
    argv: list[str | Path] = ["dpkg-deb", "-Znone", "--root-owner-group", "--build", folder, target]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return target


@pytest.fixture(scope="module", params=SUITES)
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A Debian without Slipway."""
    made = Root(request.param, tmp_path_factory.mktemp(request.param))
    yield made
    made.close()
