"""Our entries in the text of a kubeconfig: put in and taken out by whole lines, so that all else stays as it is.

A kubeconfig is YAML with three lists: clusters, contexts and users. Programs write it in block style, as kubectl
does. Text in another style (JSON, flow lists) is not edited but refused, since a rewrite would lose what people
wrote: comments, order, spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from vm.errors import UserError

NAME = "slipway"
LISTS = ("clusters", "contexts", "users")
CURRENT = "current-context"
SKELETON = "apiVersion: v1\nkind: Config\npreferences: {}\n"
"""What a new file begins with."""

KEY = re.compile(r"([A-Za-z][\w-]*):(?:[ \t]+(.*?))?[ \t]*$")
NOTHING = ("", "[]", "null", "~", '""', "''")
IGNORED = re.compile(r"[ \t]*(#.*)?$")


class KubeconfigError(UserError):
    """A kubeconfig cannot be read, edited or written."""


@dataclass(frozen=True)
class Entry:
    """A user's way to a cluster.

    :ivar server: its URL.    :ivar authority: PEM in base64; so are the other two.
    """

    server: str
    authority: str
    certificate: str
    key: str

    def items(self) -> dict[str, list[str]]:
        """The item of each list, as lines without indentation."""
        return {
            "clusters": [
                "- cluster:",
                f"    certificate-authority-data: {self.authority}",
                f"    server: {self.server}",
                f"  name: {NAME}",
            ],
            "contexts": ["- context:", f"    cluster: {NAME}", f"    user: {NAME}", f"  name: {NAME}"],
            "users": [
                f"- name: {NAME}",
                "  user:",
                f"    client-certificate-data: {self.certificate}",
                f"    client-key-data: {self.key}",
            ],
        }


@dataclass(frozen=True)
class Replaced:
    """What has to come back when our entries go.

    :ivar lines: key → its line before; None where there was none.
    :ivar open_end: the text did not end with a line break.
    :ivar current: whether we made our context the current one.
    """

    lines: dict[str, str | None] = field(default_factory=dict)
    open_end: bool = False
    current: bool = False


@dataclass
class _Block:
    """A key at the left margin, and what belongs to it.

    :ivar at: index of its line.    :ivar end: index after its last line that is neither empty nor a comment.
    :ivar value: what follows on its line, without a comment.
    """

    at: int
    end: int
    value: str


def has_entry(text: str) -> bool:
    """Whether any of the three lists has an item of our name.

    :raise KubeconfigError: the text is in a style that is not edited.
    """
    lines = text.splitlines(keepends=True)
    blocks = _blocks(lines)
    return any(_ours(lines, blocks[name]) is not None for name in LISTS if name in blocks)


def current_context(text: str) -> str:
    """The current context; empty when there is none.

    :raise KubeconfigError: the text is in a style that is not edited.
    """
    block = _blocks(text.splitlines(keepends=True)).get(CURRENT)
    return "" if block is None or block.value in NOTHING else block.value.strip("\"'")


def with_entry(text: str, entry: Entry, *, current: bool) -> tuple[str, Replaced]:
    """The text with our entries, which it must not have yet, and how to undo that.

    :param current: make our context the current one.
    :raise KubeconfigError: the text is in a style that is not edited.
    """
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    open_end = bool(lines) and not lines[-1].endswith("\n")
    if open_end:
        lines[-1] += newline
    before: dict[str, str | None] = {}
    for name, item in entry.items().items():
        block = _blocks(lines).get(name)
        if block is None:
            before[name] = None
            lines += [f"{name}:{newline}", *(f"{line}{newline}" for line in item)]
            continue
        if block.value:
            before[name] = lines[block.at]
            lines[block.at] = f"{name}:{newline}"
        indent = " " * _indent(lines, block)
        lines[block.end : block.end] = [f"{indent}{line}{newline}" for line in item]
    if current:
        block = _blocks(lines).get(CURRENT)
        before[CURRENT] = None if block is None else lines[block.at]
        line = f"{CURRENT}: {NAME}{newline}"
        if block is None:
            lines.append(line)
        else:
            lines[block.at : block.end] = [line]
    return "".join(lines), Replaced(before, open_end, current)


def without_entry(text: str, replaced: Replaced) -> str:
    """The text without our entries, and with what they have replaced; nothing happens where there are none.

    :raise KubeconfigError: the text is in a style that is not edited.
    """
    lines = text.splitlines(keepends=True)
    block = _blocks(lines).get(CURRENT)
    if block is not None and current_context(text) == NAME:
        old = replaced.lines.get(CURRENT) if replaced.current else f'{CURRENT}: ""\n'
        lines[block.at : block.end] = [] if old is None else [old]
    for name in LISTS:
        block = _blocks(lines).get(name)
        found = None if block is None else _ours(lines, block)
        if block is None or found is None:
            continue
        del lines[slice(*found)]
        block = _blocks(lines)[name]
        if block.end == block.at + 1 and name in replaced.lines:  # nothing is left in the list
            old = replaced.lines[name]
            lines[block.at : block.at + 1] = [] if old is None else [old]
    if replaced.open_end and lines:
        lines[-1] = lines[-1].rstrip("\r\n")
    return "".join(lines)


def _blocks(lines: list[str]) -> dict[str, _Block]:
    """The keys at the left margin.

    :raise KubeconfigError: there is something else.
    """
    blocks: dict[str, _Block] = {}
    last: _Block | None = None
    for number, line in enumerate(lines):
        text = line.rstrip("\r\n")
        if IGNORED.match(text) or (text == "---" and not blocks):
            continue
        if text[0] in " -" and last is not None and not text.startswith("---"):
            last.end = number + 1
            continue
        found = KEY.match(text)
        if found is None or found[1] in blocks:
            raise _refused(number, text)
        value = re.sub(r"(^|[ \t])#.*", "", found[2] or "").strip()
        last = blocks[found[1]] = _Block(number, number + 1, value)
    for name in LISTS:
        block = blocks.get(name)
        if block is not None and (block.value not in NOTHING or (block.value and block.end > block.at + 1)):
            raise _refused(block.at, lines[block.at])
    return blocks


def _indent(lines: list[str], block: _Block) -> int:
    """How far the items of a list are indented."""
    return next((len(line) - len(line.lstrip(" ")) for _, line in _inside(lines, block)), 0)


def _inside(lines: list[str], block: _Block) -> Iterator[tuple[int, str]]:
    """The lines of a block below its key that say something."""
    for number in range(block.at + 1, block.end):
        if not IGNORED.match(lines[number].rstrip("\r\n")):
            yield number, lines[number]


def _ours(lines: list[str], block: _Block) -> tuple[int, int] | None:
    """Where our item begins and ends in a list.

    :raise KubeconfigError: the list has an item in another style.
    """
    indent = _indent(lines, block)
    starts: list[int] = []
    for number, line in _inside(lines, block):
        depth = len(line) - len(line.lstrip(" "))
        if depth < indent or (depth == indent and not re.match(r"- +[A-Za-z]", line[indent:])):
            raise _refused(number, line.rstrip())
        if depth == indent:
            starts.append(number)
    for start, end in pairwise([*starts, block.end]):
        first = lines[start][indent + 1 :]
        column = indent + 1 + len(first) - len(first.lstrip(" "))
        for number in range(start, end):
            line = " " * (indent + 1) + first if number == start else lines[number]
            found = KEY.match(line[column:].rstrip("\r\n")) if line[:column].strip() == "" else None
            if found and found[1] == "name" and (found[2] or "").strip("\"'") == NAME:
                return start, _last(lines, start, end)
    return None


def _last(lines: list[str], start: int, end: int) -> int:
    """The end of an item without the comments and empty lines that follow it."""
    while end > start + 1 and IGNORED.match(lines[end - 1].rstrip("\r\n")):
        end -= 1
    return end


def _refused(number: int, line: str) -> KubeconfigError:
    return KubeconfigError(
        "The kubeconfig is written in a style that Slipway does not edit",
        "Rewrite it once by kubectl itself: kubectl config set-context --current; or add Slipway's own file to "
        "KUBECONFIG: slipway kubernetes status shows where it is.",
        f"line {number + 1}: {line[:80]!r}",
    )
