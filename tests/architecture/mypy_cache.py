"""mypy's cache, kept beside Slipway's images: a fresh checkout of the same packages is checked in seconds."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT
from vm.host import host

UNUSED_SECONDS = 14 * 24 * 3600
"""After which the cache of other packages is removed."""


@contextlib.contextmanager
def mypy_cache(platform: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder for mypy's ``--cache-dir``: a copy of the kept cache, which replaces that one afterwards.

    Two checkouts may be checked at once, so neither writes where the other reads. The kept one is found by the
    lock file's hash, since other packages have other types; one that cannot be read or kept costs only time.

    :param platform: as in mypy's ``--platform``.
    :param parent: the folder of all kept caches, if not the one in Slipway's cache folder.
    """
    parent = parent or host().paths().cache / "mypy"
    lock = hashlib.sha256((ROOT / "installers" / "requirements.lock").read_bytes()).hexdigest()[:16]
    kept = parent / lock / platform
    kept.parent.mkdir(parents=True, exist_ok=True)
    remove_unused(parent, keep=lock)
    with tempfile.TemporaryDirectory(prefix=f"{platform}-", dir=kept.parent) as name:
        own = Path(name) / "new"
        try:
            shutil.copytree(kept, own)
        except OSError:  # shutil.Error is one: there is none yet, or it is being replaced
            shutil.rmtree(own, ignore_errors=True)
        yield own
        with contextlib.suppress(OSError):  # another check has replaced it meanwhile, with as good a one
            if kept.exists():
                kept.rename(Path(name) / "old")
            own.rename(kept)
    kept.parent.touch()


def remove_unused(parent: Path, keep: str) -> None:
    """Remove caches of other lock files that have not been used for long."""
    for folder in parent.iterdir():
        if folder.name != keep and folder.stat().st_mtime < time.time() - UNUSED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
