"""The engine, and the places: one is selected. Tab stops here once; arrow keys move between places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QLabel,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
)

from desktop.ui.icons import app_icon, icon
from desktop.ui.theme import GAP, PAD, SIDEBAR_WIDTH
from desktop.ui.widgets.basics import Elided, column, label, row
from desktop.ui.widgets.dot import StateDot
from desktop.ui.words import key_names, tr


class Place(QRadioButton):
    """One place: a radio button, so that screen readers announce it as one of several."""

    def __init__(self, key: str, title: str) -> None:
        super().__init__(title)
        self._key = key
        self.setIconSize(QSize(18, 18))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        self.toggled.connect(self._dress)
        self._dress(False)

    def hitButton(self, pos: QPoint) -> bool:
        """Make the whole row clickable, not only the text."""
        return self.rect().contains(pos)

    def _dress(self, chosen: bool) -> None:
        self.setIcon(icon(self._key, "accent" if chosen else "muted"))


class EngineButton(QPushButton):
    """The engine that the pages follow, and how the connection to it is; opens the choice of another."""

    def __init__(self, pressed: Callable[[], object]) -> None:
        super().__init__()
        self.setObjectName("engine")
        self.setAutoDefault(False)
        self.setToolTip(tr("Choose an engine (Ctrl+E)"))
        self.clicked.connect(lambda: pressed())
        self._dot = StateDot()
        self._name, self._state = Elided(), Elided("", "small")
        inner = row(self._dot, column(self._name, self._state, gap=0), gap=GAP)
        inner.setContentsMargins(PAD - 6, 6, GAP, 6)
        inner.setStretch(1, 1)
        self.setLayout(inner)
        for part in (self._dot, self._name, self._state):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_engine(self, name: str, state: str, colour: str) -> None:
        """:param colour: a state of :data:`desktop.ui.theme.STATE_COLOURS`."""
        self._name.set_full(name)
        self._state.set_full(state)
        self._dot.state = colour
        self._dot.update()
        self.setAccessibleName(tr("Engine: {name}. {state}", name=name, state=state))


class Sidebar(QFrame):
    """Name and places; the last place is at the bottom.

    :param go: called with the key of the selected place.    :param choose_engine: opens the choice of the engine.
    :param extra: places that are shown for some engines only (:meth:`show_extra`), before the last one.
    """

    def __init__(
        self,
        places: Sequence[tuple[str, str]],
        go: Callable[[str], object],
        choose_engine: Callable[[], object],
        extra: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setFixedWidth(SIDEBAR_WIDTH)
        self._keys = [key for key, _ in (*places, *extra)]
        self._group = QButtonGroup(self)
        inner = QVBoxLayout(self)
        inner.setContentsMargins(GAP + 4, PAD, GAP + 4, GAP)
        inner.setSpacing(2)
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(QSize(26, 26)))
        inner.addLayout(row(mark, label("Slipway", "brand"), None))
        inner.addSpacing(PAD)
        self.engine = EngineButton(choose_engine)
        inner.addWidget(self.engine)
        inner.addSpacing(GAP)
        made = [self._place(number, key, title, go) for number, (key, title) in enumerate((*places, *extra))]
        self._extra = made[len(places) :]
        for place in (*made[: len(places) - 1], *self._extra):
            inner.addWidget(place)
        inner.addStretch(1)
        inner.addWidget(made[len(places) - 1])
        self.show_extra(False)

    def _place(self, number: int, key: str, title: str, go: Callable[[str], object]) -> Place:
        made = Place(key, title)
        made.setToolTip(key_names(f"{title} (Ctrl+{number + 1})"))
        made.clicked.connect(lambda: go(key))
        self._group.addButton(made, number)
        return made

    def show_extra(self, shown: bool) -> None:
        """Show or hide the places for some engines only."""
        for place in self._extra:
            place.setVisible(shown)

    def offers(self, key: str) -> bool:
        """Whether a place is shown."""
        return not self._group.button(self._keys.index(key)).isHidden()

    @property
    def chosen(self) -> str:
        """The key of the selected place."""
        return self._keys[self._group.checkedId()]

    def choose(self, key: str) -> None:
        """Select a place, and focus it if the sidebar has the focus."""
        self._group.button(self._keys.index(key)).setChecked(True)
        if self.has_focus():
            self.take_focus()

    def take_focus(self) -> None:
        """Focus the selected place."""
        self._group.checkedButton().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def has_focus(self) -> bool:
        """Whether the sidebar has the focus."""
        focused = self.window().focusWidget()
        return focused is not None and self.isAncestorOf(focused)
