"""Which name servers Windows asks about a name: rules of VPNs and policies, as the registry has them."""

from __future__ import annotations

import pytest

from vm.host.windows_names import PLACEHOLDER, Rule, name_servers, parse

CORP = Rule((".corp.test",), ("10.0.0.1", "10.0.0.2"))
DEPARTMENT = Rule((".lab.corp.test", "one.test"), ("10.1.0.1",))
GENERAL = ("192.0.2.1",)


@pytest.mark.parametrize(
    ("name", "servers"),
    [
        ("web.corp.test", CORP.servers),
        ("WEB.Corp.Test.", CORP.servers),
        ("corp.test", CORP.servers),
        ("web.lab.corp.test", DEPARTMENT.servers),
        ("one.test", DEPARTMENT.servers),
        ("web.one.test", GENERAL),
        ("notcorp.test", GENERAL),
        ("example.org", GENERAL),
        ("", GENERAL),
    ],
)
def test_servers_for_a_name(name: str, servers: tuple[str, ...]) -> None:
    assert name_servers(name, [CORP, DEPARTMENT], GENERAL) == servers
    assert name_servers(name, [DEPARTMENT, CORP], GENERAL) == servers


def test_a_rule_for_all_names() -> None:
    everything = Rule((".",), ("10.9.9.9",))
    assert name_servers("example.org", [everything, CORP], GENERAL) == everything.servers
    assert name_servers("web.corp.test", [everything, CORP], GENERAL) == CORP.servers
    assert name_servers("example.org", [], GENERAL) == GENERAL


def test_rules_in_the_registry() -> None:
    full = {"Name": [".corp.test", ".other.test"], "GenericDNSServers": "10.0.0.1;10.0.0.2", "ConfigOptions": 8}
    assert parse(full) == Rule((".corp.test", ".other.test"), ("10.0.0.1", "10.0.0.2"))
    assert parse({"Name": ".corp.test", "GenericDNSServers": "10.0.0.1"}) == Rule((".corp.test",), ("10.0.0.1",))
    assert parse({"Name": [".corp.test"], "ConfigOptions": 2}) is None  # DNSSEC
    assert parse({"GenericDNSServers": "10.0.0.1"}) is None


@pytest.mark.parametrize(
    ("address", "is_none"),
    [("fec0:0000:0000:ffff:0000:0000:0000:0001", True), ("fec0:0:0:ffff::1", True), ("fe80::1", False)],
)
def test_servers_that_are_none(address: str, is_none: bool) -> None:
    assert bool(PLACEHOLDER.fullmatch(address)) is is_none
