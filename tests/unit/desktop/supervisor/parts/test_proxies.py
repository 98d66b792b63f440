"""Which proxy the engine and containers use."""

from __future__ import annotations

import pytest

from desktop.settings.schema import Settings
from desktop.supervisor.parts.proxies import in_use
from vm.host import host

LOCAL = "http://ann:secret@127.0.0.1:3128/"
INSIDE = "http://ann:secret@host.docker.internal:3128/"


def test_the_settings_own_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://of-the-host:1")
    assert in_use(Settings(), host()).http == "http://of-the-host:1"
    assert in_use(Settings(daemon={"proxies": {"http-proxy": LOCAL}}), host()).http == INSIDE
    assert not in_use(Settings(host_proxy=False), host())
