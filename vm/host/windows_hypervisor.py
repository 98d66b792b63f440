"""Whether Windows' hypervisor can run a machine, as Windows tells without trying: feature, firmware, hypervisor.

Sources: Microsoft, "Windows Hypervisor Platform API", "IsProcessorFeaturePresent". It can be imported everywhere,
and asked on Windows only.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.host.base import Obstacle

log = logging.getLogger(__name__)

LIBRARY = "WinHvPlatform.dll"
"""Comes with the Windows feature."""

ENABLE_WHPX = "DISM /Online /Enable-Feature /All /FeatureName:HypervisorPlatform"
TURN_ON = f"In a terminal of an administrator: {ENABLE_WHPX}, then restart Windows"
FIRMWARE = "virtualisation (Intel VT-x, AMD-V or SVM) in the settings of the computer's firmware (BIOS or UEFI)"

PF_VIRT_FIRMWARE_ENABLED = 21
HYPERVISOR_PRESENT = 0
"""WHvCapabilityCodeHypervisorPresent (WinHvPlatformDefs.h)."""


@dataclass(frozen=True)
class Virtualisation:
    """What Windows says.

    :ivar feature: the feature “Windows Hypervisor Platform” is on.
    :ivar hypervisor: the hypervisor runs; None where that cannot be asked.
    :ivar firmware: the firmware allows virtualisation. Under a hypervisor Windows may not see that it does.
    """

    feature: bool
    hypervisor: bool | None
    firmware: bool


def obstacle(found: Virtualisation) -> Obstacle | None:
    """What plainly forbids WHPX; None: it has to be tried."""
    if not found.feature:
        why = "the Windows feature “Windows Hypervisor Platform” is off"
        if found.firmware:
            return Obstacle(why, TURN_ON)
        return Obstacle(
            f"{why}, and virtualisation may be switched off in the firmware",
            f"{TURN_ON}. If that does not help, switch on {FIRMWARE}",
        )
    if found.hypervisor is False and not found.firmware:
        return Obstacle(
            "virtualisation is switched off in the computer's firmware",
            f"Switch on {FIRMWARE}; if this Windows is in a virtual machine, nested virtualisation for it",
        )
    if found.hypervisor is False:
        return Obstacle(
            "Windows' hypervisor does not run",
            "Restart Windows. If that does not help, in a terminal of an administrator: "
            "bcdedit /set hypervisorlaunchtype auto, then restart Windows",
        )
    return None


def look(system: Path) -> Virtualisation:
    """Ask Windows. :param system: the folder ``System32``."""
    firmware = bool(_library("kernel32").IsProcessorFeaturePresent(PF_VIRT_FIRMWARE_ENABLED))
    if not (system / LIBRARY).exists():
        return Virtualisation(False, None, firmware)
    return Virtualisation(True, hypervisor_present(lambda: _library(str(system / LIBRARY))), firmware)


def hypervisor_present(load: Callable[[], Any]) -> bool | None:
    """Whether the hypervisor runs; None where Windows does not tell. :param load: loads :data:`LIBRARY`."""
    answer, size = ctypes.c_int32(), ctypes.c_uint32()
    try:
        result = load().WHvGetCapability(
            HYPERVISOR_PRESENT, ctypes.byref(answer), ctypes.sizeof(answer), ctypes.byref(size)
        )
    except (OSError, AttributeError) as error:
        log.info("%s cannot be asked: %s", LIBRARY, error)
        return None
    if result != 0:  # an HRESULT
        log.info("WHvGetCapability: %#x", result & 0xFFFFFFFF)
        return None
    return bool(answer.value)


def _library(name: str) -> Any:
    return getattr(ctypes, "WinDLL")(name)  # noqa: B009 - only Windows' Python has it
