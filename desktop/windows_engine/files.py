"""Errors of work with files, as the user is told them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from vm.errors import HostError


@contextmanager
def told(message: str, hint: str = "Try again.") -> Iterator[None]:
    """Around work with files. :raise HostError: the system refuses it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            hint = "Free space on this disk, and try again."
        raise HostError(f"{message}: {error.strerror}", hint, repr(error)) from error
