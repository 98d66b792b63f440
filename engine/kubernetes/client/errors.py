"""What can go wrong with a call to a cluster.

UserError (vm.errors)
└── ClusterCallError
    ├── ClusterUnreachable   no answer: refused, broken off, not trusted
    ├── AccessError          a kubeconfig that cannot be used
    ├── ManifestError        a text that is no object
    └── Refused              an HTTP status of 400 or more, with the API's own message
        ├── Forbidden 401, 403     ├── NotFound 404     ├── Conflict 409
        └── Expired 410            └── Invalid 400, 422
Cancellation is never wrapped.
"""

from __future__ import annotations

from vm.errors import UserError


class ClusterCallError(UserError):
    """A call to a cluster failed."""


class ClusterUnreachable(ClusterCallError):
    """There is no answer."""


class AccessError(ClusterCallError):
    """A kubeconfig cannot be read, or says nothing that can be used."""


class ManifestError(ClusterCallError):
    """A text is no object of Kubernetes."""


class Refused(ClusterCallError):
    """The API refused a call, or failed at it. :ivar status: the HTTP status."""

    def __init__(self, message: str, hint: str = "", detail: str = "", status: int = 0) -> None:
        super().__init__(message, hint, detail)
        self.status = status


class Forbidden(Refused):
    """The user is not known, or may not do that."""


class NotFound(Refused):
    """There is no such object."""


class Conflict(Refused):
    """The object has changed meanwhile, or exists already."""


class Expired(Refused):
    """The API no longer has that version; a list has to be fetched again."""


class Invalid(Refused):
    """The object is not acceptable as it is."""


KINDS: dict[int, type[Refused]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
}

HINTS = {
    401: "The kubeconfig's certificate or token is not valid any more.",
    403: "Ask for a role that allows it: kubectl auth can-i --list",
}


def refused(status: int, message: str, call: str) -> Refused:
    """The error for an HTTP status.

    :param message: the API's own.    :param call: method and path, for the technical tail.
    """
    kind = KINDS.get(status, Refused)
    return kind(message or f"The cluster answered with status {status}", HINTS.get(status, ""), call, status)
