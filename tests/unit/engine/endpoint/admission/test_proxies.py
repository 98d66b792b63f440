"""A new container gets the proxy, unless it has its own."""

from __future__ import annotations

import copy

import pytest

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.proxies import ProxyVariables
from vm.host.proxies import Proxies

ONE = Proxies("http://p:1")
BOTH = ["HTTP_PROXY=http://p:1", "http_proxy=http://p:1"]


async def amended(body: JsonObject, proxies: Proxies = ONE) -> JsonObject:
    body = copy.deepcopy(body)
    await ProxyVariables(lambda: proxies).create_container(body)
    return body


async def test_it_is_added_in_both_cases() -> None:
    assert await amended({"Image": "x"}) == {"Image": "x", "Env": BOTH}
    assert await amended({"Env": None}) == {"Env": BOTH}
    assert await amended({"Env": ["A=b"]}) == {"Env": ["A=b", *BOTH]}


@pytest.mark.parametrize("own", [["HTTP_Proxy=mine"], ["http_proxy="], ["http_proxy"], "x", [1], {}])
async def test_what_is_set_or_strange_stays(own: object) -> None:
    assert await amended({"Env": own}) == {"Env": own}


async def test_without_a_proxy_nothing_changes() -> None:
    assert await amended({"Image": "x"}, Proxies()) == {"Image": "x"}
