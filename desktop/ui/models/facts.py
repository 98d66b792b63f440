"""What a panel says of an object: names and values, some of which lead elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

USERS = "In use by"


@dataclass(frozen=True)
class Fact:
    """One of them. :ivar links: texts that lead elsewhere, in place of the text."""

    name: str
    text: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """All of one object. :ivar state: in words."""

    title: str
    state: str = ""
    facts: tuple[Fact, ...] = ()
