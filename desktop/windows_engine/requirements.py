"""What the engine of Windows containers needs of Windows, whether it is there, and what brings it.

Source: Microsoft, "Prep Windows operating system containers". All of it can be asked without an administrator.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from desktop.windows_engine.places import DISPLAY_NAME, SERVICE
from vm.host.windows_registry import COMPUTER, subkeys, values, version
from vm.services.service_config import may_start

SERVICES = r"SYSTEM\CurrentControlSet\Services"
SERVICING = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"

CONTAINERS, HYPER_V = "Containers", "Microsoft-Hyper-V"
"""Features, as DISM calls them."""

FEATURE_SERVICES = {CONTAINERS: ("hns", "vmcompute"), HYPER_V: ("vmms",)}
"""Feature → the services that are there when it is on."""

SERVICE_DISABLED = 4
"""The value ``Start`` of a service (winnt.h), which ours has until its setup is complete."""

OTHERS = ("docker", "com.docker.service")
"""Services of other engines: Mirantis Container Runtime and Docker CE; Docker Desktop's helper."""


class By(StrEnum):
    """What meets a requirement that is not met."""

    NOBODY = "nobody"  # this Windows cannot
    SETUP = "setup"  # the setup does it
    RESTART = "restart"  # Windows has to be restarted


@dataclass(frozen=True)
class Windows:
    """What is looked at.

    :ivar edition: ``Professional``, ``Core`` (Home), ``ServerStandard`` …; empty when that is not told.
    :ivar client: whether it is Windows 10 or 11, not a server.
    :ivar services: those that there are, in small letters.
    :ivar restart_pending: changed features wait for a restart.
    :ivar interrupted: our service is disabled: its setup has begun, and is not complete.
    :ivar excluded: our service is there, and this user may not use it: another user has set it up.
    """

    edition: str
    client: bool
    services: Collection[str]
    restart_pending: bool
    interrupted: bool = False
    excluded: bool = False


@dataclass(frozen=True)
class Requirement:
    """:ivar met: whether it is met.    :ivar by: what would do that, if it is not.    :ivar fix: in a sentence."""

    title: str
    met: bool
    by: By = By.SETUP
    fix: str = ""
    feature: str = ""


def look() -> Windows:
    """This Windows. :raise OSError: it does not tell.    :raise HostError: neither."""
    found, services = version(), frozenset(name.lower() for name in subkeys(COMPUTER, SERVICES))
    return Windows(
        edition=str(found.get("EditionID", "")),
        client=str(found.get("InstallationType", "Client")) == "Client",
        services=services,
        restart_pending="RebootPending" in subkeys(COMPUTER, SERVICING),
        interrupted=values(COMPUTER, rf"{SERVICES}\{SERVICE}").get("Start") == SERVICE_DISABLED,
        excluded=SERVICE.lower() in services and not may_start(SERVICE),
    )


def is_home(edition: str) -> bool:
    """Whether an edition is one of Windows Home's: ``Core``, ``CoreN``, ``CoreSingleLanguage`` …"""
    return edition.startswith("Core")


def requirements(windows: Windows) -> list[Requirement]:
    """All of them, in the order in which they have to be met."""
    needed = (CONTAINERS, HYPER_V) if windows.client else (CONTAINERS,)
    found = [
        Requirement(
            "Windows Pro, Enterprise, Education or Server",
            not is_home(windows.edition),
            By.NOBODY,
            "this is Windows Home, which cannot run Windows containers; an upgrade to Windows Pro can",
        )
    ]
    for feature in needed:
        there = all(name in windows.services for name in FEATURE_SERVICES[feature])
        found.append(
            Requirement(f"The Windows feature “{feature}”", there, By.SETUP, "the setup switches it on", feature)
        )
    found.append(
        Requirement(
            "No restart of Windows that is due",
            not windows.restart_pending,
            By.RESTART,
            "restart Windows, so that it completes what was switched on",
        )
    )
    fix = "the setup registers it, and Slipway starts it"
    if windows.interrupted:
        fix = "it is disabled, as an interrupted setup leaves it; the setup enables it"
    ready = is_set_up(windows) and not windows.interrupted
    found.append(Requirement(f"The service “{DISPLAY_NAME}”", ready, By.SETUP, fix))
    if is_set_up(windows):
        found.append(
            Requirement(
                "Your permission to use it",
                not windows.excluded,
                By.SETUP,
                "another user has set it up; the setup lets you use it too",
            )
        )
    return found


def is_set_up(windows: Windows) -> bool:
    """Whether there is the service, complete or not."""
    return SERVICE.lower() in windows.services


def other_engine(windows: Windows) -> str:
    """The service of another engine of Windows containers; empty where there is none."""
    return next((name for name in OTHERS if name in windows.services), "")


def obstacle(found: list[Requirement]) -> Requirement | None:
    """What cannot be met at all."""
    return next((one for one in found if not one.met and one.by is By.NOBODY), None)


def missing_features(found: list[Requirement]) -> list[str]:
    """Those that the setup has to switch on."""
    return [one.feature for one in found if one.feature and not one.met]
