"""A log that is shown again as it was left: what is searched for and shown, and the place in it."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from desktop.ui.models.logs.looks import Looks
from desktop.ui.widgets.logview import LogView


class KeptLog(LogView):
    """A log whose looks can be taken and set."""

    def __init__(self, name: str, *, timed: bool = False) -> None:
        self._awaited = 0
        super().__init__(name, timed=timed)

    def looks(self) -> Looks:
        """How it is now."""
        shown, row = self.book.shown, self.text.first_row()
        there = not self.follow.isChecked() and row < len(shown)
        return Looks(
            self.search.text(),
            self.regex.isChecked(),
            self.only.isChecked(),
            self.levels.actions().index(self.levels.checkedAction()),
            self.times.isChecked(),
            self.wrap.isChecked(),
            shown[row].moment if there else self._awaited,
        )

    def set_looks(self, looks: Looks) -> None:
        """Be as one was. The lines may come later."""
        self.regex.setChecked(looks.regex)
        self.only.setChecked(looks.only)
        self.levels.actions()[looks.level].setChecked(True)
        self.times.setChecked(looks.times)
        self.wrap.setChecked(looks.wrap)
        self._wrap_changed()
        self._columns_changed()
        self.search.setText(looks.search)
        self._filter_changed()
        self._wanted, self._awaited = "", looks.top
        self.follow.setChecked(not looks.top)
        self._turn()

    def _scroll(self, place: int) -> None:
        shown = self.book.shown
        if self._awaited and not self._refilling and self._rows and shown[-1].moment >= self._awaited:
            self._anchor = shown[bisect_left(shown, self._awaited, key=attrgetter("moment"))]
            self._awaited = 0
        super()._scroll(place)

    def _search_changed(self) -> None:
        self._awaited = 0  # it leads to a match
        super()._search_changed()

    def _scrolled(self, value: int) -> None:
        if self.text.verticalScrollBar().isSliderDown() or self.text.underMouse():
            self._awaited = 0
        super()._scrolled(value)

    def _follow_if_at_end(self) -> None:
        self._awaited = 0
        super()._follow_if_at_end()
