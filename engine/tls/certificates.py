"""An authority of this installation's own, the certificates it issues, and its list of revoked ones (RFC 5280).

Keys are ECDSA on P-256, which all TLS libraries in use support and which takes a fraction of a millisecond. All
functions are pure; store.py keeps the results. PEM texts are RFC 7468, private keys in them PKCS #8.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
SERVER_DAYS = 90
"""A server's certificate is made anew at each start and each day, so this bounds nothing but a theft."""

CLIENT_DAYS, LONGEST_CLIENT_DAYS = 730, AUTHORITY_DAYS

EARLY = datetime.timedelta(days=1)
"""Certificates are valid from this long before they are made: other computers' clocks may be behind."""

HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
"""A host's name (RFC 1123 section 2.1), also one of a single label."""


class Pair(NamedTuple):
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Facts:
    """What is kept about a certificate.

    :ivar serial: its number, in hexadecimal.    :ivar fingerprint: SHA-256 of its DER form, in hexadecimal.
    :ivar issued: seconds since 1970.    :ivar expires: the same.
    """

    serial: str
    fingerprint: str
    issued: float
    expires: float

    @classmethod
    def of(cls, pem: bytes, issued: float) -> Facts:
        """Those of a certificate. :raise ValueError: it is none."""
        found = x509.load_pem_x509_certificate(pem)
        expires = found.not_valid_after_utc.timestamp()
        return cls(f"{found.serial_number:x}", found.fingerprint(hashes.SHA256()).hex(), issued, expires)


class Revoked(NamedTuple):
    """A certificate that no longer counts. :ivar serial: in hexadecimal.    :ivar at: seconds since 1970."""

    serial: str
    at: float


class Authority:
    """Issues certificates.

    :param pair: its own, as :meth:`make` returns it.
    :raise ValueError: it cannot be read.
    """

    def __init__(self, pair: Pair) -> None:
        key = serialization.load_pem_private_key(pair.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("not an ECDSA key")
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(pair.certificate)
        if self._certificate.public_key() != key.public_key():
            raise ValueError("the key is of another certificate")
        self.pem = pair.certificate

    @property
    def expires(self) -> float:
        """Seconds since 1970."""
        return self._certificate.not_valid_after_utc.timestamp()

    @staticmethod
    def make(now: float) -> Pair:
        """A new authority, valid for ten years. :param now: seconds since 1970"""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"Slipway {secrets.token_hex(4)}")  # a client may know several of them
        signing = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            _begun(subject, subject, key.public_key(), now, _utc(now) + datetime.timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(signing, critical=True)
        )
        return _signed(builder, key, key)

    def issue_server(self, names: Iterable[str], now: float) -> Pair:
        """A certificate for a server.

        :param names: addresses and host names at which clients reach it
        :raise ValueError: one of them is neither
        """
        alternatives = x509.SubjectAlternativeName([general_name(name) for name in names])
        builder, key = self._leaf("slipway", SERVER_DAYS, ExtendedKeyUsageOID.SERVER_AUTH, now)
        return _signed(builder.add_extension(alternatives, critical=False), key, self._key)

    def issue_client(self, name: str, days: int, now: float) -> Pair:
        """A certificate for a client. :param name: at most 64 characters (RFC 5280, ub-common-name)"""
        builder, key = self._leaf(name, days, ExtendedKeyUsageOID.CLIENT_AUTH, now)
        return _signed(builder, key, self._key)

    def revocations(self, revoked: Iterable[Revoked], now: float) -> bytes:
        """The list of revoked certificates (PEM), good for as long as the authority is."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(_utc(now) - EARLY)
            .next_update(max(self._certificate.not_valid_after_utc, _utc(now) + EARLY))
            .add_extension(self._identifier(), critical=False)
            .add_extension(x509.CRLNumber(int(now)), critical=False)
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16))
            builder = builder.add_revoked_certificate(entry.revocation_date(_utc(one.at)).build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _leaf(
        self, name: str, days: int, purpose: x509.ObjectIdentifier, now: float
    ) -> tuple[x509.CertificateBuilder, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(_utc(now) + datetime.timedelta(days=days), self._certificate.not_valid_after_utc)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            _begun(_name(name), self._certificate.subject, key.public_key(), now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(self._identifier(), critical=False)
        )
        return builder, key

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


def general_name(name: str) -> x509.GeneralName:
    """An address or a host's name, as a certificate has it. :raise ValueError: it is neither"""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if len(name) > 253 or not HOST_NAME.fullmatch(name) or name.replace(".", "").isdigit():
            raise ValueError(f"“{name}” is neither an address nor the name of a host") from None
        return x509.DNSName(name.lower())


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: float, until: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_utc(now) - EARLY)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, own: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    key = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate, key)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _utc(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
