"""The name servers that Windows asks about a name, for questions that its resolver does not take (MX, TXT, SRV).

Those of all connected adapters, in Windows' order; for some names others, by the rules of a VPN or a group policy
(Name Resolution Policy Table, [MS-GPNRPT] 2.2.2). It can be imported everywhere, and asks Windows only.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vm.host.windows_registry import COMPUTER, subkeys, values

log = logging.getLogger(__name__)

RULES = (
    r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig",
    r"SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig",
)
"""A key for each rule: those of group policies, which go first, and those of this computer."""

PLACEHOLDER = re.compile(r"fec0:0*:0*:ffff:.*", re.IGNORECASE)
"""What Windows lists for an adapter without a name server by IPv6: deprecated site-local addresses (RFC 3879)."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    :ivar names: a name, a suffix with a dot before it, or a dot alone for all names.
    :ivar servers: the name servers for these.
    """

    names: tuple[str, ...]
    servers: tuple[str, ...]

    def match(self, name: str) -> int:
        """How much of a name the rule names, in characters; -1: it is not for this name."""
        wanted, best = name.rstrip(".").lower(), -1
        for one in (one.lower() for one in self.names):
            suffix = one.startswith(".") and f".{wanted}".endswith(one.rstrip("."))
            if suffix or wanted == one.rstrip("."):
                best = max(best, len(one))
        return best


def name_servers(name: str, rules: Iterable[Rule], general: Sequence[str]) -> tuple[str, ...]:
    """The servers for a name: of the rule that names most of it, of equals the first; else the general ones."""
    best = max(rules, key=lambda rule: rule.match(name), default=None)
    return best.servers if best is not None and best.match(name) >= 0 else tuple(general)


def rules() -> list[Rule]:
    """The rules that name servers; others (DNSSEC, DirectAccess) are not for us."""
    found = (parse(values(COMPUTER, f"{key}\\{name}")) for key in RULES for name in subkeys(COMPUTER, key))
    return [rule for rule in found if rule is not None]


def parse(given: dict[str, object]) -> Rule | None:
    """A rule from its values in the registry; None where it names no servers."""
    names, servers = given.get("Name"), str(given.get("GenericDNSServers") or "")
    if isinstance(names, str):
        names = [names]
    listed = tuple(word for word in re.split(r"[;,\s]+", servers) if word)
    return Rule(tuple(map(str, names)), listed) if isinstance(names, list) and listed else None


def general() -> tuple[str, ...]:
    """The servers of all adapters that are connected, by GetAdaptersAddresses, else from the registry."""
    util: Any = importlib.import_module("dns.win32util")  # of which other systems have the name only
    for method in (util.ConfigMethod.Win32, util.ConfigMethod.Registry):
        util.set_config_method(method)
        try:
            found = util.get_dns_info().nameservers
        except (OSError, AttributeError) as error:  # the latter: it has found nothing
            log.debug("name servers by %s: %r", method, error)
            continue
        if servers := tuple(str(server) for server in found if not PLACEHOLDER.fullmatch(str(server))):
            return servers
    return ()
