"""Which files of the standard library come along."""

from __future__ import annotations

from pathlib import Path

import pytest

from installers.common.stdlib import is_wanted


@pytest.mark.parametrize(
    "name", ["os.py", "asyncio/windows_events.py", "_overlapped.pyd", "unittest/mock.py", "libcrypto-3.dll"]
)
def test_it_comes_along(name: str) -> None:
    assert is_wanted(Path(name))


@pytest.mark.parametrize(
    "name",
    ["test/test_os.py", "idlelib/run.py", "_testcapi.pyd", "tcl86t.dll", "sqlite3/test/x.py", "pip/main.py"],
)
def test_it_stays_behind(name: str) -> None:
    assert not is_wanted(Path(name))
