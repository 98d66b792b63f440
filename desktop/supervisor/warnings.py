"""What is not as it should be though Slipway runs: by what it concerns, for the status and ``diagnose``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from desktop.control.schema import WarningReport
from vm.host.optional_files import PassedOver

log = logging.getLogger(__name__)


class Warnings:
    """:param notify: called after each change."""

    def __init__(self, notify: Callable[[], object] = lambda: None) -> None:
        self._known: dict[str, tuple[WarningReport, ...]] = {}
        self._notify = notify

    def set(self, about: str, warnings: Iterable[WarningReport]) -> None:
        """All there are now about one thing; each is logged once. Called in the event loop.

        :param about: what they are about, such as ``certificates``.
        """
        new, old = tuple(warnings), self._known.get(about, ())
        if new == old:
            return
        for warning in set(new) - set(old):
            log.warning("%s: %s. %s", about, warning.message, warning.hint)
        self._known[about] = new
        self._notify()

    def about(self, about: str) -> tuple[WarningReport, ...]:
        """Those about one thing."""
        return self._known.get(about, ())

    def list(self) -> tuple[WarningReport, ...]:
        """All of them."""
        return tuple(warning for warnings in self._known.values() for warning in warnings)


def of_files(passed_over: Iterable[PassedOver], use: str) -> list[WarningReport]:
    """Those about files that could not be read.

    :param use: what the files are, as ``a certificate``.
    """
    return [WarningReport(f"{one.path} cannot be read ({one.reason}): {use}", one.hint) for one in passed_over]
