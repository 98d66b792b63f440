"""What the machine takes over of this computer's surroundings: its proxy and whom it trusts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.settings.schema import Settings, SettingsError
from engine.endpoint.rewrite import Change
from engine.proxies import ProxyJudge, for_guest, from_daemon
from engine.trust import pack, registry_folders
from vm.host import Host
from vm.host.proxies import Proxies

if TYPE_CHECKING:  # the supervisor makes the judge, which asks the supervisor
    from desktop.supervisor.app import Supervisor


def in_use(settings: Settings, host: Host) -> Proxies:
    """The proxies for engine and containers, by the machine's names: the settings' own, else this computer's."""
    own = settings.daemon.get("proxies")
    if own:
        return for_guest(from_daemon(own))
    return for_guest(host.proxies()) if settings.host_proxy else Proxies()


def archive(host: Host) -> bytes:
    """What the machine is to trust; blocks."""
    return pack(host.certificates(), registry_folders())


def proxy_judge(supervisor: Supervisor) -> Change:
    """Gives new containers the proxy."""

    def proxies() -> Proxies:
        try:
            return in_use(supervisor.store.load(), supervisor.host)
        except SettingsError:  # told when something is started
            return Proxies()

    return ProxyJudge(proxies)
