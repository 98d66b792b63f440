"""The settings page of a window on the stand-in."""

from __future__ import annotations

import pytest

from desktop.ui.pages.settings import SettingsPage
from desktop.ui.window import Window
from tests.gui.stage import until


@pytest.fixture
def page(shown: Window) -> SettingsPage:
    shown.show_place("settings")
    found = shown.pages["settings"]
    assert isinstance(found, SettingsPage)
    until(lambda: found.model.report is not None, "the settings")
    return found
