"""What is in the certificates, and what OpenSSL and its strictest rules make of them."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.tls.certificates import (
    AUTHORITY_DAYS,
    SERVER_DAYS,
    Authority,
    Facts,
    Pair,
    Revoked,
    general_name,
)

NOW = 1_800_000_000.0
DAY = 86400.0


@pytest.fixture
def authority() -> Authority:
    return Authority(Authority.make(NOW))


def loaded(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_server_s_names_and_purpose(authority: Authority) -> None:
    found = loaded(authority.issue_server(["localhost", "127.0.0.1", "::1", "Build.Example"], NOW))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "build.example"]
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    assert names.get_values_for_type(x509.IPAddress) == addresses
    assert usages(found) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert found.not_valid_after_utc.timestamp() == NOW + SERVER_DAYS * DAY
    assert found.not_valid_before_utc.timestamp() == NOW - DAY


def test_a_client_s_name_and_purpose(authority: Authority) -> None:
    pair = authority.issue_client("laptop", 7, NOW)
    assert loaded(pair).subject.rfc4514_string() == "CN=laptop"
    assert usages(loaded(pair)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    facts = Facts.of(pair.certificate, NOW)
    assert facts.expires == NOW + 7 * DAY
    assert int(facts.serial, 16) == loaded(pair).serial_number


def test_nothing_outlives_the_authority(authority: Authority) -> None:
    late = NOW + (AUTHORITY_DAYS - 3) * DAY
    assert Facts.of(authority.issue_client("late", 30, late).certificate, late).expires == authority.expires


def test_two_authorities_have_two_names() -> None:
    one, other = (loaded(Authority.make(NOW)).subject for _ in range(2))
    assert one != other


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts_each_for_its_purpose_alone(authority: Authority, tmp_path: Path, purpose: str) -> None:
    now = str(int(NOW))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "sslserver.pem").write_bytes(authority.issue_server(["localhost"], NOW).certificate)
    (tmp_path / "sslclient.pem").write_bytes(authority.issue_client("laptop", 9, NOW).certificate)
    for kind in ("sslserver", "sslclient"):
        argv = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-attime", now, "-CAfile", "ca.pem"]
        done = subprocess.run([*argv, f"{kind}.pem"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (kind == purpose), done.stdout + done.stderr


def test_the_list_names_what_is_revoked(authority: Authority) -> None:
    serial = Facts.of(authority.issue_client("laptop", 9, NOW).certificate, NOW).serial
    found = x509.load_pem_x509_crl(authority.revocations([Revoked(serial, NOW)], NOW))
    assert [f"{one.serial_number:x}" for one in found] == [serial]
    assert found.next_update_utc is not None
    assert found.next_update_utc.timestamp() == authority.expires
    assert found.is_signature_valid(x509.load_pem_x509_certificate(authority.pem).public_key())  # type: ignore[arg-type]  # ECDSA


@pytest.mark.parametrize("name", ["", "-a", "a..b", "a b", "ä.example", "*.example", "256.1.1.1", "x" * 64, "a/b"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="neither an address nor the name"):
        general_name(name)


def test_a_key_of_another_certificate_is_refused() -> None:
    one, other = Authority.make(NOW), Authority.make(NOW)
    with pytest.raises(ValueError, match="another certificate"):
        Authority(Pair(one.certificate, other.key))


def test_python_loads_what_is_made(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue_client("laptop", 9, NOW)
    (tmp_path / "both.pem").write_bytes(pair.certificate + pair.key)
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.load_cert_chain(tmp_path / "both.pem")
    assert len(context.get_ca_certs()) == 1
