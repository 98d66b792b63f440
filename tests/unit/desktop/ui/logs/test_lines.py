"""Frames become lines: whole ones, with their times and levels."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.models.logs.levels import Level
from desktop.ui.models.logs.lines import MAX_LINE, LineReader

STAMP = "2026-11-30T23:39:01.000000001Z "


@given(st.lists(st.text(alphabet="aö🐳 \t", max_size=20), max_size=6), st.lists(st.integers(0, 60), max_size=6))
def test_lines_are_whole_wherever_frames_are_cut(texts: list[str], cuts: list[int]) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()
    reader, found = LineReader("web"), []
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        found += reader.feed(data[begin:end])
    assert [line.text for line in (*found, *reader.finish())] == texts


def test_both_streams_have_lines_of_their_own() -> None:
    reader = LineReader("web")
    assert reader.feed(b"out ", 1) == []
    assert [line.text for line in reader.feed(b"error: x\n", 2)] == ["error: x"]
    assert [line.text for line in reader.feed(b"put\n", 1)] == ["out put"]


def test_times_are_taken_off_and_kept_to_the_nanosecond() -> None:
    reader = LineReader("web", stamped=True)
    (line,) = reader.feed(f"{STAMP}hello\r\n".encode())
    assert (line.text, line.moment, line.source) == ("hello", 1_796_081_941_000_000_001, "web")
    assert reader.last == line.moment


def test_dockerd_stamps_each_part_of_a_long_line() -> None:
    reader = LineReader(stamped=True)
    assert reader.feed(f"{STAMP}first ".encode()) == []
    (line,) = reader.feed(f"{STAMP}second\n".encode())
    assert line.text == "first second"


def test_what_cannot_be_a_time_stays() -> None:
    reader = LineReader(stamped=True)
    (line,) = reader.feed(b"2026-13-40T99:39:01Z x\n")
    assert (line.text, line.moment) == ("2026-13-40T99:39:01Z x", 0)


def test_a_progress_bar_shows_what_a_terminal_would() -> None:
    (line,) = LineReader().feed(b"10 %\r50 %\r100 %\r\n")
    assert line.text == "100 %"


def test_what_would_break_a_row_is_taken_out() -> None:
    (line,) = LineReader().feed("a\u2029b\x0bc\x00d\n".encode())
    assert line.text == "abcd"


def test_long_lines_are_cut_and_say_so() -> None:
    (line,) = LineReader().feed(b"x" * (MAX_LINE + 1234) + b"\n")
    assert line.text.endswith("x … (1,234 more characters)")


def test_a_stack_trace_has_the_level_of_its_error() -> None:
    lines = LineReader().feed(b"INFO up\n  detail\nERROR down\n  at one\n  at two\nnext\n")
    assert [line.level for line in lines] == [
        Level.INFO,
        Level.NONE,
        Level.ERROR,
        Level.ERROR,
        Level.ERROR,
        Level.NONE,
    ]
