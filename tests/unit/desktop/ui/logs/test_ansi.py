"""Control sequences become colours and links; the text has none of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.models.logs.ansi import Span, Style, links, plain, spans

PIECES = st.one_of(
    st.text(max_size=8),
    st.lists(st.integers(0, 120), max_size=6).map(lambda codes: f"\x1b[{';'.join(map(str, codes))}m"),
    st.sampled_from(
        ["\x1b]8;;https://example.com\x1b\\", "\x1b]8;;\x07", "\x1b[K", "\x1b", "\x1b[38;5m", "\x1bM"]
    ),
)


@given(st.lists(PIECES).map("".join))
def test_spans_lie_within_the_text(raw: str) -> None:
    text, place = plain(raw), 0
    assert "\x1b" not in text
    assert "\n" not in text
    for span in spans(raw):
        assert place <= span.start < span.end <= len(text)
        place = span.end
    for link in links(text, raw):
        assert 0 <= link.start < link.end <= len(text)


def test_colours() -> None:
    raw = "a\x1b[31mred\x1b[0m b\x1b[1;97;44mwhite on blue\x1b[49mno ground\x1b[m."
    assert plain(raw) == "ared bwhite on blueno ground."
    assert spans(raw) == [
        Span(1, 4, Style(ink=1)),
        Span(6, 19, Style(ink=15, ground=4)),
        Span(19, 28, Style(ink=15)),
    ]


def test_many_colours() -> None:
    styles = [span.style.ink for span in spans("\x1b[38;5;9mA\x1b[38;5;208mB\x1b[38;5;244mC\x1b[38;2;1;2;300mD")]
    assert styles == [9, (255, 135, 0), (128, 128, 128), (1, 2, 255)]


def test_links_of_the_program_and_in_the_text() -> None:
    raw = "see \x1b]8;id=1;https://example.com/a\x1b\\the page\x1b]8;;\x1b\\, or (http://localhost:8080/x)."
    text = plain(raw)
    assert text == "see the page, or (http://localhost:8080/x)."
    found = [(text[one.start : one.end], one.style.link) for one in links(text, raw)]
    assert found == [("the page", "https://example.com/a"), ("http://localhost:8080/x", "http://localhost:8080/x")]


def test_only_addresses_of_the_web_are_links() -> None:
    raw = "\x1b]8;;file:///etc/passwd\x07x\x1b]8;;\x07 javascript:alert(1)"
    assert links(plain(raw), raw) == []
