"""The advice that comes with a bind mount that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desktop.settings.changes import with_value
from desktop.settings.schema import Settings
from desktop.supervisor.admission import advice


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setattr(Path, "home", lambda: made)
    return made


class TestAdvice:
    def test_is_a_command_that_keeps_what_is_shared(self, tmp_path: Path, home: Path) -> None:
        wanted = tmp_path / "with space"
        (wanted / "inside").mkdir(parents=True)
        settings = Settings(shared_folders=("/data", str(wanted / "inside")))
        told = advice(str(wanted), settings)
        command = told.split('set shared_folders "')[1].split('"')[0]
        after: dict[str, Any] = with_value(settings, "shared_folders", command).to_json()
        assert after["shared_folders"] == ["/data", str(wanted)]

    def test_for_a_file_names_its_folder(self, tmp_path: Path, home: Path) -> None:
        (tmp_path / "file").touch()
        assert f'set shared_folders "{tmp_path}"' in advice(str(tmp_path / "file"), Settings())

    def test_for_a_home_that_was_switched_off(self, home: Path) -> None:
        assert "slipway settings set share_home true" in advice(str(home), Settings(share_home=False))

    def test_for_what_cannot_be_shared(self, home: Path) -> None:
        assert f"cannot be shared; copy what you need to {home}" in advice("/etc/passwd", Settings())

    def test_for_what_is_not_there(self, home: Path) -> None:
        assert "does not exist on your computer either" in advice("/no/such", Settings())
