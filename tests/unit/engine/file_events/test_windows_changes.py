"""What Windows reports of a folder's changes: from bytes to changes, and which of them are moves."""

from __future__ import annotations

import struct

import pytest

from engine.file_events.windows_changes import (
    ADDED,
    IS_DIRECTORY,
    MODIFIED,
    NEW_NAME,
    OLD_NAME,
    REMOVED,
    Change,
    paired,
    parse,
)


def buffer(*records: bytes) -> bytes:
    """The records, each with the distance to the next in front."""
    data = b""
    for number, record in enumerate(records):
        padded = record + bytes(-(4 + len(record)) % 8)
        data += (4 + len(padded) if number + 1 < len(records) else 0).to_bytes(4, "little") + padded
    return data


def extended(action: int, name: str, attributes: int, identity: int) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack("<I6qIIqqI", action, *range(6), attributes, 0, identity, 77, len(text)) + text


def brief(action: int, name: str) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack("<II", action, len(text)) + text


def test_extended_reports() -> None:
    data = buffer(extended(ADDED, r"ordner\größe 😀", 0x20, 5), extended(REMOVED, "x", IS_DIRECTORY, 6))
    assert list(parse(data, extended=True)) == [
        Change(ADDED, r"ordner\größe 😀", folder=False, identity=5),
        Change(REMOVED, "x", folder=True, identity=6),
    ]


def test_brief_reports() -> None:
    data = buffer(brief(MODIFIED, r"a\b"), brief(OLD_NAME, "é"), brief(NEW_NAME, "n"))
    assert [change.name for change in parse(data, extended=False)][:2] == [r"a\b", "é"]
    assert [change.action for change in parse(data, extended=False)] == [MODIFIED, OLD_NAME, NEW_NAME]
    assert list(parse(b"", extended=False)) == []


MOVED = Change(NEW_NAME, r"b\y", folder=False, identity=1, before=r"a\x")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param(
            [Change(OLD_NAME, "x"), Change(NEW_NAME, "y")], [Change(NEW_NAME, "y", before="x")], id="a rename"
        ),
        pytest.param(
            [Change(REMOVED, r"a\x", False, 1), Change(MODIFIED, "a", True, 9), Change(ADDED, r"b\y", False, 1)],
            [Change(MODIFIED, "a", True, 9), MOVED],
            id="a move between folders",
        ),
        pytest.param(
            [Change(REMOVED, r"a\x", False, 1), Change(ADDED, r"b\y", False, 2)],
            [Change(REMOVED, r"a\x", False, 1), Change(ADDED, r"b\y", False, 2)],
            id="two files",
        ),
        pytest.param(
            [Change(REMOVED, r"a\x"), Change(ADDED, r"b\y")],
            [Change(REMOVED, r"a\x"), Change(ADDED, r"b\y")],
            id="without identities",
        ),
        pytest.param(
            [Change(REMOVED, "x", False, 1), Change(ADDED, "x", False, 2), Change(ADDED, "y", False, 1)],
            [Change(REMOVED, "x", False, 1), Change(ADDED, "x", False, 2), Change(ADDED, "y", False, 1)],
            id="another file in its place before it arrives",
        ),
        pytest.param(
            [Change(ADDED, "y", False, 1), Change(REMOVED, "x", False, 1)],
            [Change(ADDED, "y", False, 1), Change(REMOVED, "x", False, 1)],
            id="a second name, and the end of the first",
        ),
        pytest.param(
            [Change(REMOVED, "f"), Change(OLD_NAME, "f"), Change(NEW_NAME, "F")],
            [Change(NEW_NAME, "F", before="f")],
            id="other letters",
        ),
        pytest.param(
            [
                Change(OLD_NAME, "a", False, 1),
                Change(OLD_NAME, "b", False, 2),
                Change(NEW_NAME, "d", False, 2),
                Change(NEW_NAME, "c", False, 1),
            ],
            [Change(NEW_NAME, "d", False, 2, "b"), Change(NEW_NAME, "c", False, 1, "a")],
            id="two renames at once",
        ),
        pytest.param(
            [Change(NEW_NAME, "y", False, 1), Change(OLD_NAME, "x", False, 2)],
            [Change(ADDED, "y", False, 1), Change(REMOVED, "x", False, 2)],
            id="halves",
        ),
    ],
)
def test_pairs(changes: list[Change], wanted: list[Change]) -> None:
    assert paired(changes) == wanted
