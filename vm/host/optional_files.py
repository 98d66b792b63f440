"""Files of the host that Slipway can do without: read where that is possible, else noted and passed over.

The user's and the system's files that no start depends on are read here: certificates, Docker's configuration. One
that is not there is not missed. One that is there and cannot be read (EACCES, ENOTDIR, ELOOP, EIO, EMFILE …) is
noted with what can be done about it, for the status and ``slipway diagnose``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 16 * 1024 * 1024
"""Bytes of one file; the certificates of a distribution have 300,000."""

OPENING: int = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY")
)
"""Without waiting for the other end of a named pipe (open(2))."""

HINTS = {
    errno.EACCES: "Check its owner and permissions.",
    errno.EPERM: "Check its owner and permissions.",
    errno.ENOTDIR: "A part of its path is a file instead of a folder. Rename or remove that file.",
    errno.ELOOP: "It is a symbolic link that leads to itself. Correct or remove the link.",
    errno.EIO: "Its disk, or its network drive, fails. Check that.",
    errno.ESTALE: "Its network drive was disconnected. Connect it again.",
    errno.EMFILE: "Too many files are open. Restart Slipway: slipway stop, slipway start.",
    errno.ENFILE: "Too many files are open on your computer. Close programs.",
    errno.EISDIR: "It is a folder. Rename or remove it.",
    errno.EINVAL: "It is not an ordinary file. Rename or remove it.",
    errno.EFBIG: "It is too large. Rename or remove it.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
    errno.ENOSPC: "Free some space.",
    errno.EROFS: "Its disk is read-only.",
}


SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def hint(path: str | Path, error: OSError) -> str:
    """What the user can do about an error at ``path``."""
    roots = _roots(Path(path)) if error.errno in (errno.EACCES, errno.EPERM) else None
    if roots is not None:  # made by one "sudo docker"
        return f'It belongs to root. Make it yours: sudo chown -R "$(id -un)" {shown(roots)}'
    return HINTS.get(error.errno or 0, "Check its owner, its permissions and its disk.")


def shown(path: str | Path) -> str:
    """A path for the user's eyes: bytes that are not UTF-8 appear as ``\\udcff`` (PEP 383)."""
    return str(path).encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class PassedOver:
    """A file that was left out.

    :ivar reason: the system's words, such as ``Permission denied``.    :ivar hint: what to do about it.
    :ivar shortage: nothing is wrong with the file: this process, or the host, has nothing left to open it with.
    """

    path: str
    reason: str
    hint: str
    shortage: bool = False


class OptionalFiles:
    """One look at the host; all of it blocks.

    :ivar passed_over: what could not be read, in the order in which it was met.
    """

    def __init__(self) -> None:
        self.passed_over: list[PassedOver] = []

    def read(self, path: Path, largest: int = LARGEST) -> bytes | None:
        """The contents of a file; None when it is not there, or was noted.

        :param largest: bytes that it may have.
        """
        with self.noting(path):
            return read(path, largest)
        return None

    def entries(self, folder: Path) -> list[Path]:
        """What is in a folder, in the order of the names; nothing when it is not there, or was noted."""
        with self.noting(folder):
            return sorted(Path(entry.path) for entry in os.scandir(folder))
        return []

    def folders(self, folder: Path) -> list[Path]:
        """The folders in a folder, or links to some."""
        return [path for path in self.entries(folder) if self._is_folder(path)]

    def below(self, folder: Path) -> Iterator[Path]:
        """All in a folder and those below it but folders; symbolic links to folders are not followed."""
        for path in self.entries(folder):
            if self._is_folder(path):
                if not path.is_symlink():
                    yield from self.below(path)
            else:
                yield path

    @contextlib.contextmanager
    def noting(self, path: Path) -> Iterator[None]:
        """Note an error of the system's, unless it says that there is no such file."""
        try:
            yield
        except FileNotFoundError:
            pass
        except OSError as error:
            self.note(path, error)

    def note(self, path: Path, error: OSError) -> None:
        """Note that a file was left out."""
        reason = error.strerror or str(error)
        self.passed_over.append(PassedOver(shown(path), reason, hint(path, error), error.errno in SHORTAGES))

    def _is_folder(self, path: Path) -> bool:
        with self.noting(path):
            return stat.S_ISDIR(path.stat().st_mode)
        return False


def read(path: Path, largest: int = LARGEST) -> bytes:
    """The contents of an ordinary file. Never waits for the other end of a pipe.

    :raise OSError: as the system says; EISDIR, EINVAL: it is a folder, or no ordinary file; EFBIG: it is larger.
    """
    descriptor = os.open(path, OPENING)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            raise OSError(code, os.strerror(code), str(path))
        stream = os.fdopen(descriptor, "rb", closefd=False)
        data = stream.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(data) > largest:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def _roots(path: Path) -> Path | None:
    """The outermost part of a path in the home folder, below it, that belongs to root; None when we are root."""
    home = Path.home()
    if getattr(os, "geteuid", lambda: 0)() == 0 or not path.is_relative_to(home):
        return None
    for part in (*reversed(path.parents), path):
        with contextlib.suppress(OSError):  # what cannot be looked at is below the one that is looked for
            if part != home and part.is_relative_to(home) and part.lstat().st_uid == 0:
                return part
    return None
