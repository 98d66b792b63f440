"""The standard streams of a command, where they are closed, a full device, or a pipe whose reader has ended.

It is as with POSIX tools: output that cannot be written makes the exit code non-zero, and one sentence on
standard error says why. That a reader has ended, as in ``slipway logs | head``, needs no sentence. What cannot be
written to standard error (progress, hints) is dropped: it never ends a command.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

EXIT_FAILURE = 1
EXIT_READER_GONE = 141
"""128 + SIGPIPE: what a shell reports of a tool that writes to a pipe without a reader."""

INPUT, OUTPUT, ERRORS = 0, 1, 2
"""Descriptors of the standard streams (unistd.h(0p))."""


class _Output(io.FileIO):
    """Remembers the first error."""

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = self.error or error
            raise


class _Errors(io.FileIO):
    """Drops what cannot be written."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class Streams:
    """The streams of this process; put in place of Python's, unless something else has been already (a test)."""

    def __init__(self) -> None:
        self._output: _Output | None = None
        _occupy(INPUT, os.O_RDONLY)
        _occupy(OUTPUT, os.O_RDONLY)  # so that writing fails as it does with a closed descriptor: EBADF
        _occupy(ERRORS, os.O_WRONLY)
        if sys.stdin is None:
            sys.stdin = open(INPUT, encoding="utf-8", closefd=False)  # noqa: SIM115  # for the process's life
        if sys.stdout is sys.__stdout__ and _is_file(sys.stdout):
            self._output = _Output(OUTPUT, "wb", closefd=False)
            sys.stdout = _text(self._output, sys.stdout, lines=self._output.isatty())
        if sys.stderr is sys.__stderr__ and _is_file(sys.stderr):
            sys.stderr = _text(_Errors(ERRORS, "wb", closefd=False), sys.stderr, lines=True)

    def caused(self, error: BaseException) -> bool:
        """Whether it comes from standard output; click ends the process (SystemExit) where the reader has gone."""
        failure = self._output.error if self._output is not None else None
        return failure is not None and (error is failure or isinstance(error, SystemExit))

    def finish(self, code: int) -> int:
        """Write what has not been written yet.

        :param code: the command's exit code.
        :return: the exit code; not 0 when something could not be written.
        """
        if self._output is None:
            return code
        try:
            sys.stdout.flush()
        except OSError as failure:
            self._output.error = self._output.error or failure
        error = self._output.error
        if error is None:
            return code
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, OUTPUT)  # what is still kept is written when Python ends
        os.close(nowhere)
        if error.errno == errno.EPIPE:
            return EXIT_READER_GONE
        print(f"Error: The output cannot be written: {error.strerror}", file=sys.stderr)
        return code or EXIT_FAILURE


def _occupy(number: int, flags: int) -> None:
    """See that a descriptor is open: else the next file to be opened would get its number."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, flags)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)


def _is_file(stream: TextIO | None) -> bool:
    """Whether it writes to its descriptor and to nothing else, as Windows' console does. None: it was closed."""
    buffer = getattr(stream, "buffer", None)
    return stream is None or type(getattr(buffer, "raw", buffer)) is io.FileIO  # without a buffer: python -u


def _text(raw: io.RawIOBase, former: TextIO | None, *, lines: bool) -> TextIO:
    """A text stream like the one that Python has made; None: it has made none, since the descriptor was closed."""
    encoding = former.encoding if former is not None else "utf-8"
    if encoding.startswith("cp"):  # a code page of Windows lacks most characters; docker writes UTF-8 as well
        encoding = "utf-8"
    errors = former.errors if former is not None else "backslashreplace"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=lines)
