"""A new container gets the proxy, unless it has its own."""

from __future__ import annotations

import pytest

from engine.endpoint.admission.pipeline import JsonObject
from engine.endpoint.admission.proxies import ProxyVariables
from vm.host.proxies import Proxies

ONE = Proxies("http://p:1")
BOTH = ["HTTP_PROXY=http://p:1", "http_proxy=http://p:1"]


async def test_it_is_added_in_both_cases() -> None:
    step = ProxyVariables(lambda: ONE)
    assert await step.create({"Image": "x"}) == {"Image": "x", "Env": BOTH}
    assert await step.create({"Env": None}) == {"Env": BOTH}
    assert await step.create({"Env": ["A=b"]}) == {"Env": ["A=b", *BOTH]}


@pytest.mark.parametrize("own", [["HTTP_Proxy=mine"], ["http_proxy="], ["http_proxy"], "x", [1], {}])
async def test_what_is_set_or_strange_stays(own: object) -> None:
    body: JsonObject = {"Env": own}
    assert await ProxyVariables(lambda: ONE).create(body) is body


async def test_without_a_proxy_nothing_changes() -> None:
    body: JsonObject = {"Image": "x"}
    assert await ProxyVariables(Proxies).create(body) is body
