"""What the machine takes over of this computer's surroundings: its proxy and whom it trusts."""

from __future__ import annotations

from desktop.settings.schema import Settings
from engine.proxies import for_guest, from_daemon
from engine.trust import pack, registry_folders
from vm.host import Host
from vm.host.proxies import Proxies


def in_use(settings: Settings, host: Host) -> Proxies:
    """The proxies for engine and containers, by the machine's names: the settings' own, else this computer's."""
    own = settings.daemon.get("proxies")
    if own:
        return for_guest(from_daemon(own))
    return for_guest(host.proxies()) if settings.host_proxy else Proxies()


def archive(host: Host) -> bytes:
    """What the machine is to trust; blocks."""
    return pack(host.certificates(), registry_folders())
