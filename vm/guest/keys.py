"""The keys of one installation: each side knows the other's before they connect, so neither trusts on first use.

Both pairs are made once, before the first boot, and pinned: the guest gets its host key and the client's public
key through fw_cfg. A key is never overwritten; one that cannot be read is reported, and the user decides.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from vm.errors import MachineError
from vm.host import host


@dataclass(frozen=True)
class Keys:
    """Four files, OpenSSH's formats (PROTOCOL.key and authorized_keys(5)), ed25519.

    :ivar client_public: one line, which is a whole authorized_keys file too.
    """

    client_private: Path
    client_public: Path
    host_private: Path
    host_public: Path


def ensure_keys(folder: Path) -> Keys:
    """Make the keys in ``folder`` (0700) unless they are there, and check those that are.

    :raise MachineError: a key cannot be made, or one that exists cannot be used.
    """
    keys = Keys(folder / "client", folder / "client.pub", folder / "host", folder / "host.pub")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _ensure_pair(keys.client_private, keys.client_public, "slipway-client")
        _ensure_pair(keys.host_private, keys.host_public, "slipway-guest")
    except OSError as error:
        raise MachineError(
            f"The keys in {folder} cannot be used: {error.strerror}",
            "Check the folder's owner and permissions and the free space.",
            str(error),
        ) from error
    return keys


def write_known_hosts(path: Path, host_public: Path, port: int) -> None:
    """Write the known_hosts file (sshd(8)) which pins the guest's key for the system's ``ssh`` on 127.0.0.1.

    :raise OSError: it cannot be written, or the key not be read.
    """
    kind, blob = host_public.read_text(encoding="utf-8").split()[:2]
    _put(path, f"[127.0.0.1]:{port} {kind} {blob}\n".encode(), replace=True)


def _ensure_pair(private: Path, public: Path, comment: str) -> None:
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        _put(private, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), replace=False)
    line = _public_line(private, comment)
    # the public half follows from the private one, so it may be made again
    if not public.exists() or public.read_bytes() != line:
        _put(public, line, replace=True)


def _public_line(private: Path, comment: str) -> bytes:
    content = private.read_bytes()
    try:
        key = load_ssh_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(private, str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(private, "it is not an ed25519 key")
    host().make_private(private)  # ssh refuses keys others can read
    blob = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return blob + f" {comment}\n".encode()


def _unusable(private: Path, detail: str) -> MachineError:
    return MachineError(
        f"The key {private} cannot be read",
        f"Move {private.name} and {private.name}.pub away; the next start makes new ones. Your data is kept.",
        detail,
    )


def _put(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a whole file (0600) or none; without ``replace``, one that has appeared meanwhile stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if replace or not path.exists():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
