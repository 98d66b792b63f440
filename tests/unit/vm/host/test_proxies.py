"""The host's proxy, from each place where a system keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from vm.host.proxies import Proxies, from_gnome, from_scutil, from_variables, from_windows
from vm.host.windows import WindowsHost


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
    assert from_gnome(prints(GNOME.replace("MODE", "auto"))).passed_over == "it is chosen by a script (WPAD)"
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
    script = "  ProxyAutoConfigEnable : 1\n  ProxyAutoConfigURLString : http://wpad.test/x\n"
    assert from_scutil(prints(f"<dictionary> {{\n{script}}}\n")).passed_over.endswith("(http://wpad.test/x)")


OVERRIDE = "*.corp.test;10.*;192.168.7.*; 172.16.*.* ;http://one.test;<local>"
NO = "*.corp.test,10.0.0.0/8,192.168.7.0/24,172.16.0.0/16,one.test"


@pytest.mark.parametrize(
    ("server", "wanted"),
    [
        ("proxy.test:80", ("http://proxy.test:80", "http://proxy.test:80")),
        ("http://proxy.test:80", ("http://proxy.test:80", "http://proxy.test:80")),
        ("http=a.test:1;https=b.test:2;ftp=c.test:3", ("http://a.test:1", "http://b.test:2")),
        ("http=a.test:1 https=b.test:2", ("http://a.test:1", "http://b.test:2")),
        ("", ("", "")),
    ],
)
def test_windows(server: str, wanted: tuple[str, str]) -> None:
    values = {"ProxyEnable": 1, "ProxyServer": server, "ProxyOverride": OVERRIDE}
    assert from_windows(values) == Proxies(*wanted, NO)
    assert from_windows({**values, "ProxyEnable": 0}) == Proxies()
    assert from_windows({}) == Proxies()


def test_what_windows_has_and_we_cannot_follow() -> None:
    script = from_windows({"AutoConfigURL": "http://wpad.test/proxy.pac", "ProxyEnable": 0})
    assert not script
    assert script.passed_over == "it is chosen by a script (http://wpad.test/proxy.pac)"
    socks = from_windows({"ProxyEnable": 1, "ProxyServer": "socks=a.test:1"})
    assert not socks
    assert socks.passed_over == "it is a SOCKS proxy (a.test:1)"


def test_a_windows_host() -> None:
    machine = WindowsHost(internet_settings=lambda: {"ProxyEnable": 1, "ProxyServer": "proxy.test:80"})
    assert machine.proxies({}).http == "http://proxy.test:80"
    assert machine.proxies({"http_proxy": "http://other:1"}).http == "http://other:1"
