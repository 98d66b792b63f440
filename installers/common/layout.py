"""How a package's folder is laid out on each system, as far as what the packages share depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """One system's.

    :ivar system: as Go calls it.
    :ivar libraries: where Python finds packages, below the package's folder.
    :ivar suffix: what the names of programs end with.
    :ivar qt: the files of Qt's libraries, as a pattern below ``libraries``.
    """

    system: str
    libraries: str
    suffix: str
    qt: str


WINDOWS = Layout("windows", "python/Lib/site-packages", ".exe", "PySide6/*.dll")
LINUX = Layout("linux", "python/lib/python3.13/site-packages", "", "PySide6/Qt/lib/*")
