"""Filters to choose one of, each with the number of what it shows: radio buttons that look like labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QWidget

from desktop.ui.widgets.basics import fill


class Chip(QRadioButton):
    """One filter; all of it can be clicked."""

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)


class FilterChips(QWidget):
    """Tab stops here once; arrow keys move between the filters."""

    chosen = Signal(int)
    """Another filter has been chosen: its place."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("chips")
        self.setAccessibleName(name)
        self.hide()
        self._group = QButtonGroup(self)
        self._titles: list[str] = []
        self._rare: Sequence[str] = ()
        self._row = fill(QHBoxLayout(self), gap=6)
        self._group.idToggled.connect(lambda place, on: self.chosen.emit(place) if on else None)

    def add(self, titles: Sequence[str], rare: Sequence[str] = ()) -> None:
        """Offer filters; the first one is chosen.

        :param rare: those that are only there while they have something, or are chosen.
        """
        self._rare = rare
        for title in titles:
            chip = Chip(title)
            self._group.addButton(chip, len(self._titles))
            self._titles.append(title)
            self._row.addWidget(chip)
        self._row.addStretch(1)
        self._group.button(0).setChecked(True)
        self.setFocusProxy(self._group.button(0))

    def show_counts(self, counts: Iterable[int]) -> None:
        """Show how many objects each has."""
        for place, count in enumerate(counts):
            if self._titles[place] in self._rare:
                self._group.button(place).setVisible(count > 0 or self.place == place)
            button, text = self._group.button(place), f"{self._titles[place]}  {count:,}"
            if button.text() != text:
                button.setText(text)

    def forget_counts(self) -> None:
        """They are not known."""
        for place, title in enumerate(self._titles):
            self._group.button(place).setText(title)

    @property
    def place(self) -> int:
        """The place of the chosen filter."""
        return self._group.checkedId()

    def texts(self) -> list[str]:
        """What is written on them."""
        return [button.text() for button in self._group.buttons() if button.isVisibleTo(self)]

    def choose_place(self, place: int) -> None:
        """Choose a filter by its place."""
        self._group.button(place).setChecked(True)

    def choose(self, title: str) -> None:
        """Choose a filter by its title."""
        self._group.button(self._titles.index(title)).setChecked(True)
