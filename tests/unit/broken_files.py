"""Files that are there and cannot be read, one for each kind of error that a system has for that."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KINDS = {
    "a link to itself": errno.ELOOP,
    "a file for a folder": errno.ENOTDIR,
    "a disk that fails": errno.EIO,
    "no descriptors": errno.EMFILE,
    "another user's": errno.EACCES,
    "a folder for a file": errno.EISDIR,
    "a pipe": errno.EINVAL,
}
"""What is wrong → the error that reading says."""

NOBODY = 65534


@contextmanager
def roomy_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-broken-", dir="/tmp")).resolve()
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def broken(path: Path, kind: str) -> Iterator[Path]:
    """Reading ``path`` fails while the context lasts; its folder is made. What it had is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "a link to itself":
        path.symlink_to(path.name)
    elif kind == "a file for a folder":
        path.parent.rmdir()
        path.parent.write_text("not a folder")
    elif kind == "a disk that fails":
        path.symlink_to("/proc/self/mem")  # proc(5): reading what is not mapped is EIO
    elif kind == "a folder for a file":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.write_text("{}")
    if kind == "no descriptors":
        with _no_descriptors():
            yield path
    elif kind == "another user's":
        path.parent.chmod(0o700)
        with as_nobody():
            yield path
    else:
        yield path


@contextmanager
def as_nobody() -> Iterator[None]:
    """Have the rights of an ordinary user, to whom nothing here belongs. Needs an administrator's."""
    if os.geteuid() != 0:
        pytest.skip("only an administrator can become another user")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def _no_descriptors() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    try:
        while True:
            try:
                held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
