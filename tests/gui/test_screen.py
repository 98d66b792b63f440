"""The terminal's screen: what a full-screen program shows goes away with it, and the shell's comes back."""

from __future__ import annotations

import pyte
import pytest

from desktop.ui.widgets.screen import Screen


def screen() -> tuple[Screen, pyte.Stream]:
    made = Screen(40, 6, 1000)
    return made, pyte.Stream(made)


def shown(made: Screen) -> list[str]:
    return [line.rstrip() for line in made.display if line.strip()]


@pytest.mark.parametrize("mode", [47, 1047, 1049])
def test_the_main_screen_comes_back(mode: int) -> None:
    made, stream = screen()
    stream.feed("one\r\ntwo\r\n\x1b[31m$ vi\x1b[0m")
    before, cursor = shown(made), (made.cursor.x, made.cursor.y)
    stream.feed(f"\x1b[?{mode}h\x1b[H")
    assert shown(made) == []
    stream.feed("\r\n".join(f"~ {number}" for number in range(20)))
    assert shown(made)[-1] == "~ 19"
    stream.feed(f"\x1b[?{mode}l")
    assert shown(made) == before
    assert (made.cursor.x, made.cursor.y) == cursor
    assert made.buffer[2][0].fg == "red"
    assert len(made.history.top) == 0  # nothing of the program's stays above
    stream.feed("!")
    assert shown(made)[-1] == "$ vi!"


def test_lower_and_narrower_meanwhile() -> None:
    made, stream = screen()
    stream.feed("a\r\nb\r\nc\r\nd\r\n$ top")
    stream.feed("\x1b[?1049h")
    made.resize(lines=3, columns=20)
    stream.feed("\x1b[?1049l")
    assert shown(made) == ["c", "d", "$ top"]
    assert made.cursor.y == 2


def test_switched_twice_and_reset() -> None:
    made, stream = screen()
    stream.feed("shell\x1b[?1049h\x1b[Hone\x1b[?1049h\x1b[?1049l\x1b[?1049l")
    assert shown(made) == ["shell"]
    stream.feed("\x1b[?1049h\x1bc")
    assert shown(made) == []
    stream.feed("new\x1b[?1049l")
    assert shown(made) == ["new"]
