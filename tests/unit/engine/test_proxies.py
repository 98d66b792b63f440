"""The host's proxy as the machine, dockerd and builds get it."""

from __future__ import annotations

import json

from engine.proxies import DIRECT, for_guest, from_daemon, json_variables, to_daemon
from vm.host.proxies import Proxies

LOCAL = "http://ann:secret@127.0.0.1:3128/"
INSIDE = "http://ann:secret@host.docker.internal:3128/"


def test_this_computer_has_another_name_inside() -> None:
    seen = for_guest(Proxies(LOCAL, "http://proxy.test:1", "*.corp.test, 10.0.0.0/8"))
    assert (seen.http, seen.https) == (INSIDE, "http://proxy.test:1")
    assert seen.no.split(",") == [".corp.test", "10.0.0.0/8", *DIRECT]
    assert for_guest(Proxies(no="x")) == Proxies()
    assert for_guest(Proxies("http://[::1]:3128")).http == "http://host.docker.internal:3128"
    assert to_daemon(seen)["http-proxy"] == INSIDE
    assert f"http_proxy={INSIDE}" in json.loads(b"[" + json_variables(seen) + b"]")


def test_what_dockerd_is_told_is_read_back() -> None:
    proxies = Proxies("http://a:1", "", "x")
    assert from_daemon(to_daemon(proxies)) == proxies
    assert from_daemon({"http-proxy": None}) == Proxies()
