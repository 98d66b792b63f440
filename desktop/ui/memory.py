"""What the window remembers from one start to the next: its shape, the chosen engine, the columns of lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings


def memory(home: Path) -> QSettings:
    """The window's own file. :param home: Slipway's folder."""
    return QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)


def recall(settings: QSettings, key: str) -> dict[str, Any]:
    """A JSON object; empty if there is none, or if it cannot be read."""
    try:
        found = json.loads(str(settings.value(key) or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def keep(settings: QSettings, key: str, value: dict[str, Any]) -> None:
    """Keep a JSON object."""
    settings.setValue(key, json.dumps(value))
