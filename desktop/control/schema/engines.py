"""The engines that Slipway can lead to, the switch, and the setup of the one for Windows containers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UseEngine:
    """Asks for another engine, by its name."""

    name: str


@dataclass(frozen=True)
class RequirementReport:
    """What the engine of Windows containers needs of Windows.

    :ivar by: what meets it: ``setup``, ``restart`` (of Windows) or ``nobody``.    :ivar fix: the same in words.
    """

    title: str
    met: bool
    by: str = "setup"
    fix: str = ""


@dataclass(frozen=True)
class RemoveEngine:
    """Asks for the removal of that engine.

    :ivar data: delete its images, containers and volumes.
    :ivar features: switch off the features of Windows that the setup has switched on.
    """

    data: bool = False
    features: bool = True
