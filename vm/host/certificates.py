"""Certificate authorities that the host trusts and Mozilla does not: a company's, a proxy's, one's own."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import certifi
from cryptography import x509

from vm.host.optional_files import OptionalFiles

log = logging.getLogger(__name__)

PEM = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END")

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine
)
ANCHORS = (
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust/source/anchors",
    "/etc/ca-certificates/trust-source/anchors",
    "/etc/pki/trust/anchors",
)
"""Where an administrator puts authorities of his own, whether or not the bundle has been made again since."""


def read_pem(data: bytes) -> list[bytes]:
    """The certificates (DER) in a text with any number of them."""
    found = []
    for match in PEM.finditer(data):
        try:
            found.append(base64.b64decode(b"".join(match[1].split()), validate=True))
        except ValueError:
            log.debug("a certificate is not BASE64")
    return found


def to_pem(certificate: bytes) -> bytes:
    """DER to PEM (RFC 7468)."""
    text = base64.b64encode(certificate)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])


def own_authorities(certificates: Iterable[bytes]) -> list[bytes]:
    """Those that are authorities and not among Mozilla's, each once, in a fixed order."""
    return sorted({one for one in certificates if one not in _mozillas() and _is_authority(one)})


@cache
def _mozillas() -> frozenset[bytes]:
    return frozenset(read_pem(Path(certifi.where()).read_bytes()))


def of_linux(files: OptionalFiles) -> list[bytes]:
    """The distribution's bundle, what an administrator added, and SSL_CERT_FILE (OpenSSL's variable)."""
    paths = [Path(name) for name in BUNDLES]
    for folder in ANCHORS:
        paths += [path for path in files.below(Path(folder)) if path.suffix in (".crt", ".pem")]
    if named := os.environ.get("SSL_CERT_FILE"):
        paths.append(Path(named))
    found = []
    for path in paths:
        data = files.read(path) or b""
        found += read_pem(data) or ([data] if data[:1] == b"\x30" else [])  # DER is a SEQUENCE
    return found


def _is_authority(certificate: bytes) -> bool:
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        return bool(parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return parsed.issuer == parsed.subject  # of the time before version 3
    except ValueError as error:
        log.debug("a certificate cannot be read: %s", error)
        return False
