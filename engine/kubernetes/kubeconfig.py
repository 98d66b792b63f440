"""The user's kubeconfig: our context in it while Kubernetes is on, and nothing of it afterwards.

kubectl's own rules say which file is written (``kubectl config --help``): of those in KUBECONFIG the first that
exists, and else the last one; without the variable ``~/.kube/config``. A record (JSON) keeps what a merge has
replaced until that is undone.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.kubernetes.kubeconfig_text import (
    NAME,
    SKELETON,
    Entry,
    KubeconfigError,
    Replaced,
    current_context,
    has_entry,
    with_entry,
    without_entry,
)
from vm.files import write_atomically

log = logging.getLogger(__name__)

LOCK_SECONDS = 5.0
"""For another program, which has locked the file, to be done with it."""

LOCK_STALE_SECONDS = 60.0
"""A lock that is older was left by a program that has died: kubectl holds it for milliseconds."""


RECORD = "kubeconfig.json"
"""The record's name, in the folder of Kubernetes (vm/host/paths.py)."""


@dataclass(frozen=True)
class Merged:
    """What was done.

    :ivar path: the file that has our context.    :ivar current: whether it is kubectl's current one.
    """

    path: Path
    current: bool


def files(variable: str, home: Path) -> list[Path]:
    """The files that kubectl reads, in its order.

    :param variable: the value of KUBECONFIG; empty: not set.    :param home: the user's home folder.
    """
    named = [Path(part) for part in variable.split(os.pathsep) if part]
    return named or [home / ".kube" / "config"]


def read_entry(text: str, port: int) -> Entry:
    """Our entry, from the kubeconfig that the cluster makes for its administrator.

    :param port: where the API answers on the host's 127.0.0.1.
    :raise KubeconfigError: it is something else.
    """
    found = []
    for key in ("certificate-authority-data", "client-certificate-data", "client-key-data"):
        value = re.search(rf"^ *{key}: *([A-Za-z0-9+/=]+)$", text, re.MULTILINE)
        if value is None or not base64.b64decode(value[1]).startswith(b"-----BEGIN "):
            raise KubeconfigError("The cluster's own kubeconfig is damaged", detail=f"no {key}")
        found.append(value[1])
    return Entry(f"https://127.0.0.1:{port}", *found)


def standalone(entry: Entry) -> str:
    """A kubeconfig with our entry only."""
    return with_entry(SKELETON, entry, current=True)[0]


class Kubeconfig:
    """Our context in the user's files. Blocks; one at a time.

    :param record: the file that says what to undo.
    """

    def __init__(self, record: Path) -> None:
        self._record = record

    def merge(self, paths: list[Path], entry: Entry, *, use: bool = False) -> Merged:
        """Put our entries into the user's kubeconfig, in place of those of an earlier start.

        :param paths: see :func:`files`.
        :param use: make our context the current one even if there is one.
        :raise KubeconfigError: a file cannot be edited, or has a context of our name that is not ours; all files
            are as they were.
        """
        self.restore()
        existing = [path for path in paths if path.exists()]
        target = _real(existing[0] if existing else paths[-1])
        texts = {path: _read(path) for path in existing}
        for path, text in texts.items():
            if has_entry(text):
                raise KubeconfigError(
                    f"There is already a context, cluster or user “{NAME}” in {path}",
                    f"Rename or delete it, and enable Kubernetes again: kubectl config delete-context {NAME}",
                )
        current = use or not any(current_context(text) for text in texts.values())
        with _locked(target):
            created = not target.exists()
            before = SKELETON if created else _read(target)
            text, replaced = with_entry(before, entry, current=current)
            # first what undoes it: a record of what was not done does no harm
            record = {"path": str(target), "created": created, "replaced": asdict(replaced)}
            _write(self._record, json.dumps(record, indent=1))
            _write(target, text)
        return Merged(target, current)

    def restore(self) -> Path | None:
        """Take our entries out again; the file that had them, None when none has.

        :raise KubeconfigError: the file cannot be edited now.
        """
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            target, created = Path(record["path"]), bool(record["created"])
            replaced = Replaced(**record["replaced"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KubeconfigError(
                "What Slipway changed in your kubeconfig is no longer known",
                f"Remove its entries and this file: kubectl config delete-context {NAME}",
                f"{self._record}: {error}",
            ) from error
        if target.exists():
            with _locked(target):
                text = without_entry(_read(target), replaced)
                if created and text == SKELETON:
                    target.unlink()
                else:
                    _write(target, text)
        self._record.unlink(missing_ok=True)
        return target


def _real(path: Path) -> Path:
    """Where a link leads: the file is replaced, and the link stays."""
    return path.resolve() if path.is_symlink() else path


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")  # as it is: no other line breaks
    except (OSError, ValueError) as error:
        raise KubeconfigError(
            f"The kubeconfig {path} cannot be read", "Check its owner and permissions.", str(error)
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, text.encode("utf-8"), 0o600)
    except OSError as error:
        raise KubeconfigError(
            f"{path} cannot be written: {error.strerror or error}", "Check its folder.", str(error)
        ) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that kubectl's programs hold while they write: the file ``PATH.lock``."""
    lock = path.with_name(f"{path.name}.lock")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError as error:
            if _age(lock) > LOCK_STALE_SECONDS:
                log.warning("removing a lock that was left behind: %s", lock)
                lock.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise KubeconfigError(
                    f"Another program is changing {path}", f"If there is none, delete {lock}.", str(error)
                ) from error
            else:
                time.sleep(0.05)  # there is nothing to wait on
        except OSError as error:
            raise KubeconfigError(
                f"{path} cannot be changed: {error.strerror or error}", "Check its folder.", str(error)
            ) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since a file was written; 0 when it has gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
