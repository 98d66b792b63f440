"""What a window tells the process that opened it: that it is shown, or why it cannot be.

It is one line on standard output, an event of the control API as JSON, which
:func:`desktop.control.window.open_window` reads. This module needs no Qt, which may be what is missing.
"""

from __future__ import annotations

import os
from contextlib import suppress

from desktop.control.codec import encode
from desktop.control.schema import ErrorReport, Event
from vm.errors import UserError

OUTPUT, ERRORS = 1, 2
"""Descriptors of the standard streams (unistd.h(0p))."""


class Report:
    """Made once. :param wanted: whether there is a reader; otherwise nothing is written."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted

    def shown(self) -> None:
        """The window is shown, or the one that was open has come to the front. Idempotent."""
        self._write(Event("done"))

    def failed(self, error: UserError) -> None:
        """It cannot be shown."""
        self._write(Event("error", error=ErrorReport.of(error)))

    def _write(self, event: Event) -> None:
        if not self._wanted:
            return
        self._wanted = False
        with suppress(OSError):  # the reader has gone
            os.write(OUTPUT, encode(event) + b"\n")
        os.dup2(ERRORS, OUTPUT)  # the reader sees the end, and what is printed later has a place
