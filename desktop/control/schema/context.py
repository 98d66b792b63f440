"""Docker's own configuration: the current context, and credential helpers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContextReport:
    """Which engine the docker command talks to.

    :ivar current: the context in use.    :ivar address: of its engine.    :ivar answers: whether one does there.
    :ivar ours: it is Slipway's.    :ivar override: a variable that goes before any context, as NAME=VALUE.
    :ivar previous: the context that was current before ours.    :ivar names: all contexts.
    """

    current: str
    address: str
    answers: bool
    ours: bool
    override: str = ""
    previous: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangeHelpers:
    """Removes uninstalled credential helpers from Docker's configuration, or puts back what was removed."""

    repair: bool
