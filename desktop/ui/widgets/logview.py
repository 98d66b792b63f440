"""A log that may be long and fast: follow, search, filter, wrap, copy, export.

What is held and shown is decided by models/logs; here it is put on the screen in batches that fit into a frame.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QGuiApplication, QTextCharFormat
from PySide6.QtWidgets import QFileDialog, QMenu, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from desktop.ui.models.format import counted
from desktop.ui.models.logs import ansi, moments
from desktop.ui.models.logs.book import Cut, LogBook, Put, Step, Trim
from desktop.ui.models.logs.levels import Level
from desktop.ui.models.logs.lines import LineReader, LogLine
from desktop.ui.models.logs.search import LogSearch, Match, compiled
from desktop.ui.theme import GAP, theme
from desktop.ui.widgets.basics import Elided, SearchField, label, local_key, restyle, row, tool
from desktop.ui.widgets.loglooks import marks_of, match_look
from desktop.ui.widgets.logtext import LogText

SLICE_LINES = 100
LOOK_LINES = 1000
TURN_SECONDS = 0.006
"""Longest time that one batch blocks Qt's event loop."""

STILL_SECONDS = 0.4
"""While lines are shown anew, the picture of before stays for no longer than this."""

FOUND_WIDTH = 84
MAX_NAME = 24
LEVELS = (
    ("All levels", Level.NONE),
    ("Information and above", Level.INFO),
    ("Warnings and errors", Level.WARNING),
    ("Errors", Level.ERROR),
)
"""The least level of the lines that are shown."""


