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
    COPY_FILES = auto()
    """From or to a container: dockerd mounts for it what the container mounts, whether that runs or not."""
    CREATE_VOLUME = auto()
    CHANGE_SERVICE = auto()
    """Create or update one: swarm makes its containers, and no client does."""
    SET_PLUGIN = auto()
    ENABLE_PLUGIN = auto()
    """Start one. What it mounts comes with it: from a registry, or from an archive of the client's."""


_POST = (b"POST",)
_ANY = (b"GET", b"HEAD", b"PUT", b"POST")
_ROUTES = [
    (Kind.CREATE_CONTAINER, _POST, "/containers/create"),
    (Kind.START_CONTAINER, _POST, "/containers/(?P<name>.+)/(?:start|restart)"),
    (Kind.COPY_FILES, _ANY, "/containers/(?P<name>.+)/(?:archive|copy)"),
    (Kind.CREATE_VOLUME, _POST, "/volumes/create"),
    (Kind.CHANGE_SERVICE, _POST, "/services/(?:create|.+/update)"),
    (Kind.SET_PLUGIN, _POST, "/plugins/(?P<name>.+)/set"),
    (Kind.ENABLE_PLUGIN, _POST, "/plugins/(?P<name>.+)/enable"),
]
_PATTERNS = [(kind, methods, re.compile("(?:/v[0-9.]+)?" + path, re.DOTALL)) for kind, methods, path in _ROUTES]

_ABSOLUTE = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Checked:
    """:ivar name: of the container or plugin, decoded; empty where the request creates one, and for services."""

    kind: Kind
    name: str = ""

    @property
    def streams(self) -> bool:
        """Whether its body is none of the check's, and may be long."""
        return self.kind is Kind.COPY_FILES


def checked(head: Head) -> Checked | None:
    """What a request would do that has to be checked; None: nothing of that.

    Like dockerd's router, it compares the path after its percent-encoding has been removed. Paths with ``//``
    or ``.`` in them are redirected there, whatever they lead to, and so never reach anything.

    :raise UnclearError: the target is neither a path nor a URL
    """
    path = _path(head.target)
    for kind, methods, pattern in _PATTERNS:
        match = pattern.fullmatch(path) if head.method in methods else None
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
