"""What is the same everywhere: one button that leads on, at the right end; a window that fits the screen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from desktop.ui.bridge import Bridge
from desktop.ui.session import Session
from desktop.ui.window import AT_FIRST, SMALLEST, Window
from tests.gui.drive import dialogs
from tests.gui.stage import home, until


def leading(dialog: QDialog) -> list[QPushButton]:
    """The buttons in the accent's colour, or in that of danger."""
    return [
        one
        for one in dialog.findChildren(QPushButton)
        if one.isVisible() and not one.property("calm")
        if one.isDefault() or one.property("primary") is True or one.property("danger") is True
    ]


def beside(one: QPushButton) -> list[QPushButton]:
    """The buttons in the same row."""
    parent = one.parentWidget()
    found = parent.findChildren(QPushButton) if parent is not None else []
    return [other for other in found if other.isVisible() and other.y() == one.y()]


def test_one_button_leads_on_and_stands_at_the_right_end(shown: Window) -> None:
    for name, make in dialogs(shown).items():
        dialog = make()
        found = leading(dialog)
        assert len(found) <= 1, (name, [one.text() for one in found])
        for one in found:
            assert one.x() == max(other.x() for other in beside(one)), name
        dialog.close()
        until(lambda: QApplication.activeModalWidget() is None)


@pytest.mark.parametrize(
    ("screen", "least", "first"),
    [
        (QSize(1920, 1040), SMALLEST, AT_FIRST),
        (QSize(1100, 700), SMALLEST, QSize(1100, 700)),
        (QSize(800, 520), QSize(800, 520), QSize(800, 520)),
    ],
)
def test_the_window_fits_the_screen(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, screen: QSize, least: QSize, first: QSize
) -> None:
    monkeypatch.setattr(QScreen, "availableSize", lambda _: screen)
    with home("running", begun=False):
        bridge = Bridge()
        session = Session(bridge)
        made = Window(session)
        try:
            assert (made.minimumSize(), made.size()) == (least, first)
        finally:
            session.close()
            made.close()
            bridge.close()
            made.deleteLater()
