"""What an engine can do, as data: by itself, so that the window does not import what serves engines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Features:
    """What an engine can do, for whatever depends on it; the rest is greyed out with the reason.

    :ivar containers: the kind it runs, as Docker's API calls it: ``linux``, ``windows``.
    :ivar guest: whether it runs in a machine of ours: with a link, shared folders, published ports, a data disk.
    :ivar pause: whether it can be paused and resumed in place.
    :ivar place: what is started and stopped with it, in messages: ``machine``.
    """

    containers: str
    guest: bool
    pause: bool
    place: str = "machine"