class LogView(QWidget):
    """A text that grows at its end, with search and tools.

    :ivar tools: those at the right, to which others may be added.    :ivar more: the menu of further ones.
    """

    cleared = Signal()
    """The user has removed all lines."""

    def __init__(self, name: str, *, timed: bool = False) -> None:
        """:param timed: its lines have times, which can be shown."""
        super().__init__()
        self.book = LogBook()
        self._found = LogSearch(self.book.shown)
        self._names: dict[str, str] = {}
        self._colours: dict[str, int] = {}
        self._rows = 0
        self._offset, self._width = 0, 0
        self._today = ""
        self._wanted = ""
        self._filter: re.Pattern[str] | None = None
        self._anchor: LogLine | None = None
        self._refilling = False
        self._still_until = 0.0
        self._reader = LineReader()
        self._say = ""
        self.text = LogText(name, self._marks, self._link)
        self.note = Elided("", "small")
        self._make_tools(timed)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(self.bar)
        outer.addWidget(self.text, 1)
        outer.addWidget(self.note)
        self.setFocusProxy(self.text)
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._turn)
        self._written: Iterator[None] = iter(())
        self._write_timer = QTimer(self, singleShot=True, interval=0)
        self._write_timer.timeout.connect(self._write_on)
        self.search.textChanged.connect(self._search_changed)
        self.search.returnPressed.connect(self.find_next)
        self.text.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.text.moved.connect(self._follow_if_at_end)
        theme().changed.connect(self.text.dress)
        local_key(self, "F3", self.find_next)
        local_key(self, "Shift+F3", lambda: self.find_next(backward=True))
        self._columns_changed()

    def _make_tools(self, timed: bool) -> None:
        self.search = SearchField("Search the log")
        self.regex = tool("regex", "Search by a regular expression", self._search_changed, checkable=True)
        self.only = tool("filter", "Show matching lines only", self._search_changed, checkable=True)
        self.previous = tool("back", "Previous match (Shift+F3)", lambda: self.find_next(backward=True))
        self.next = tool("forward", "Next match (F3)", self.find_next)
        self.found = label("", "small")
        self.found.setMinimumWidth(FOUND_WIDTH)
        self.level = self._level_menu()
        self.times = tool("clock", "Show times", self._columns_changed, checkable=True)
        self.times.setChecked(timed)
        if not timed:  # setVisible(True) would open a window: it has no parent yet
            self.times.hide()
        self.wrap = tool("wrap", "Wrap long lines", self._wrap_changed, checkable=True)
        self.follow = tool("down", "Follow the end", self._follow_changed, checkable=True)
        self.follow.setChecked(True)
        self.menu_button = tool("more", "More", lambda: self.menu_button.showMenu())
        self.more = QMenu(self.menu_button)  # below the view it would break the order of the Tab key
        self.more.setAccessibleName("More")
        self.more.addAction("Copy all", self._copy)
        self.more.addAction("Export…", self._export)
        self.more.addAction("Clear the view", self._clear)
        self.menu_button.setMenu(self.more)
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        matching = row(self.regex, self.only, self.previous, self.next, gap=2)
        self.tools = row(self.level, self.times, self.wrap, self.follow, self.menu_button, gap=2)
        self.bar = row(self.search, matching, self.found, None, self.tools)

    def _level_menu(self) -> QToolButton:
        made = tool("level", "Levels to show", lambda: made.showMenu())
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu, self.levels = QMenu(made), QActionGroup(made)
        menu.setAccessibleName("Levels to show")
        for words, level in LEVELS:
            action = QAction(words, menu, checkable=True)
            action.setData(level.value)
            self.levels.addAction(action)
            menu.addAction(action)
        self.levels.actions()[0].setChecked(True)
        self.levels.triggered.connect(lambda _: self._filter_changed())
        made.setMenu(menu)
        return made

    # -- lines ----------------------------------------------------------------------------------------------------

    def append(self, text: str) -> None:
        """Append text, which may end within a line."""
        self.add(self._reader.feed_text(text))

    def finish(self) -> None:
        """Mark the end of the text: show an unfinished last line too."""
        self.add(self._reader.finish())

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take lines of one or several logs; they are shown in the order of their times."""
        self.book.add(lines)
        if not self._timer.isActive():
            self._turn()

    def clear(self) -> None:
        """Remove all lines."""
        self._reader, self._anchor = LineReader(), None
        self.book.clear()
        self._turn()

    def _clear(self) -> None:
        self.clear()
        self.cleared.emit()

    def name_sources(self, names: dict[str, str]) -> None:
        """Show names before the lines, and remove those of others. :param names: key of a source → its name."""
        self._names = dict(names)
        for key in names:
            self._colours.setdefault(key, len(self._colours))
        self._note_top()
        self.book.keep_sources(set(names))
        self._columns_changed()

    def colour_of(self, source: str) -> int:
        """The number of a source's colour."""
        return self._colours.setdefault(source, len(self._colours))

    def say(self, text: str) -> None:
        """Set what is said below the lines beside their number; empty for nothing."""
        self._say = text
        self._tell()

    @property
    def lines(self) -> int:
        """The number of lines that are shown."""
        return self._rows

    @property
    def searching(self) -> bool:
        """Whether a search is in progress."""
        return bool(self._wanted) or self._found.under_way

    def _turn(self) -> None:
        """Show one batch of the pending lines and search in some; the rest follows later."""
        self._timer.stop()
        bar = self.text.verticalScrollBar()
        place, end = bar.value(), time.perf_counter() + TURN_SECONDS
        self._today = moments.date_of(time.time())
        self.text.bare = True
        while self.book.pending:
            for step in self.book.take(SLICE_LINES):
                place -= self._apply(step)
                self._found.follow(step, self.book.shown)
            if time.perf_counter() > end:
                break
        while self._found.under_way:  # a log that comes fast does not keep the search from going on
            self._found.look(LOOK_LINES)
            if time.perf_counter() > end:
                break
        self._refilling = self._refilling and self.book.pending
        self._scroll(place)
        if not self._refilling or time.perf_counter() > self._still_until:
            self.text.setUpdatesEnabled(True)
        self.text.bare = False
        self.text.dress()
        self._tell()
        if self.book.pending or self._found.under_way:
            self._timer.start()

    def _scroll(self, place: int) -> None:
        """Go to what is looked for, to the end, or to what was at the top. :param place: where that is now."""
        bar = self.text.verticalScrollBar()
        if self._wanted and not self._refilling and not self._found.under_way:
            self._anchor = None
            self._go_to_wanted()
        elif self.follow.isChecked():
            self._anchor = None
            bar.setValue(bar.maximum())
        elif self._anchor is None:
            bar.setValue(max(0, place))
        elif not self._refilling:
            self.text.lead_to(self._row_of(self._anchor))
            self._anchor = None

    def _apply(self, step: Step) -> int:
        """Put a change on the screen; how many lines of the screen have gone from its beginning."""
        gone = 0
        if isinstance(step, Put):
            self.text.put_rows(step.row, self._rows, [self._row(line) for line in step.lines])
            self._rows += len(step.lines)
        elif isinstance(step, Cut):
            gone = self.text.drop_rows(step.count)
            self._rows = max(0, self._rows - step.count)
        elif isinstance(step, Trim):
            self.text.trim_rows(step.row)
            self._rows = step.row
        else:
            if self._rows and self.book.held:
                self._still_until = time.perf_counter() + STILL_SECONDS
                self.text.setUpdatesEnabled(False)
            self._refilling = True
            self.text.clear()
            self._rows = 0
        return gone

    def _row(self, line: LogLine) -> str:
        """A line with its columns."""
        if not self._offset:
            return line.text
        when = f"{moments.shown(line.moment, self._today)}  " if self.times.isChecked() else ""
        return (
            when
            + (f"{_short(self._names.get(line.source, '')):{self._width}}  " if self._width else "")
            + line.text
        )

    def _columns_changed(self) -> None:
        """Show other columns before the lines."""
        several = len(self._names) > 1
        width = max((len(_short(name)) for name in self._names.values()), default=0) if several else 0
        offset = (moments.WIDTH + 2 if self.times.isChecked() else 0) + (width + 2 if width else 0)
        if (width, offset) != (self._width, self._offset):
            self._width, self._offset = width, offset
            self._filter_changed()
        else:
            self._turn()

    def _marks(self, number: int) -> list[tuple[int, int, QTextCharFormat]]:
        if number >= len(self.book.shown):
            return []
        line = self.book.shown[number]
        begin = self._offset - self._width - 2 if self._width else 0
        named = (begin, begin + self._width, self.colour_of(line.source) if self._width else 0)
        found = marks_of(line, self._offset, named)
        if self._found.pattern is not None:
            look = match_look()
            found += [
                (self._offset + one.start, self._offset + one.end, look) for one in self._found.matches(number)
            ]
        return found

    def _link(self, number: int, place: int) -> str:
        if number >= len(self.book.shown):
            return ""
        line, place = self.book.shown[number], place - self._offset
        return next(
            (one.style.link for one in ansi.links(line.text, line.raw) if one.start <= place <= one.end), ""
        )

    # -- search and filter ----------------------------------------------------------------------------------------

    def find_next(self, *, backward: bool = False) -> None:
        """Select the next match of the search field's text, or the previous one; from the end on, start again."""
        if self._found.pattern is not None:
            self._seek("previous" if backward else "next")

    def _seek(self, wanted: str) -> None:
        self._wanted = wanted
        self.follow.setChecked(False)
        self._turn()

    def _search_changed(self) -> None:
        try:
            pattern = compiled(self.search.text(), regex=self.regex.isChecked())
        except re.error:
            self._tell_found("Not an expression", wrong=True)
            return
        before = self._found.pattern
        self._found.start(pattern)
        self._wanted = ""
        self._tell_found("")
        if self._filter != (pattern if self.only.isChecked() else None):
            self._filter_changed()
        if pattern is not None and pattern != before and self._filter is None:
            self._seek("last")
        else:
            self._turn()

    def _filter_changed(self) -> None:
        """Show other lines; the one at the top stays there, if it is still shown."""
        least = int(self.levels.checkedAction().data())
        pattern = self._filter = self._found.pattern if self.only.isChecked() else None
        name_choice(self.level, "Levels to show", self.levels.checkedAction().text().lower(), active=least > 0)
        self._note_top()
        if not least and pattern is None:
            self.book.choose(None)
        elif pattern is None:
            self.book.choose(lambda line: line.level >= least)
        else:
            search = pattern.search
            self.book.choose(lambda line: line.level >= least and search(line.text) is not None)
        self._turn()

    def _note_top(self) -> None:
        """Remember the line at the top, before others are shown."""
        if not self.follow.isChecked() and not self._refilling and 0 < self._rows == len(self.book.shown):
            self._anchor = self.book.shown[min(self.text.first_row(), self._rows - 1)]

    def _row_of(self, line: LogLine) -> int:
        return next((row for row, one in enumerate(self.book.shown) if one is line or one.moment > line.moment), 0)

    def _go_to_wanted(self) -> None:
        wanted, self._wanted = self._wanted, ""
        backward = wanted != "next"
        row, place = self.text.where(self.text.textCursor(), end=not backward)
        if wanted == "last":
            row, place = self._rows - 1, self._offset + len(self.book.shown[-1].text) if self._rows else 0
        match = self._found.next(row, place - self._offset, backward=backward)
        if match is not None:
            self.text.select(match.row, self._offset + match.start, self._offset + match.end)

    def _chosen(self) -> Match | None:
        """The match that is selected."""
        cursor = self.text.textCursor()
        if not cursor.hasSelection() or not self._rows:
            return None
        row, start = self.text.where(cursor, end=False)
        if row >= len(self.book.shown):
            return None
        return next((one for one in self._found.matches(row) if self._offset + one.start == start), None)

    def _tell(self) -> None:
        """Say how many lines and matches there are."""
        if self._found.pattern is not None:
            total = self._found.total
            match = self._chosen() if total else None
            words = f"{self._found.number(match):,} of {total:,}" if match else f"{total:,} found"
            if self.searching:
                words = "Searching …"
            self._tell_found(
                words if total or self.searching else "Not found", wrong=not (total or self.searching)
            )
        held, dropped = len(self.book.held), self.book.dropped
        words = counted_lines(held) if self._rows == held else f"{self._rows:,} of {counted_lines(held)}"
        if dropped:
            words += f"  ·  {counted_lines(dropped)} before them are no longer held"
        words = "  ·  ".join(part for part in (words if held else "", self._say) if part)
        if words != self.note.accessibleName():
            self.note.set_full(words)

    def _tell_found(self, text: str, *, wrong: bool = False) -> None:
        if text != self.found.text():
            self.found.setText(text)
        if bool(self.search.property("invalid")) != wrong:
            self.search.setProperty("invalid", wrong)
            self.search.setAccessibleDescription(text if wrong else "")
            restyle(self.search)

    # -- tools ----------------------------------------------------------------------------------------------------

    def _follow_changed(self) -> None:
        if self.follow.isChecked():
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _scrolled(self, value: int) -> None:
        bar = self.text.verticalScrollBar()
        if bar.isSliderDown() or self.text.underMouse():
            self.follow.setChecked(value >= bar.maximum())

    def _follow_if_at_end(self) -> None:
        cursor = self.text.textCursor()
        self.follow.setChecked(cursor.atEnd() and not cursor.hasSelection())
        self._follow_changed()

    def _wrap_changed(self) -> None:
        modes = QPlainTextEdit.LineWrapMode
        self.text.setLineWrapMode(modes.WidgetWidth if self.wrap.isChecked() else modes.NoWrap)
        self.text.dress()

    def _copy(self) -> None:
        chosen = self.text.textCursor().selection().toPlainText()
        QGuiApplication.clipboard().setText(chosen or self.text.toPlainText())

    def _export(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Export the log", str(Path.home() / "log.txt"), "Text (*.txt *.log);;All files (*)"
        )
        if name:
            self.export(Path(name))

    def export(self, target: Path) -> None:
        """Write the shown lines to a file, with their times in UTC and their names."""
        self._written = self._write(target, tuple(self.book.shown))
        self._write_timer.start()

    def _write_on(self) -> None:
        try:
            next(self._written)
        except StopIteration:
            return
        except OSError as error:
            self.say(f"The log cannot be written: {error.strerror}")
            return
        self._write_timer.start()

    def _write(self, target: Path, lines: Sequence[LogLine]) -> Iterator[None]:
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w", encoding="utf-8") as out:
                for place in range(0, len(lines), SLICE_LINES):
                    out.writelines(f"{self._exported(line)}\n" for line in lines[place : place + SLICE_LINES])
                    yield
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        self.say(f"{counted_lines(len(lines))} exported to {target}")

    def _exported(self, line: LogLine) -> str:
        name = self._names.get(line.source, "") if len(self._names) > 1 else ""
        return "  ".join(part for part in (moments.exact(line.moment), name, line.text) if part)


def name_choice(button: QToolButton, title: str, chosen: str, *, active: bool) -> None:
    """Let a tool say what is chosen by it. :param active: it is not what is chosen at first."""
    button.setToolTip(f"{title}: {chosen}")
    button.setAccessibleName(f"{title}: {chosen}")
    if bool(button.property("active")) != active:
        button.setProperty("active", active)
        restyle(button)


def counted_lines(number: int) -> str:
    """``1,234 lines``."""
    return counted(number, "line") if number < 1000 else f"{number:,} lines"


def _short(name: str) -> str:
    """A name that fits in its column: its end tells more, since names of a project begin alike."""
    return name if len(name) <= MAX_NAME else f"…{name[1 - MAX_NAME :]}"
