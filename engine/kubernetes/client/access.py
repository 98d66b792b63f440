"""How a cluster is reached: server, certificates and token, out of a kubeconfig (``kubectl config --help``)."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.kubernetes.client.errors import AccessError, ManifestError
from engine.kubernetes.client.manifest import Json, load
from engine.kubernetes.kubeconfig import files

INNER = {"clusters": "cluster", "contexts": "context", "users": "user"}
"""Lists of a kubeconfig → the key of what each item says."""


@dataclass(frozen=True)
class Access:
    """One context.

    :ivar server: the API's URL.    :ivar namespace: the one that is meant where none is named.
    :ivar authority: PEM; empty for the system's own.    :ivar certificate, key: the client's, PEM; may be empty.
    :ivar token: a bearer token; may be empty.    :ivar verify: whether the server's certificate is checked.
    :ivar server_name: the name in it; empty for that of the URL.
    """

    context: str
    server: str
    namespace: str = "default"
    authority: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    verify: bool = True
    server_name: str = ""

    def tls(self) -> ssl.SSLContext:
        """For connections to the server. Blocks.

        :raise AccessError: a certificate or key is damaged.
        """
        try:
            made = ssl.create_default_context(cadata=self.authority.decode("ascii") if self.authority else None)
            if not self.verify:
                made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
            if self.certificate:
                # OpenSSL reads them from a file only; the folder is the user's alone, and gone at once
                with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
                    pair = Path(folder) / "client.pem"
                    pair.touch(mode=0o600)
                    pair.write_bytes(self.certificate + b"\n" + self.key)
                    made.load_cert_chain(pair)
        except (ssl.SSLError, ValueError, OSError) as error:
            raise AccessError(
                f"The certificates of the context “{self.context}” cannot be used",
                "Get a new kubeconfig.",
                str(error),
            ) from error
        return made


@dataclass(frozen=True)
class Config:
    """Kubeconfigs as one, as kubectl merges them: of two entries with one name the first counts.

    :ivar current: the name of the current context.    :ivar parts: list → name → the entry and its file's folder.
    """

    current: str
    parts: Mapping[str, Mapping[str, tuple[Mapping[str, Any], Path]]]

    def find(self, part: str, name: str) -> tuple[Mapping[str, Any], Path]:
        """An entry, empty where there is none, and the folder that paths in it are relative to."""
        return self.parts[part].get(name, ({}, Path()))


def read_access(*paths: Path, context: str = "") -> Access:
    """A context of kubeconfigs. Blocks.

    :param context: its name; empty for the current one.
    :raise AccessError: a file cannot be read, or the context cannot be used.
    """
    config, where = _read(paths), ", ".join(str(path) for path in paths)
    name = context or config.current
    found, _ = config.find("contexts", name)
    if not found:
        raise AccessError(f"There is no context “{name}” in {where}", "See: kubectl config get-contexts")
    cluster, folder = config.find("clusters", str(found.get("cluster") or ""))
    user, users = config.find("users", str(found.get("user") or ""))
    if not cluster.get("server"):
        raise AccessError(f"The context “{name}” in {where} names no server", "See: kubectl config view")
    if user.keys() & {"exec", "auth-provider"}:
        raise AccessError(
            f"The context “{name}” logs in by a program, which Slipway does not start",
            "Use kubectl with this context.",
        )
    if cluster.get("proxy-url"):
        raise AccessError(
            f"The context “{name}” is reached by a proxy, which Slipway does not use",
            "Use kubectl with this context.",
        )
    return Access(
        name,
        str(cluster["server"]),
        str(found.get("namespace") or "default"),
        _bytes(cluster, "certificate-authority", folder),
        _bytes(user, "client-certificate", users),
        _bytes(user, "client-key", users),
        str(user.get("token") or ""),
        not cluster.get("insecure-skip-tls-verify"),
        str(cluster.get("tls-server-name") or ""),
    )


def context_names(*paths: Path) -> list[str]:
    """The contexts of kubeconfigs, in order of their names. Blocks.

    :raise AccessError: a file cannot be read.
    """
    return sorted(_read(paths).parts["contexts"])


def user_kubeconfigs() -> tuple[Path, ...]:
    """The user's kubeconfigs that exist, by kubectl's rules."""
    return tuple(path for path in files(os.environ.get("KUBECONFIG", ""), Path.home()) if path.exists())


def _read(paths: Iterable[Path]) -> Config:
    current = ""
    parts: dict[str, dict[str, tuple[Mapping[str, Any], Path]]] = {part: {} for part in INNER}
    for path in paths:
        config = _load(path)
        current = current or str(config.get("current-context") or "")
        for part, inner in INNER.items():
            for one in config.get(part) or ():
                if isinstance(one, dict) and isinstance(one.get(inner), dict):
                    parts[part].setdefault(str(one.get("name")), (one[inner], path.parent))
    return Config(current, parts)


def _load(path: Path) -> Json:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise AccessError(f"The kubeconfig {path} cannot be read", "Check its permissions.", str(error)) from error
    try:
        return load(text)
    except ManifestError as error:
        raise AccessError(f"The kubeconfig {path} is damaged", error.message, error.detail) from error


def _bytes(values: Mapping[str, Any], key: str, folder: Path) -> bytes:
    """A PEM that is in the entry, or in a file that it names.

    :raise AccessError: it cannot be read.
    """
    try:
        if values.get(f"{key}-data"):
            return base64.b64decode(str(values[f"{key}-data"]), validate=True)
        if values.get(key):
            return (folder / str(values[key])).read_bytes()
    except (OSError, binascii.Error) as error:
        raise AccessError(f"The {key} of a kubeconfig cannot be read", "Get a new one.", str(error)) from error
    return b""
