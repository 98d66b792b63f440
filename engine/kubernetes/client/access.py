"""How a cluster is reached: server, certificates and token, out of a kubeconfig (``kubectl config --help``)."""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.kubernetes.client.errors import AccessError, ManifestError
from engine.kubernetes.client.manifest import Json, load


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


def read_access(path: Path, context: str = "") -> Access:
    """A context of a kubeconfig. Blocks.

    :param context: its name; empty for the current one.
    :raise AccessError: the file cannot be read, or the context cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise AccessError(f"The kubeconfig {path} cannot be read", "Check its permissions.", str(error)) from error
    try:
        config = load(text)
    except ManifestError as error:
        raise AccessError(f"The kubeconfig {path} is damaged", error.message, error.detail) from error
    name = context or str(config.get("current-context") or "")
    found = _named(config, "contexts", name, "context")
    if found is None:
        raise AccessError(f"There is no context “{name}” in {path}", "See: kubectl config get-contexts")
    cluster = _named(config, "clusters", str(found.get("cluster") or ""), "cluster")
    user = _named(config, "users", str(found.get("user") or ""), "user") or {}
    if cluster is None or not cluster.get("server"):
        raise AccessError(f"The context “{name}” in {path} names no server", "See: kubectl config view")
    if user.keys() & {"exec", "auth-provider"}:
        raise AccessError(
            f"The context “{name}” logs in by a program, which Slipway does not start",
            "Use kubectl with this context.",
        )
    return Access(
        name,
        str(cluster["server"]),
        str(found.get("namespace") or "default"),
        _bytes(cluster, "certificate-authority", path),
        _bytes(user, "client-certificate", path),
        _bytes(user, "client-key", path),
        str(user.get("token") or ""),
        not cluster.get("insecure-skip-tls-verify"),
        str(cluster.get("tls-server-name") or ""),
    )


def _named(config: Json, part: str, name: str, inner: str) -> Mapping[str, Any] | None:
    for one in config.get(part) or ():
        if isinstance(one, dict) and one.get("name") == name:
            found = one.get(inner)
            return found if isinstance(found, dict) else None
    return None


def _bytes(values: Mapping[str, Any], key: str, path: Path) -> bytes:
    """A PEM that is in the file, or in a file that it names.

    :raise AccessError: it cannot be read.
    """
    try:
        if values.get(f"{key}-data"):
            return base64.b64decode(str(values[f"{key}-data"]), validate=True)
        if values.get(key):
            return (path.parent / str(values[key])).read_bytes()
    except (OSError, binascii.Error) as error:
        raise AccessError(f"The {key} of {path} cannot be read", "Get a new kubeconfig.", str(error)) from error
    return b""
