"""The host's proxy, or the settings' own, for the engine; containers get it at admission."""

from __future__ import annotations

import asyncio

from desktop.settings.schema import Settings
from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import Part
from engine.proxies import for_guest, from_daemon, json_variables, to_daemon
from vm.host import Host
from vm.host.proxies import Proxies


class HostProxies(Part):
    """Which proxies are used, by the machine's names."""

    name = "proxies"

    def __init__(self, host: Host, settings: CurrentSettings) -> None:
        self._host = host
        self._settings = settings

    async def plan(self, plan: BootPlan) -> None:
        """The proxies of dockerd, and those that BuildKit's steps get."""
        proxies = await asyncio.to_thread(in_use, plan.settings, self._host)
        if proxies:
            plan.daemon["proxies"] = to_daemon(proxies)
            plan.config["proxy"] = json_variables(proxies) + b"\n"

    def now(self) -> Proxies:
        """Those for a container that is created now. Looks at the host."""
        return in_use(self._settings.get(), self._host)


def in_use(settings: Settings, host: Host) -> Proxies:
    """The proxies by the machine's names: the settings' own, else the host's."""
    own = settings.daemon.get("proxies")
    if own:
        return for_guest(from_daemon(own))
    return for_guest(host.proxies()) if settings.host_proxy else Proxies()
