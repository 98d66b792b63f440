"""The payload and a Windows to run it in, once for each process of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.checkout import system
from installers.common.sources import PROGRAMS
from installers.windows.payload import build_payload
from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineSystem
from tests.wine.windows import INSTALLED, Windows, started


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all but those marked ``quick`` to the nightly run: together they take the better part of an hour.

    The first test to ask for it waits until Wine and the payload are made, which takes minutes once. Tests with a
    machine come last: it runs until the session ends, and slows down what runs beside it.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: needs_machine(item, here))  # keeps the order of equals
    for item in items:
        if item.path.is_relative_to(here) and not item.get_closest_marker("quick"):
            item.add_marker(pytest.mark.slow("of those on Windows, a few are run each time"))
        if item.path.is_relative_to(here) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(FIRST_SECONDS))


def needs_machine(item: pytest.Item, here: Path) -> bool:
    """Whether a test is one of this folder's with the machine."""
    return item.path.is_relative_to(here) and "windows" in getattr(item, "fixturenames", ())


FIRST_SECONDS = 2400.0


@pytest.fixture(scope="session")
def payload(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The folder ``Slipway`` as the installer has it, without the machine's system image.

    Docker's plugins, which take minutes to compile, are in it only for the long tests.
    """
    system.ensure(system.FOR_WINDOWS_TESTS)
    programs = PROGRAMS if pytestconfig.getoption("--run-slow") else ("docker",)
    return build_payload(tmp_path_factory.mktemp("payload"), programs=programs, image=False)


@pytest.fixture(scope="session")
def wine(payload: Path) -> Iterator[WineSystem]:
    """A Windows with the payload in :data:`INSTALLED`."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as made:
        yield made


@pytest.fixture(scope="session")
def windows(
    payload: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Windows]:
    """A Windows on which Slipway runs, for all modules that need its machine. A test leaves it running."""
    with started(payload, tmp_path_factory.mktemp("installed")) as made:
        pytestconfig.stash[VERSION] = made.docker("version")
        yield made


VERSION = pytest.StashKey[str]()
"""What ``docker version`` has printed there."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show whose docker was tried, with which engine."""
    if version := config.stash.get(VERSION, ""):
        terminalreporter.section("docker version, on Windows")
        terminalreporter.write_line(version)
