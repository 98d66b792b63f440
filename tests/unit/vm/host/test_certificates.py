"""The host's own certificate authorities, from each place where a system keeps them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.e2e.authority import Authority
from tests.unit.broken_files import KINDS, broken, roomy_folder
from vm.host import certificates
from vm.host.certificates import own_authorities, read_pem, to_pem
from vm.host.optional_files import OptionalFiles


def test_only_authorities_that_mozilla_has_not(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "Own CA")
    own, server = (
        read_pem(path.read_bytes()) for path in (authority.certificate, authority.sign("x").certificate)
    )
    mozilla = read_pem(Path(certifi.where()).read_bytes())
    assert len(mozilla) > 100
    assert own_authorities([*mozilla, *own, *server, *own, b"junk"]) == own
    assert read_pem(to_pem(own[0])) == own


def test_where_linux_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path / "ca", "Own CA")
    (der,) = read_pem(authority.certificate.read_bytes())
    anchors = tmp_path / "anchors" / "office"
    anchors.mkdir(parents=True)
    monkeypatch.setattr(certificates, "BUNDLES", (str(tmp_path / "none"),))
    monkeypatch.setattr(certificates, "ANCHORS", (str(tmp_path / "anchors"),))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert certificates.of_linux(OptionalFiles()) == []
    (anchors / "own.crt").write_bytes(der)
    assert certificates.of_linux(OptionalFiles()) == [der]
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert certificates.of_linux(OptionalFiles()) == [der, der]


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    authority = Authority(tmp_path / "ca", "Own CA")
    with roomy_folder() as folder:
        (folder / "own.crt").write_bytes(authority.certificate.read_bytes())
        bad = folder / "anchors" / "bad.crt"
        monkeypatch.setattr(certificates, "BUNDLES", (str(folder / "own.crt"), str(bad)))
        monkeypatch.setattr(certificates, "ANCHORS", (str(folder / "anchors"),))
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        files = OptionalFiles()
        with broken(bad, kind):
            found = certificates.of_linux(files)
    assert len(found) == (0 if kind == "no descriptors" else 1)
    assert os.strerror(KINDS[kind]) in {one.reason for one in files.passed_over}


class Chain:
    """Certificates, each signed by the one before it; the first one by itself."""

    def __init__(self, *names: str) -> None:
        self.certificates: list[bytes] = []
        signer, signing_key = None, None
        now = datetime.now(UTC)
        for name in names:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
            builder = x509.CertificateBuilder(signer or subject, subject, key.public_key(), number())
            builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
            builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
            made = builder.sign(signing_key or key, hashes.SHA256())
            self.certificates.append(made.public_bytes(Encoding.DER))
            signer, signing_key = subject, key


def number() -> int:
    return x509.random_serial_number()


class Stores:
    """Windows' stores, as :func:`ssl.enum_certificates` lists them."""

    def __init__(self, **stores: list[tuple[bytes, str, bool | set[str]]]) -> None:
        self._stores = stores

    def list(self, name: str) -> list[tuple[bytes, str, bool | set[str]]]:
        return self._stores.get(name, [])


def entries(*certificates: bytes, trusted: bool | set[str] = True) -> list[tuple[bytes, str, bool | set[str]]]:
    return [(data, "x509_asn", trusted) for data in certificates]


SERVERS, MAIL = {"1.3.6.1.5.5.7.3.1"}, {"1.3.6.1.5.5.7.3.4"}


@pytest.mark.parametrize(("trusted", "counts"), [(True, True), (SERVERS, True), (MAIL, False), (False, False)])
def test_what_windows_trusts_for_servers(trusted: bool | set[str], counts: bool) -> None:
    (root,) = Chain("root").certificates
    assert certificates.of_windows(Stores(ROOT=entries(root, trusted=trusted)).list) == [root] * counts


def test_windows_stores() -> None:
    """The company's root and those between it and servers; not others', nor what somebody has forbidden."""
    root, first, second = Chain("root", "first", "second").certificates
    (bad,) = Chain("bad").certificates
    same_names = Chain("root", "first").certificates
    mozilla = read_pem(Path(certifi.where()).read_bytes())
    found = certificates.of_windows(
        Stores(
            ROOT=[*entries(*mozilla[:3], root, bad), (b"pkcs", "pkcs_7_asn", True)],
            CA=entries(second, first, *same_names, b"junk"),
            Disallowed=entries(bad, trusted=set()),
        ).list
    )
    assert own_authorities(found) == sorted([root, first, second])
    assert found[:3] == mozilla[:3]
