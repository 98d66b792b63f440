"""The host's own certificate authorities, from each place where a system keeps them."""

from __future__ import annotations

import os
from pathlib import Path

import certifi
import pytest

from tests.e2e.authority import Authority
from tests.unit.broken_files import KINDS, broken, roomy_folder
from vm.host import certificates
from vm.host.certificates import own_authorities, read_pem, to_pem
from vm.host.optional_files import OptionalFiles
from vm.host.windows import trusts_servers


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


@pytest.mark.parametrize(
    ("trusted", "wanted"), [(True, True), (frozenset({"1.3.6.1.5.5.7.3.1"}), True), (frozenset(), False)]
)
def test_windows_tells_what_for(trusted: bool | frozenset[str], wanted: bool) -> None:
    assert trusts_servers(trusted) is wanted
