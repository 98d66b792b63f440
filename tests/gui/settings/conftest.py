"""The settings page of a window on the stand-in."""

from __future__ import annotations

import pytest

from desktop.ui.pages.settings import SettingsPage
from desktop.ui.window import Window
from tests.gui.drive import settings_page


@pytest.fixture
def page(shown: Window) -> SettingsPage:
    return settings_page(shown)
