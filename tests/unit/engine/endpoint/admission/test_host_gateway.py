"""The name host-gateway is replaced, since dockerd forgets what it stands for."""

from __future__ import annotations

import copy

import pytest

from engine.endpoint.admission.documents import CONTAINER, JsonObject, spell
from engine.endpoint.admission.host_gateway import HostGateway


async def amended(hosts: object, *addresses: str) -> object:
    body: JsonObject = {"hostconfig": {"extrahosts": copy.deepcopy(hosts)}}  # as Go takes them too
    spell(body, CONTAINER)
    await HostGateway(lambda: addresses).create_container(body)
    return body["HostConfig"]["ExtraHosts"]


async def test_it_becomes_the_addresses() -> None:
    assert await amended(["me:host-gateway", "it:10.1.1.1"], "10.0.2.2") == ["me:10.0.2.2", "it:10.1.1.1"]
    assert await amended(["me:host-gateway"], "10.0.2.2", "fd00::2") == ["me:10.0.2.2", "me:fd00::2"]


async def test_where_no_address_is_known_dockerd_has_to_know() -> None:
    assert await amended(["me:host-gateway"]) == ["me:host-gateway"]


@pytest.mark.parametrize("hosts", [None, [], {}, "me:host-gateway", [1, None], ["host-gateway"]])
async def test_what_has_no_such_name_stays(hosts: object) -> None:
    assert await amended(hosts, "10.0.2.2") == hosts


async def test_a_body_without_hosts_stays() -> None:
    bodies: list[JsonObject] = [{}, {"HostConfig": None}, {"HostConfig": {}}]
    for body in bodies:
        before = copy.deepcopy(body)
        await HostGateway(lambda: ("10.0.2.2",)).create_container(body)
        assert body == before
