"""Backups of the cluster's state, which it takes by itself every hour (vm/image/kubernetes/program/store)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

NAME = re.compile(r"(\d+)-(.+)-(\d{8}T\d{6}Z)\.db")
TIME = "%Y%m%dT%H%M%S%z"


@dataclass(frozen=True)
class Backup:
    """One of them.

    :ivar number: they are counted from 1.    :ivar version: of Kubernetes that wrote the state: ``v1.37.2``.
    :ivar taken: seconds since 1970, by the machine's clock.    :ivar size: in bytes.
    """

    number: int
    version: str
    taken: float
    size: int

    @property
    def moment(self) -> str:
        """When it was taken, in words."""
        return f"{datetime.fromtimestamp(self.taken, UTC):%Y-%m-%d %H:%M} UTC"


def parse_backups(text: str) -> list[Backup]:
    """Lines of sizes and names, the newest backup first. Other files are none."""
    return sorted(_parse(text), key=lambda one: one.number, reverse=True)


def _parse(text: str) -> Iterator[Backup]:
    for line in text.splitlines():
        size, _, name = line.strip().partition(" ")
        found = NAME.fullmatch(name.strip())
        if found is not None and size.isdigit():
            taken = datetime.strptime(found[3], TIME).timestamp()
            yield Backup(int(found[1]), found[2], taken, int(size))
