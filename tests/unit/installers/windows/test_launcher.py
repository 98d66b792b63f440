"""The launchers' resource scripts and flags; compiled and run they are in tests/wine."""

from __future__ import annotations

import re

import pytest

from installers.common.product import version
from installers.windows.launcher.build import LAUNCHERS, SOURCE, Launcher, resources
from installers.windows.product import version_numbers
from installers.windows.python import LIBRARY
from vm.host.programs import LAUNCHERS as KNOWN
from vm.host.programs import PACKAGES, RUN_MODULE

SOURCE_TEXT = SOURCE.read_text(encoding="utf-8")


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.path)
def test_windows_is_told_name_and_version(launcher: Launcher) -> None:
    script = resources(launcher)
    assert f"FILEVERSION {','.join(map(str, version_numbers()))}\n" in script
    assert f'VALUE "ProductVersion", "{version()}"' in script
    assert f'VALUE "FileDescription", "{launcher.about}"' in script
    assert "{" not in script


def test_one_has_a_console() -> None:
    assert {launcher.path: launcher.flags[-1] for launcher in LAUNCHERS} == {
        "bin/slipway.exe": "-Wl,--subsystem,console",
        "Slipway.exe": "-Wl,--subsystem,windows",
    }


def test_the_program_and_the_product_agree() -> None:
    """What the C source has in common with the Python that starts it and is started by it."""
    assert f'#define RUN_MODULE L"{RUN_MODULE}"' in SOURCE_TEXT
    assert f'#define LIBRARY L"{LIBRARY}.dll"' in SOURCE_TEXT
    packages = re.search(r"packages\[\] = \{(.*)\}", SOURCE_TEXT)
    assert packages is not None
    assert sorted(re.findall(r'L"(\w+)\."', packages[1])) == sorted(PACKAGES)
    assert set(KNOWN) & {launcher.path for launcher in LAUNCHERS} == {"Slipway.exe"}


def test_a_version_has_four_numbers() -> None:
    assert len(version_numbers()) == 4
    assert ".".join(map(str, version_numbers())).startswith(version())
