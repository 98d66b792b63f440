"""What can go wrong with a call to the engine, by what a caller can do about it.

EngineError (vm.errors)
├── EngineUnreachable     no answer: no socket, refused, broken off
│   ├── SshFailed         ssh cannot log in, or the other computer has no engine
│   │   ├── HostKeyUnknown    nobody has confirmed the other computer's key yet; it carries the fingerprint
│   │   └── LoginNeeded   ssh asks for a password or a passphrase, and was not given it
│   └── TlsFailed         one of the two sides does not trust the other's certificate
├── StreamBroken          an answer that does not follow the protocol, or ended in the middle
├── WrongPlatform         an image is for another platform; Slipway's endpoint has said what to do about it
├── ProgressError         a pull, push, build or load failed after it had begun; reported in its stream
└── ApiError              an HTTP status of 400 or more, with the engine's own message
    ├── BadParameter 400  ├── Denied 401, 403   ├── NotFound 404      ├── Conflict 409
    └── ServerError 500   └── NotSupported 501  └── Unavailable 503
Cancellation is never wrapped.
"""

from __future__ import annotations

from vm.errors import EngineError


class EngineUnreachable(EngineError):
    """There is no answer on the socket."""


class SshFailed(EngineUnreachable):
    """ssh cannot log in to the other computer, or there is no engine that it could reach."""


class HostKeyUnknown(SshFailed):
    """Nobody has confirmed yet that the other computer's key is its own.

    :ivar fingerprint: as OpenSSH shows it, ``SHA256:…``; empty where it is not known.
    """

    def __init__(self, message: str, hint: str = "", detail: str = "", fingerprint: str = "") -> None:
        super().__init__(message, hint, detail)
        self.fingerprint = fingerprint


class LoginNeeded(SshFailed):
    """ssh asks for a password or a passphrase, and was not given it."""


class TlsFailed(EngineUnreachable):
    """One of the two sides does not trust the other's certificate."""


class StreamBroken(EngineError):
    """An answer does not follow the protocol, or ended in the middle."""


class WrongPlatform(EngineError):
    """An image is for another platform than the engine runs; the hint is what to do about it."""


class ProgressError(EngineError):
    """Long work failed after its answer had begun (``errorDetail`` in the stream)."""


class ApiError(EngineError):
    """The engine refused, or failed at, a call.

    :ivar status: the HTTP status.
    """

    def __init__(self, message: str, hint: str = "", detail: str = "", status: int = 0) -> None:
        super().__init__(message, hint, detail)
        self.status = status


class BadParameter(ApiError):
    """The request is not acceptable as it is."""


class Denied(ApiError):
    """Credentials are missing or not good enough."""


class NotFound(ApiError):
    """There is no such object."""


class Conflict(ApiError):
    """The object's state, or another object, forbids it."""


class ServerError(ApiError):
    """The engine failed."""


class NotSupported(ApiError):
    """This engine cannot do that."""


class Unavailable(ApiError):
    """The engine is not up; the socket answers for it."""


KINDS: dict[int, type[ApiError]] = {
    400: BadParameter,
    401: Denied,
    403: Denied,
    404: NotFound,
    409: Conflict,
    500: ServerError,
    501: NotSupported,
    503: Unavailable,
}

HINTS = {
    401: "Log in to the registry: docker login",
    403: "Log in to the registry: docker login",
    500: "See what the engine says: slipway logs --source dockerd",
}


def wrong_platform(message: str, hint: str, detail: str) -> WrongPlatform:
    """What Slipway's endpoint has told about a pull. :param message: the engine's, and behind it the hint."""
    return WrongPlatform(message.removesuffix(hint).rstrip(". "), hint, detail)


def api_error(status: int, message: str, call: str) -> ApiError:
    """The error for an HTTP status.

    :param message: the engine's.    :param call: method and path, for the technical tail.
    """
    kind = KINDS.get(status, ApiError)
    return kind(message or f"The engine answered with status {status}", HINTS.get(status, ""), call, status)
