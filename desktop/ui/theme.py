"""Colours, spacing and type: the only place that defines them. Light and dark follow the system, or a setting.

The style sheet in assets/themes is filled in with these tokens. Sizes are device-independent pixels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import ClassVar

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

ASSETS = Path(__file__).resolve().parents[2] / "assets"

SPACE = 4
"""All distances are multiples of this."""

GAP, PAD, MARGIN = 2 * SPACE, 4 * SPACE, 6 * SPACE
ROW_HEIGHT = 36
SIDEBAR_WIDTH = 196
SIZES = {"size_small": 12, "size_body": 13, "size_title": 15, "size_heading": 21}
SCALES = {"small": 0.9, "medium": 1.0, "large": 1.2, "largest": 1.4}
"""The setting ``text_size`` → what every size of text is multiplied by."""


@dataclass(frozen=True)
class Colours:
    """One colour scheme; the contrast of text to its background is at least 4.5 : 1 (WCAG 2.2, 1.4.3).

    ``faint`` has less and is for disabled widgets only. ``edge`` is around what can be filled in or ticked and has
    3 : 1 (1.4.11). ``logs`` are for the names of several logs; colour-blind people tell them apart too.
    """

    ground: str
    side: str
    surface: str
    raised: str
    field: str
    hover: str
    chosen: str
    line: str
    line_strong: str
    edge: str
    text: str
    muted: str
    hint: str
    faint: str
    accent: str
    accent_hover: str
    on_accent: str
    good: str
    good_ground: str
    warn: str
    warn_ground: str
    bad: str
    bad_ground: str
    match_ground: str
    logs: tuple[str, ...]


LIGHT = Colours(
    ground="#f6f7f9",
    side="#eef0f4",
    surface="#ffffff",
    raised="#ffffff",
    field="#ffffff",
    hover="#edf1f6",
    chosen="#dfeaf8",
    line="#e2e5ea",
    line_strong="#c9ced7",
    edge="#828b99",
    text="#1a1e26",
    muted="#566071",
    hint="#6a7381",
    faint="#9aa2af",
    accent="#1463b8",
    accent_hover="#0f549e",
    on_accent="#ffffff",
    good="#1b7a48",
    good_ground="#e8f5ee",
    warn="#8a5b00",
    warn_ground="#fdf4e0",
    bad="#b9302a",
    bad_ground="#fcebea",
    match_ground="#ffe58a",
    logs=("#1463d8", "#c24e00", "#1d7f74", "#26008f", "#b03fb0", "#6b0f1a"),
)

DARK = Colours(
    ground="#14171c",
    side="#101317",
    surface="#1b1f26",
    raised="#242932",
    field="#171a20",
    hover="#232832",
    chosen="#203450",
    line="#2a303a",
    line_strong="#3b434f",
    edge="#6d7684",
    text="#e7eaef",
    muted="#a0a9b6",
    hint="#818a98",
    faint="#666f7c",
    accent="#69b1f5",
    accent_hover="#8bc3f8",
    on_accent="#0b1a29",
    good="#4cc38a",
    good_ground="#15291f",
    warn="#e0ab4a",
    warn_ground="#2d2412",
    bad="#f27d75",
    bad_ground="#331a19",
    match_ground="#5a4700",
    logs=("#8f8fff", "#ff8f5c", "#2fa37c", "#efd82f", "#8fdcff", "#8a9a00"),
)

TERMINAL = (
    *("#3b4048", "#c4463f", "#3d8b4f", "#a87a00", "#2f7fd6", "#a84bc4", "#1c8f9c", "#a9b0ba"),
    *("#7f848e", "#e5534b", "#57a86a", "#c69026", "#539bf5", "#c678dd", "#39adb5", "#dce1e8"),
)
"""The sixteen colours that programs choose by number, before they are made readable (models/colours.py)."""

STATE_COLOURS = {
    "running": "good",
    "healthy": "good",
    "paused": "accent",
    "starting": "warn",
    "restarting": "warn",
    "stopping": "warn",
    "unhealthy": "bad",
    "dead": "bad",
    "failed": "bad",
    "unreachable": "bad",
}
"""State of a container, or of Slipway → the token of its colour; other states have the colour of hints."""


class Theme(QObject):
    """The current scheme, applied to the whole application."""

    changed = Signal()
    used: ClassVar[Theme | None] = None

    def __init__(self, app: QApplication, scheme: str = "system", text_size: str = "medium") -> None:
        """:param scheme: ``light``, ``dark`` or that of the ``system``.    :param text_size: of :data:`SCALES`."""
        super().__init__(app)
        Theme.used = self
        self._app = app
        self._scheme, self._text_size = scheme, text_size
        app.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.apply)
        self.apply()

    @property
    def dark(self) -> bool:
        """Whether the dark scheme is used."""
        if self._scheme != "system":
            return self._scheme == "dark"
        return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark

    @property
    def colours(self) -> Colours:
        """The colours of the current scheme."""
        return DARK if self.dark else LIGHT

    def colour(self, token: str) -> QColor:
        """One colour by its token."""
        return QColor(getattr(self.colours, token))

    def state_colour(self, state: str) -> QColor:
        """The colour of a state's dot."""
        return self.colour(STATE_COLOURS.get(state, "hint"))

    def use(self, scheme: str, text_size: str = "") -> None:
        """Switch to ``system``, ``light`` or ``dark``. :param text_size: of :data:`SCALES`; empty keeps it."""
        self._scheme, self._text_size = scheme, text_size or self._text_size
        self.apply()

    def size(self, token: str) -> int:
        """A size of text by its token, in pixels."""
        return self.scaled(SIZES[token])

    def scaled(self, pixels: int) -> int:
        """A length that grows with the text."""
        return round(pixels * SCALES.get(self._text_size, 1.0))

    def apply(self) -> None:
        """Apply the scheme to every widget."""
        colours = self.colours
        palette = QPalette()
        for role, token in (
            (QPalette.ColorRole.Window, "ground"),
            (QPalette.ColorRole.Base, "surface"),
            (QPalette.ColorRole.AlternateBase, "surface"),
            (QPalette.ColorRole.Button, "surface"),
            (QPalette.ColorRole.ToolTipBase, "raised"),
            (QPalette.ColorRole.Text, "text"),
            (QPalette.ColorRole.WindowText, "text"),
            (QPalette.ColorRole.ButtonText, "text"),
            (QPalette.ColorRole.ToolTipText, "text"),
            (QPalette.ColorRole.PlaceholderText, "hint"),
            (QPalette.ColorRole.Highlight, "accent"),
            (QPalette.ColorRole.HighlightedText, "on_accent"),
            (QPalette.ColorRole.Link, "accent"),
            (QPalette.ColorRole.Mid, "line"),
        ):
            palette.setColor(role, QColor(getattr(colours, token)))
        self._app.setPalette(palette)
        folder = ASSETS / "themes"
        sheet = Template((folder / "window.qss").read_text(encoding="utf-8"))
        sizes = {token: self.size(token) for token in SIZES}
        self._app.setStyleSheet(sheet.substitute({**asdict(colours), **sizes, "folder": folder.as_posix()}))
        self.changed.emit()


def theme() -> Theme:
    """The application's theme."""
    if Theme.used is None or not isValid(Theme.used):
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        return Theme(app)
    return Theme.used
