"""The proxy and the certificates of this computer, as the machine gets them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import certifi
import pytest

from desktop.settings.schema import Settings
from desktop.supervisor.surroundings import in_use
from engine.trust import AUTHORITIES, pack
from tests.e2e.authority import Authority
from vm.host import certificates, host
from vm.host.certificates import own_authorities, read_pem, to_pem
from vm.host.proxies import Proxies, from_gnome, from_scutil, from_variables, from_windows
from vm.host.windows import trusts_servers

LOCAL = "http://ann:secret@127.0.0.1:3128/"
INSIDE = "http://ann:secret@host.docker.internal:3128/"

# -- where the proxy comes from ----------------------------------------------------------------------------------


def prints(text: str) -> Callable[[Sequence[str]], str]:
    return lambda argv: text


def test_variables() -> None:
    assert from_variables({"HTTP_PROXY": "http://a:1", "http_proxy": "http://b:2", "NO_PROXY": "x"}) == Proxies(
        "http://b:2", "", "x"
    )
    assert from_variables({"ALL_PROXY": "http://a:1"}) == Proxies("http://a:1", "http://a:1")
    assert not from_variables({"no_proxy": "x"})


GNOME = """org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', '*.corp.test']
org.gnome.system.proxy mode 'MODE'
org.gnome.system.proxy use-same-proxy true
org.gnome.system.proxy.http enabled false
org.gnome.system.proxy.http host 'proxy.test'
org.gnome.system.proxy.http port 3128
org.gnome.system.proxy.https host ''
org.gnome.system.proxy.https port 0
"""


def test_gnome() -> None:
    found = from_gnome(prints(GNOME.replace("MODE", "manual")))
    assert found == Proxies("http://proxy.test:3128", "", "localhost,*.corp.test")
    assert from_gnome(prints(GNOME.replace("MODE", "none"))) == Proxies()
    assert from_gnome(prints("")) == Proxies()


SCUTIL = """<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  HTTPEnable : 1
  HTTPPort : 8080
  HTTPProxy : proxy.test
  HTTPSEnable : 0
  HTTPSPort : 8443
  HTTPSProxy : other.test
}
"""


def test_a_mac() -> None:
    assert from_scutil(prints(SCUTIL)) == Proxies("http://proxy.test:8080", "", "*.local,169.254/16")
    assert from_scutil(prints("<dictionary> {\n}\n")) == Proxies()


REGISTRY = r"""
HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Internet Settings
    ProxyEnable    REG_DWORD    0x1
    ProxyServer    REG_SZ    SERVER
    ProxyOverride    REG_SZ    *.corp.test;10.*;<local>

"""


@pytest.mark.parametrize(
    ("server", "wanted"),
    [
        ("proxy.test:80", ("http://proxy.test:80", "http://proxy.test:80")),
        ("http=a.test:1;https=b.test:2;ftp=c.test:3", ("http://a.test:1", "http://b.test:2")),
        ("socks=a.test:1", ("", "")),
    ],
)
def test_windows(server: str, wanted: tuple[str, str]) -> None:
    found = from_windows(prints(REGISTRY.replace("SERVER", server)))
    assert found == Proxies(*wanted, "*.corp.test,10.*")
    assert from_windows(prints(REGISTRY.replace("0x1", "0x0"))) == Proxies()


# -- how the machine uses it -------------------------------------------------------------------------------------


def test_the_settings_own_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://of-the-host:1")
    assert in_use(Settings(), host()).http == "http://of-the-host:1"
    assert in_use(Settings(daemon={"proxies": {"http-proxy": LOCAL}}), host()).http == INSIDE
    assert not in_use(Settings(host_proxy=False), host())


# -- certificates ------------------------------------------------------------------------------------------------


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
    assert certificates.of_linux() == []
    (anchors / "own.crt").write_bytes(der)
    assert certificates.of_linux() == [der]
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert certificates.of_linux() == [der, der]


def test_the_archive(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "Own CA")
    own = read_pem(authority.certificate.read_bytes())
    for folder, text in (("system", "1"), ("user", "2")):
        place = tmp_path / folder / "registry.test:5000"
        place.mkdir(parents=True)
        for name in ("ca.crt", "client.key", "notes.txt"):
            (place / name).write_text(text)
    with tarfile.open(fileobj=io.BytesIO(pack(own, (tmp_path / "system", tmp_path / "user")))) as tar:
        found = {entry.name: (entry.mode, tar.extractfile(entry)) for entry in tar}
    base = "etc/docker/certs.d/registry.test:5000"
    assert set(found) == {AUTHORITIES, f"{base}/ca.crt", f"{base}/client.key"}
    assert found[f"{base}/client.key"][0] == 0o600
    assert pack(own, ()) == pack(own, ())


@pytest.mark.parametrize(
    ("trusted", "wanted"), [(True, True), (frozenset({"1.3.6.1.5.5.7.3.1"}), True), (frozenset(), False)]
)
def test_windows_tells_what_for(trusted: bool | frozenset[str], wanted: bool) -> None:
    assert trusts_servers(trusted) is wanted
