"""What differs between the histories of two images: instructions and layers of both, of the one, of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from desktop.ui.models.format import counted, size
from desktop.ui.models.layers import Step, instruction
from desktop.ui.models.records import Column

BOTH, FIRST, SECOND, CHANGED = "in both", "only in the first", "only in the second", "other content"
"""What a line says of an instruction; ``CHANGED``: both have it, with another layer."""


@dataclass(frozen=True)
class Difference:
    """One instruction. :ivar first, second: the bytes of its layer in each image; None: it is not there."""

    number: int
    text: str
    what: str
    first: int | None
    second: int | None


def differences(first: Sequence[Step], second: Sequence[Step]) -> list[Difference]:
    """The instructions of two images in the order of their histories."""
    texts = [[instruction(step.layer.created_by) for step in steps] for steps in (first, second)]
    found: list[Difference] = []

    def add(a: Step | None, b: Step | None) -> None:
        step = a or b
        assert step is not None
        if a is not None and b is not None:
            what = BOTH if a.chain == b.chain else CHANGED
        else:
            what = FIRST if b is None else SECOND
        sizes = (a.layer.size if a else None, b.layer.size if b else None)
        found.append(Difference(len(found) + 1, instruction(step.layer.created_by), what, *sizes))

    for kind, a0, a1, b0, b1 in SequenceMatcher(a=texts[0], b=texts[1], autojunk=False).get_opcodes():
        if kind == "equal":
            for a, b in zip(first[a0:a1], second[b0:b1], strict=True):
                add(a, b)
        else:
            for a in first[a0:a1]:
                add(a, None)
            for b in second[b0:b1]:
                add(None, b)
    return found


def summary(found: Sequence[Difference]) -> str:
    """``3 of 5 instructions in both; 12 MB only in the first, 14 MB only in the second``."""
    same = sum(item.what == BOTH for item in found)
    less = sum(item.first or 0 for item in found if item.what != BOTH)
    more = sum(item.second or 0 for item in found if item.what != BOTH)
    if same == len(found):
        return f"The same {counted(same, 'instruction')}, with the same layers"
    return f"{same} of {counted(len(found), 'instruction')} in both; {size(less)} {FIRST}, {size(more)} {SECOND}"


def _size(count: int | None) -> str:
    return "" if count is None else size(count)


NUMBER, TEXT, WHAT, FIRST_SIZE, SECOND_SIZE = range(5)


def columns(first: str, second: str) -> tuple[Column, ...]:
    """Those of two images with these names."""
    words = {FIRST: f"only in {first}", SECOND: f"only in {second}"}
    return (
        Column("#", lambda item: f"{item.number}", lambda item: item.number, width=48, right=True),
        Column("Instruction", lambda item: item.text, width=0),
        Column("Where", lambda item: words.get(item.what, item.what), width=200),
        Column(first, lambda item: _size(item.first), lambda item: item.first or -1, width=110, right=True),
        Column(second, lambda item: _size(item.second), lambda item: item.second or -1, width=110, right=True),
    )
