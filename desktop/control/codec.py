"""Values of the schema as JSON (RFC 8259) and back, checked against their types.

Used by both ends of the control API and for files of timings. JSON comes from the standard library, which carries
file names that are no UTF-8; msgspec checks types. Unknown fields are ignored, since the peer may be newer.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class DecodeError(ValueError):
    """The data does not fit its type; the message names the field, as ``$.stages[0].name``."""


def dump(value: Any) -> Any:
    """A value of the schema as plain data: what JSON has."""
    return msgspec.to_builtins(value, enc_hook=_plain)


def _plain(value: object) -> str:
    """Texts that know more than their letters (:class:`desktop.settings.phrases.Phrase`) are texts here."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not in the schema")


def load(kind: type[T], plain: Any, *, text: bool = False) -> T:
    """A ``kind`` from plain data.

    :param text: numbers and truth values may be given as text, as in a URL's query.
    :raise DecodeError: the data does not fit.
    """
    try:
        return msgspec.convert(plain, kind, strict=not text)
    except msgspec.ValidationError as error:
        raise DecodeError(str(error)) from error


def encode(value: Any, *, indent: int | None = None) -> bytes:
    """A value of the schema as JSON, on one line unless ``indent`` is given."""
    return json.dumps(dump(value), indent=indent).encode()


def decode(kind: type[T], data: bytes | str) -> T:
    """A ``kind`` from JSON.

    :raise DecodeError: the data is not JSON, or does not fit.
    """
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from error
    return load(kind, plain)
