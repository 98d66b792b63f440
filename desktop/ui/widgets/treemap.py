"""A treemap of tiles: each is a button, so that keys and screen readers get at it as at any other.

The arrow keys go from tile to tile, Return opens one, Delete removes it. The Tab key stops at one tile only.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from desktop.ui.models.disk_map import CACHE, CONTAINER, IMAGE, KINDS, SHARED, VOLUME, Group, Tile
from desktop.ui.models.format import size
from desktop.ui.models.treemap import Rect, neighbour, squarify
from desktop.ui.theme import theme

HUES = {IMAGE: 0, CONTAINER: 1, VOLUME: 2, CACHE: 4}
"""Kind → which colour of the logs it has; the others have none."""

IN_USE, UNUSED = 40, 110
"""How strong the colour of a tile is: what can be cleaned up stands out."""

GAP, HEAD, TEXT = 3, 20, 6
LEAST = QRect(0, 0, 44, 22)
"""The smallest tile with words on it."""

STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


def hue(kind: str, alpha: int = 255) -> QColor:
    """The colour of a kind."""
    made = theme().colour("muted") if kind == SHARED else QColor(theme().colours.logs[HUES[kind]])
    made.setAlpha(alpha)
    return made


class TileButton(QAbstractButton):
    """One tile; it is checked while it is chosen."""

    def __init__(self, treemap: Treemap, tile: Tile) -> None:
        super().__init__(treemap)
        self.tile = tile
        self._map = treemap
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(f"{tile.name}, {KINDS[tile.kind]}")
        self.setAccessibleDescription(tile.words)
        self.setToolTip(f"{tile.name}\n{tile.words}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(lambda: treemap.choose(self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in STEPS:
            self._map.step(self, STEPS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._map.opened.emit(self.tile)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._map.removed.emit(self.tile)
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._map.opened.emit(self.tile)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        chosen = self.isChecked() or self.hasFocus()
        edge = theme().colour("text") if chosen else hue(self.tile.kind, IN_USE + UNUSED)
        painter.setPen(QPen(edge, 2 if chosen else 1))
        painter.setBrush(hue(self.tile.kind, IN_USE if self.tile.used else UNUSED))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5) if chosen else area, 3, 3)
        if self.width() < LEAST.width() or self.height() < LEAST.height():
            return
        painter.setPen(theme().colour("text"))
        metrics, place = self.fontMetrics(), self.rect().adjusted(TEXT, 3, -TEXT, -3)
        name = metrics.elidedText(self.tile.name, Qt.TextElideMode.ElideMiddle, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, name)
        if place.height() >= 2 * metrics.height():
            words = metrics.elidedText(size(self.tile.bytes), Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place.translated(0, metrics.height()), Qt.AlignmentFlag.AlignTop, words)


class Treemap(QWidget):
    """Groups of tiles, each under its title. Its signals carry a :class:`Tile`; ``chosen`` None where none is."""

    chosen = Signal(object)
    opened = Signal(object)
    removed = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumHeight(200)
        self._groups: Sequence[Group] = ()
        self._heads: list[tuple[QRect, str]] = []
        self.buttons: list[TileButton] = []

    @property
    def tile(self) -> Tile | None:
        """The chosen one."""
        return next((button.tile for button in self.buttons if button.isChecked()), None)

    def show_groups(self, groups: Sequence[Group]) -> None:
        """Show other tiles; the choice stays as far as it is still there, and so does the focus."""
        if groups == self._groups:
            return
        before, focused = self.tile, any(button.hasFocus() for button in self.buttons)
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self._groups = groups
        self.buttons = [TileButton(self, tile) for group in groups for tile in group.tiles]
        self._place()
        for button in self.buttons:
            button.show()
        key = (before.kind, before.key) if before else None
        found = next((one for one in self.buttons if (one.tile.kind, one.tile.key) == key), None)
        if found is None and self.buttons:
            self.buttons[0].setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            if focused:
                found = self.buttons[0]
        self.choose(found, focus=focused)

    def choose(self, button: TileButton | None, *, focus: bool = True) -> None:
        """Choose a tile."""
        for one in self.buttons:
            one.setChecked(one is button)
            if button is not None:
                one.setFocusPolicy(Qt.FocusPolicy.StrongFocus if one is button else Qt.FocusPolicy.ClickFocus)
        if button is not None and focus:
            button.setFocus()
        self.chosen.emit(button.tile if button is not None else None)

    def step(self, button: TileButton, to: tuple[int, int]) -> None:
        """Go to the next tile in a direction."""
        shown = [one for one in self.buttons if not one.isHidden()]
        places = [Rect(one.x(), one.y(), one.width(), one.height()) for one in shown]
        self.choose(shown[neighbour(places, shown.index(button), to)])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        """Lay the tiles out, and the titles of those groups that have room for one."""
        self._heads = []
        buttons = iter(self.buttons)
        whole = Rect(0, 0, self.width(), self.height())
        regions = squarify([float(group.bytes) for group in self._groups], whole)
        for group, region in zip(self._groups, regions, strict=True):
            head = HEAD if region.height > 3 * HEAD and region.width > 2 * LEAST.width() else 0
            if head:
                title = QRect(round(region.x) + GAP, round(region.y), round(region.width) - 2 * GAP, HEAD)
                self._heads.append((title, f"{KINDS[group.kind]}   {size(group.bytes)}"))
            inner = region.inset(GAP / 2, head)
            for place in squarify([float(tile.bytes) for tile in group.tiles], inner):
                next(buttons).setGeometry(_pixels(place))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(theme().colour("muted"))
        for place, text in self._heads:
            shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def _pixels(place: Rect) -> QRect:
    """Whole pixels, with a gap to what is beside it."""
    left, top = round(place.x), round(place.y)
    corner = QPoint(round(place.x + place.width) - GAP, round(place.y + place.height) - GAP)
    return QRect(left, top, max(2, corner.x() - left + 1), max(2, corner.y() - top + 1))
