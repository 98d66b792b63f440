"""daemon.json: what dockerd would not start with is refused, with a hint."""

from __future__ import annotations

import pytest

from desktop.settings.schema import Settings, SettingsError


@pytest.mark.parametrize(
    ("daemon", "why", "hint"),
    [
        ({"registry-mirror": []}, "not a dockerd setting", "registry-mirrors"),
        ({"zzz": 1}, "not a dockerd setting", "would not start"),
        ({"debug": 1}, "must be true or false", ""),
        ({"mtu": True}, "a whole number", ""),
        ({"dns": "1.1.1.1"}, "a list of strings", ""),
        ({"default-address-pools": ["10.0.0.0/8"]}, "a list of objects", ""),
        ({"log-driver": None}, "a string, not null", ""),
        ({"log-opts": {"max-file": 3}}, "not a string", "max-size"),
        ({"registry-mirrors": ["mirror.example"]}, "not a URL", "https://"),
        ({"insecure-registries": ["http://a:5000"]}, "not a registry", "without http://"),
        ({"default-runtime": "nope"}, "none of “runtimes”", "runc"),
        ({"storage-driver": "nope"}, "cannot be “nope”", "overlay2"),
        ({"bip": "x"}, "not an address of its kind", "10.9.0.1/24"),
        ({"dns": ["1.1.1.1", "dns.example"]}, "“dns.example”", ""),
        ({"fixed-cidr": "10.9.0.1/24"}, "not an address of its kind", ""),  # it has bits of a host
        ({"proxies": {"http-proxy": "proxy:3128"}}, "must begin with http://", ""),
        ({"proxies": {"ftp-proxy": "x"}}, "daemon.proxies.ftp-proxy is not a proxy setting", "no-proxy"),
        ({"proxies": {"https-proxy": "http://p:0"}}, "port 0", ""),
    ],
)
def test_what_dockerd_would_not_start_with(daemon: dict[str, object], why: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(daemon=daemon)
    assert why in caught.value.message
    assert hint in caught.value.hint


def test_what_dockerd_takes() -> None:
    Settings(
        daemon={
            "debug": True,
            "mtu": 1400,
            "dns": ["1.1.1.1"],
            "default-address-pools": [{"base": "10.0.0.0/8", "size": 24}],
            "log-opts": {"max-size": "10m"},
            "registry-mirrors": ["https://mirror.example:5000/path"],
            "insecure-registries": ["localhost:5000", "10.0.0.0/8", "[::1]:5000", "registry"],
            "proxies": {"http-proxy": "http://me:pw@proxy:3128", "no-proxy": "localhost,.corp"},
        }
    )
