"""Which requests are checked, whatever way they are written (Docker API; RFC 9112 section 3.2, RFC 3986)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import unquote_to_bytes

from engine.endpoint.admission.framing import Head, UnclearError


class Kind(Enum):
    """What can make a path of this computer appear in a container, or start one."""

    CREATE_CONTAINER = auto()
    START_CONTAINER = auto()
    CREATE_VOLUME = auto()
    CHANGE_SERVICE = auto()
    """Create or update one: swarm makes its containers, and no client does."""
    SET_PLUGIN = auto()


_VERSION = r"(?:/v[0-9.]+)?"
_ROUTES = [
    (Kind.CREATE_CONTAINER, re.compile(_VERSION + "/containers/create")),
    (Kind.START_CONTAINER, re.compile(_VERSION + "/containers/(?P<name>.+)/(?:start|restart)", re.DOTALL)),
    (Kind.CREATE_VOLUME, re.compile(_VERSION + "/volumes/create")),
    (Kind.CHANGE_SERVICE, re.compile(_VERSION + "/services/(?:create|.+/update)", re.DOTALL)),
    (Kind.SET_PLUGIN, re.compile(_VERSION + "/plugins/.+/set", re.DOTALL)),
]

_ABSOLUTE = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Checked:
    """:ivar name: of the container to start, decoded; empty for the other kinds."""

    kind: Kind
    name: str = ""


def checked(head: Head) -> Checked | None:
    """What a request would do that has to be checked; None: nothing of that.

    Like dockerd's router, it compares the path after its percent-encoding has been removed. Paths with ``//``
    or ``.`` in them are redirected there, whatever they lead to, and so never reach anything.

    :raise UnclearError: the target is neither a path nor a URL
    """
    path = _path(head.target)
    if head.method != b"POST":
        return None
    for kind, route in _ROUTES:
        match = route.fullmatch(path)
        if match is not None:
            return Checked(kind, match.groupdict().get("name", ""))
    return None


def _path(target: bytes) -> str:
    """The decoded path of a request's target. :raise UnclearError: it has none."""
    path = target.partition(b"?")[0]
    absolute = _ABSOLUTE.match(path)
    if absolute is not None:
        path = path[absolute.end() :] or b"/"
    if path != b"*" and not path.startswith(b"/"):
        raise UnclearError("its target is no path")
    if _BAD_ESCAPE.search(path):
        raise UnclearError("its path has a “%” that encodes nothing")
    return unquote_to_bytes(path).decode("utf-8", errors="surrogateescape")
