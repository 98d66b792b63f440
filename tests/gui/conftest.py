"""A window on the stand-in for each module's tests; Qt draws into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from desktop.ui.window import Window
from tests.gui.stage import home, until, window

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def scenario() -> str:
    """What the stand-in plays; a test module may say otherwise."""
    return "running"


@pytest.fixture
def shown(qapp: QApplication, scenario: str) -> Iterator[Window]:
    """A window whose lists are there, if its machine runs."""
    with home(scenario), window(qapp) as made:
        if "running" in scenario:
            lists = made.context.lists
            every = (lists.containers, lists.images, lists.volumes, lists.networks)
            until(lambda: all(found.known for found in every), "the lists")
        yield made
