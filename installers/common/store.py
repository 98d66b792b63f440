"""What a package is made of, kept in the cache folder under a hash of what it is made from.

Downloads and compilations take minutes, and neither depends on the checkout that asks for them. So each piece is
made once for all checkouts, and again only when what it is made from has changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from installers.checkout.console import say
from vm.host import host, try_lock

POLL_SECONDS = 0.2
"""How often a process tries to get the lock of a piece that another one is making."""


def store_folder() -> Path:
    """Where the pieces are kept."""
    return host().paths().cache / "packages"


def key_of(*inputs: bytes | str) -> str:
    """A short hash of a piece's inputs; each counts by itself, so moving text from one to the next changes it."""
    digest = hashlib.sha256()
    for value in inputs:
        data = value.encode() if isinstance(value, str) else value
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def keep(name: str, key: str, make: Callable[[Path], None], folder: Path | None = None) -> Path:
    """The piece ``name`` as made from the inputs with ``key``; made first when it is not there.

    Processes that ask at the same time wait for the first of them.

    :param make: fills a new empty folder; when it fails, nothing is kept.
    :param folder: where to keep it; None: :func:`store_folder`.
    """
    folder = folder or store_folder()
    target = folder / f"{name}-{key}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{name}.lock"):
        if target.exists():
            return target
        begun = time.monotonic()
        say(f"· making {name}")
        made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
        try:
            make(made)
            made.chmod(0o755)
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        say(f"  {name}: done in {time.monotonic() - begun:.0f} s")
    return target


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file; wait while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not try_lock(descriptor):
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
