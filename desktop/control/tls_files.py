"""What clients of the control API need beside its calls: the folder that a client of the TLS listener gets, the
command that makes a Docker context of it, and the warning before others can reach the engine."""

from __future__ import annotations

import ipaddress
import shlex
from pathlib import Path

from desktop.control.schema import TlsBundle
from vm.errors import HostError
from vm.files import write_atomically
from vm.host import host

CA, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"
"""As the docker command looks for them in DOCKER_CERT_PATH."""

REACHABLE = (
    "{address} is not a loopback address: other computers can connect to it. Slipway lets in only those with a "
    "certificate that you made, and each of these has full control of the engine, and so of your shared folders."
)


def is_loopback(address: str) -> bool:
    """Whether other computers cannot reach an address; True for what is none, which is refused later."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return True


def require_new(folder: Path) -> None:
    """:raise HostError: there is something in the folder already, or it cannot be looked into."""
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise HostError(f"{folder} cannot be read: {error.strerror or error}", detail=repr(error)) from error
    if taken:
        raise HostError(f"{folder} exists already", "Choose another folder: --out FOLDER")


def save_files(folder: Path, bundle: TlsBundle) -> None:
    """Write a client's files, which only this user can open. :raise HostError: that cannot be done"""
    make_private = host().make_private
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(folder)
        for name, text in ((CA, bundle.ca), (CERTIFICATE, bundle.certificate), (KEY, bundle.key)):
            write_atomically(folder / name, text.encode(), 0o600)
            make_private(folder / name)
    except OSError as error:
        raise HostError(
            f"{folder} cannot be written: {error.strerror or error}",
            "The certificate was made but not saved: revoke it, and add the client again with another --out.",
            repr(error),
        ) from error


def context_command(name: str, folder: Path, url: str) -> str:
    """What makes a Docker context of the files, for any shell. :param folder: where the client has them"""
    files = ",".join(f"{key}={folder / file}" for key, file in (("ca", CA), ("cert", CERTIFICATE), ("key", KEY)))
    return f"docker context create {name} --docker {_quoted(f'host={url},{files}')}"


def _quoted(text: str) -> str:
    """As sh, cmd and PowerShell all read it, where that is possible; else for sh."""
    return shlex.quote(text) if set(text) & set('"$`!') else f'"{text}"'
