"""A window is open when it says so; that its process lives, or has ended well, means nothing."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from desktop.control import window
from tests.unit.desktop.control import silent_window
from vm.errors import HostError


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The window's program is one that says nothing; the file that its output goes to."""
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path))
    monkeypatch.setattr(window, "MODULE", silent_window.__name__)
    return tmp_path / "logs" / "window.out"


def test_one_that_ends_without_a_word(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILENCE", "1.2")  # it has lived for more than a second, and ends with 0
    with pytest.raises(HostError, match="ended before it was shown") as caught:
        window.open_window()
    assert caught.value.detail == "the last words\n"
    assert str(silent) in caught.value.hint


def test_one_that_does_not_appear(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILENCE", "60")
    monkeypatch.setattr(window, "SHOWN_SECONDS", 0.5)
    with pytest.raises(HostError, match="has not appeared") as caught:
        window.open_window()
    (child,) = (one for one in psutil.Process().children() if silent_window.__name__ in one.cmdline())
    assert f"process {child.pid}" in caught.value.hint
    child.kill()
    child.wait()


def test_without_qt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(HostError, match="not installed"):
        window.open_window()
