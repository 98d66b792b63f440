"""Signing with a certificate made for the test: osslsigncode signs, and verifies."""

from __future__ import annotations

import datetime
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from installers.checkout.console import StepError
from installers.windows.forwarders import write_forwarders
from installers.windows.msi.build import build_msi
from installers.windows.signing import OURS, Signer


def make_certificate(folder: Path) -> Path:
    """A key and a certificate of its own for programs; the file with osslsigncode's options."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Slipway's tests")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*plain))
    options = folder / "options"
    options.write_text(f"# for tests\n-certs '{folder}/cert.pem'\n-key '{folder}/key.pem'\n", encoding="utf-8")
    return options


def is_signed(path: Path, certificate: Path) -> bool:
    """Whether osslsigncode finds a signature by that certificate, and the file unchanged since."""
    program = shutil.which("osslsigncode")
    assert program is not None
    argv = [program, "verify", "-CAfile", str(certificate), "-in", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Signature verification: ok" in done.stdout


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "payload" / "python" / "python3.dll"
    path.parent.mkdir(parents=True)
    write_forwarders(path, ["Py_Main"], "python313")
    return path


def test_a_signature_that_is_verified(library: Path, tmp_path: Path) -> None:
    options = make_certificate(tmp_path)
    certificate = tmp_path / "cert.pem"
    assert not is_signed(library, certificate)
    Signer(options).sign(library)
    assert is_signed(library, certificate)
    assert [path.name for path in library.parent.iterdir()] == [library.name]
    content = bytearray(library.read_bytes())
    content[0x210] ^= 1
    library.write_bytes(content)
    assert not is_signed(library, certificate)


def test_what_is_ours_is_signed_and_nothing_else(library: Path, tmp_path: Path) -> None:
    payload = library.parents[1]
    others = payload / "python" / "python313.dll"
    shutil.copy(library, others)
    Signer(make_certificate(tmp_path)).sign_payload(payload)
    assert "python/python3.dll" in OURS
    assert is_signed(library, tmp_path / "cert.pem")
    assert not is_signed(others, tmp_path / "cert.pem")


def test_a_failure_leaves_the_file_as_it_was(library: Path, tmp_path: Path) -> None:
    before = library.read_bytes()
    options = tmp_path / "options"
    options.write_text("-certs missing.pem -key missing.pem", encoding="utf-8")
    with pytest.raises(StepError, match=r"signing python3\.dll"):
        Signer(options).sign(library)
    with pytest.raises(StepError, match="cannot be read"):
        Signer(tmp_path / "absent").sign(library)
    assert library.read_bytes() == before
    assert [path.name for path in library.parent.iterdir()] == [library.name]


def test_makensis_can_call_it(library: Path, tmp_path: Path) -> None:
    """By a command of its own, from any folder."""
    command = Signer(make_certificate(tmp_path)).command
    subprocess.run([*command, str(library)], check=True, cwd=tmp_path)
    assert is_signed(library, tmp_path / "cert.pem")


def test_an_msi_is_signed_too(tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    for name in ("Slipway.exe", "bin/slipway.exe", "docker/docker.exe"):
        (payload / name).parent.mkdir(parents=True, exist_ok=True)
        (payload / name).write_text(name, encoding="ascii")
    package = build_msi(payload, tmp_path / "Slipway.msi")
    Signer(make_certificate(tmp_path)).sign(package)
    assert is_signed(package, tmp_path / "cert.pem")
