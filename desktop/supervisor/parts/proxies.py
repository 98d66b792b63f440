"""The host's proxy, or the settings' own, for the engine; containers get it at admission."""

from __future__ import annotations

import asyncio
import json

from desktop.control.schema import WarningReport
from desktop.settings.schema import Settings
from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import LinkedPart
from desktop.supervisor.warnings import Warnings
from engine.proxies import for_guest, from_daemon, to_daemon
from engine.proxy_follower import ProxyFollower, in_machine
from vm.host import Host
from vm.host.paths import Paths
from vm.host.proxies import Proxies

OLD_PROXY = WarningReport(
    "The engine pulls and pushes by the proxy of its last start, which has changed since; containers and builds "
    "use the new one",
    "Restart the engine when it suits you: slipway restart",
)


NAME_IT = (
    "Name the proxy in the setting daemon.proxies, or in the variables HTTP_PROXY and HTTPS_PROXY of the terminal "
    "that starts Slipway. If you need none: slipway settings set host_proxy false"
)


class HostProxies(LinkedPart):
    """Which proxies are used, by the machine's names. A change reaches containers and builds at once."""

    name = "proxies"

    def __init__(
        self, paths: Paths, host: Host, settings: CurrentSettings, environment: UserEnvironment, warnings: Warnings
    ) -> None:
        self._paths = paths
        self._host = host
        self._settings = settings
        self._environment = environment
        self._warnings = warnings
        follower = ProxyFollower(self._look)
        environment.changed.append(follower.look_again)
        super().__init__(follower)

    async def plan(self, plan: BootPlan) -> None:
        """The proxies of dockerd, and those that BuildKit's steps get."""
        proxies = await asyncio.to_thread(self._of, plan.settings)
        if proxies:
            plan.daemon["proxies"] = to_daemon(proxies)
            plan.config["proxy"] = in_machine(proxies)

    def now(self) -> Proxies:
        """Those for a container that is created now. Looks at the host."""
        return self._of(self._settings.get())

    async def _look(self) -> Proxies:
        """Those in use; that dockerd has others is a warning."""
        (proxies, passed_over), started = await asyncio.to_thread(lambda: (self._found(), self._of_engine()))
        warnings = [OLD_PROXY] if proxies != started else []
        if passed_over:
            warnings.append(WarningReport(f"Your computer's proxy is not used: {passed_over}", NAME_IT))
        self._warnings.set(self.name, warnings)
        return proxies

    def _found(self) -> tuple[Proxies, str]:
        """See :func:`find_proxies`."""
        return find_proxies(self._settings.get(), self._host, self._environment.variables())

    def _of(self, settings: Settings) -> Proxies:
        return in_use(settings, self._host, self._environment.variables())

    def _of_engine(self) -> Proxies:
        """What dockerd was given when it was started, by this supervisor or one before."""
        given = from_daemon(json.loads(self._paths.daemon_json.read_bytes()).get("proxies") or {})
        return given if given else Proxies()  # exceptions alone are none


def in_use(settings: Settings, host: Host, environment: dict[str, str]) -> Proxies:
    """The proxies by the machine's names: the settings' own, else the host's.

    :param environment: the user's.
    """
    return find_proxies(settings, host, environment)[0]


def find_proxies(settings: Settings, host: Host, environment: dict[str, str]) -> tuple[Proxies, str]:
    """Those of :func:`in_use`, and what of the host's is passed over though it would count."""
    own = settings.daemon.get("proxies")
    if own:
        return for_guest(from_daemon(own)), ""
    found = host.proxies(environment) if settings.host_proxy else Proxies()
    return for_guest(found), found.passed_over
