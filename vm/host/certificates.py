"""Certificate authorities that the host trusts and Mozilla does not: a company's, a proxy's, one's own."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature

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


Listing = Callable[[str], Iterable[tuple[bytes, str, bool | set[str] | frozenset[str]]]]
"""Python's :func:`ssl.enum_certificates`: what is in a store of Windows', this user's and the computer's."""


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


def of_windows(listing: Listing) -> list[bytes]:
    """What this user's and the computer's stores trust for TLS servers, and no store distrusts.

    A company's servers may send their own certificate alone, since its authorities between are in the store CA.
    Those are included; others there, of which Windows keeps many, only make the list long.
    """
    distrusted = {data for data, _, _ in listing("Disallowed")}
    roots, between = (
        [data for data, kind, trusted in listing(name) if _counts(kind, trusted) and data not in distrusted]
        for name in ("ROOT", "CA")
    )
    return roots + issued_by(between, own_authorities(roots))


def _counts(kind: str, trusted: bool | set[str] | frozenset[str]) -> bool:
    """Whether a certificate of Windows' store counts for TLS servers: for everything, or for id-kp-serverAuth."""
    usable = trusted is True or (isinstance(trusted, frozenset | set) and "1.3.6.1.5.5.7.3.1" in trusted)
    return kind == "x509_asn" and usable


def issued_by(candidates: Iterable[bytes], authorities: Iterable[bytes]) -> list[bytes]:
    """Those candidates that an authority has signed, or another of them that one has signed."""
    left = {data: parsed for data in candidates if (parsed := _parsed(data)) is not None}
    signers = [parsed for data in authorities if (parsed := _parsed(data)) is not None]
    found: list[bytes] = []
    while signers:
        signer = signers.pop()
        signed = [data for data, parsed in left.items() if _has_signed(signer, parsed)]
        signers += [left.pop(data) for data in signed]
        found += signed
    return found


def _has_signed(signer: x509.Certificate, other: x509.Certificate) -> bool:
    try:
        other.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):  # other names, an odd kind of key, another signature
        return False
    return True


def _parsed(certificate: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(certificate)
    except ValueError as error:
        log.debug("a certificate cannot be read: %s", error)
        return None


def _is_authority(certificate: bytes) -> bool:
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        return bool(parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return parsed.issuer == parsed.subject  # of the time before version 3
    except ValueError as error:
        log.debug("a certificate cannot be read: %s", error)
        return False
