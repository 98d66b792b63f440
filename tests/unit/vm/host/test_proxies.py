"""The host's proxy, from each place where a system keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from vm.host.proxies import Proxies, from_gnome, from_scutil, from_variables, from_windows


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
