"""Errors on their way from the supervisor to its clients."""

from __future__ import annotations

from dataclasses import dataclass

from vm.errors import UserError


@dataclass(frozen=True)
class ErrorReport:
    """A :class:`vm.errors.UserError` as data."""

    code: str
    message: str
    hint: str = ""
    detail: str = ""

    @classmethod
    def of(cls, error: UserError) -> ErrorReport:
        """The report of ``error``."""
        return cls(error.code, error.message, error.hint, error.detail)

    @classmethod
    def unforeseen(cls, what: str, error: BaseException) -> ErrorReport:
        """The report of an unexpected error. Its traceback belongs in the log.

        :param what: what failed, as the subject of a sentence.
        """
        return cls("Unforeseen", f"{what} failed unexpectedly: {error!r}", "See: slipway logs")

    def to_error(self) -> RemoteError:
        """The error again, to be raised in the client."""
        return RemoteError(self.code, self.message, self.hint, self.detail)


class RemoteError(UserError):
    """An error that the supervisor reported; ``code`` is the original's."""

    def __init__(self, code: str, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint, detail)
        self._code = code

    @property
    def code(self) -> str:
        return self._code
