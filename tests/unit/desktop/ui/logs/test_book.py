"""What the view is told adds up to the held lines that pass the filter, in the order of their times."""

from __future__ import annotations

import re
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.models.logs import book as module
from desktop.ui.models.logs.book import Cut, LogBook, Put, Trim
from desktop.ui.models.logs.levels import Level
from desktop.ui.models.logs.lines import LogLine
from desktop.ui.models.logs.search import LogSearch, compiled


class Screen:
    """A view of a book, with a search in it."""

    def __init__(self, book: LogBook) -> None:
        self.book, self.rows, self.search = book, list[LogLine](), LogSearch(book.shown)

    def turn(self, most: int) -> None:
        for step in self.book.take(most):
            if isinstance(step, Put):
                self.rows[step.row : step.row] = step.lines
            elif isinstance(step, Cut):
                del self.rows[: step.count]
            elif isinstance(step, Trim):
                del self.rows[step.row :]
            else:
                self.rows.clear()
            self.search.follow(step, self.book.shown)

    def finish(self) -> None:
        while self.book.pending:
            self.turn(7)
        while self.search.under_way:
            self.search.look(5)


def line(moment: int, text: str = "x", source: str = "a") -> LogLine:
    return LogLine(moment, source, Level.NONE, text)


def contains(text: str, one: LogLine) -> bool:
    return text in one.text


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["x", "xx", "y", ""])))),
        st.tuples(st.just("turn"), st.integers(0, 9)),
        st.tuples(st.just("choose"), st.sampled_from(["", "x", "y"])),
        st.tuples(st.just("search"), st.sampled_from(["", "x"])),
        st.tuples(st.just("look"), st.integers(0, 9)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=30,
)


@given(ACTIONS, st.sampled_from([1, 200]))
def test_the_screen_shows_what_the_book_says(actions: list[tuple[str, object]], late: int) -> None:
    before, module.MOST_LATE = module.MOST_LATE, late
    try:
        book = LogBook(most_lines=20, most_characters=30)
        screen, wanted = Screen(book), ""
        for name, value in actions:
            if name == "add":
                assert isinstance(value, list)
                book.add([line(moment, text) for moment, text in value])
            elif name == "choose":
                wanted = str(value)
                book.choose(partial(contains, wanted) if wanted else None)
            elif name == "turn":
                screen.turn(int(str(value)))
            elif name == "search":
                screen.search.start(compiled(str(value), regex=False))
            elif name == "look":
                screen.search.look(int(str(value)))
            else:
                book.clear()
        screen.finish()
    finally:
        module.MOST_LATE = before
    moments = [one.moment for one in book.held]
    assert moments == sorted(moments)
    assert len(book.held) <= 20
    assert sum(len(one.text) for one in book.held) <= 30
    assert screen.rows == book.shown == [one for one in book.held if wanted in one.text]
    count = sum(one.text.count("x") for one in screen.rows) if screen.search.pattern else 0
    assert screen.search.total == count


def test_no_line_is_lost_or_shown_twice() -> None:
    book = LogBook(most_lines=1000)
    book.add([line(n, f"a{n}", "a") for n in range(10, 400, 2)])
    book.add([line(n, f"b{n}", "b") for n in range(9, 401, 2)])
    assert [one.moment for one in book.held] == list(range(9, 400))
    assert book.dropped == 0


def test_a_line_without_a_time_comes_where_it_came() -> None:
    book = LogBook()
    book.add([line(5), line(0, "no time"), line(7)])
    book.add([line(6, "late")])
    assert [one.text for one in book.held] == ["x", "no time", "late", "x"]


def test_the_lines_of_others_are_forgotten() -> None:
    book = LogBook()
    book.add([line(1, "mine", "a"), line(2, "theirs", "b")])
    book.keep_sources({"a"})
    assert [one.text for one in book.held] == ["mine"]


def test_what_is_no_longer_held_is_counted() -> None:
    book = LogBook(most_lines=100)
    book.add([line(n) for n in range(250)])
    assert book.dropped + len(book.held) == 250
    assert 90 <= len(book.held) <= 100


def test_matches_one_after_another_round_the_end() -> None:
    book = LogBook()
    book.add([line(1, "one x"), line(2, "none"), line(3, "x and x")])
    screen = Screen(book)
    screen.finish()
    search = screen.search
    search.start(compiled("X", regex=False))
    screen.finish()
    found, row, place = [], 0, 0
    for _ in range(4):
        match = search.next(row, place, backward=False)
        assert match is not None
        found.append((match.row, match.start, search.number(match)))
        row, place = match.row, match.end
    assert found == [(0, 4, 1), (2, 0, 2), (2, 6, 3), (0, 4, 1)]
    back = search.next(0, 4, backward=True)
    assert back is not None
    assert (back.row, back.start) == (2, 6)


def test_an_expression_that_matches_nothing_visible_is_no_match() -> None:
    assert compiled("", regex=True) is None
    book = LogBook()
    book.add([line(1, "abc")])
    screen = Screen(book)
    screen.search.start(re.compile("z*"))
    screen.finish()
    assert screen.search.total == 0
    assert screen.search.next(0, 0, backward=False) is None
