"""Random values of any type of the control API, made from its annotations."""

from __future__ import annotations

import dataclasses
import random
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

TEXTS = ("", "a", "ä “quoted” \n", "/home/ada/\udcff", "0", "null", "🐳")
"""The fourth is a file name that is no UTF-8, as Python reads it (PEP 383)."""


class Sampler:
    """Values that depend on the seed alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def value(self, kind: Any) -> Any:
        """One of type ``kind``: a dataclass, an enum, a collection, or what JSON has."""
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self._within(kind)
        if origin in (typing.Union, types.UnionType):
            return self.value(self._random.choice(inner))
        if origin in (list, tuple):
            values = [self.value(inner[0]) for _ in range(self._random.randrange(3))]
            return origin(values)
        if origin is not None and issubclass(origin, Mapping):
            return {self.value(inner[0]): self.value(inner[1]) for _ in range(self._random.randrange(3))}
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            hints = typing.get_type_hints(kind, include_extras=True)
            return kind(**{item.name: self.value(hints[item.name]) for item in dataclasses.fields(kind)})
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._random.choice(list(kind))
        return self._plain(kind)

    def _plain(self, kind: Any) -> Any:
        if kind is Any:
            return self._random.choice([None, 1, -2.5, True, "text", [1, "two"], {"key": [None]}])
        choices: dict[Any, list[Any]] = {
            bool: [True, False],
            int: [0, 1, -3, 2**53],
            float: [0.0, 1.5, -3e9],
            str: list(TEXTS),
            types.NoneType: [None],
        }
        return self._random.choice(choices[kind])

    def _within(self, kind: Any) -> Any:
        """A value that fits the bounds too."""
        base = typing.get_args(kind)[0]
        while True:
            value = self.value(base)
            try:
                return msgspec.convert(value, kind)
            except msgspec.ValidationError:
                continue
