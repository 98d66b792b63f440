"""Which names of a guest's Windows can have, and how they are written there. Pure: looks at no disk."""

from __future__ import annotations

import errno
import os
import re

_IMPOSSIBLE = re.compile(r'[\x00-\x1f"*:<>?\\|]')
"""No name has these: separators, streams (``:``), and patterns and redirections of Windows' programs."""

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?", re.IGNORECASE)
"""Windows' programs take these for devices, whatever they end with (Naming Files, Paths, and Namespaces)."""

LONGEST = 255


def spelled(path: bytes, *, new: bool = False) -> list[str]:
    """The names that ``path`` consists of, as the kernel of Windows takes them.

    A name that Windows' programs cannot use, such as ``nul.txt`` or ``a.``, is only refused where it is made.

    :param new: the last one is to be made.
    :raise OSError: ENOENT: there is no such name. EINVAL: it cannot be made. ENAMETOOLONG.
    """
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise OSError(errno.ENOENT, "not a name in this folder")
    names = [_decoded(part, new=new and place == len(parts)) for place, part in enumerate(parts, 1)]
    if new and names and not is_usable(names[-1]):
        raise OSError(errno.EINVAL, "not a name that Windows' programs can use")
    return names


def shown(name: str) -> bytes:
    """A name of Windows' as the guest sees it."""
    return name.encode("utf-8", "surrogatepass")


def is_usable(name: str) -> bool:
    """Whether Windows' own programs can open a file of this name."""
    return not name.endswith((".", " ")) and not _RESERVED.fullmatch(name)


def _decoded(part: bytes, *, new: bool) -> str:
    try:
        name = part.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        name = "\0"
    if _IMPOSSIBLE.search(name):
        number = errno.EINVAL if new else errno.ENOENT
        raise OSError(number, "not a name that Windows can have")
    if len(name.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    return name
