"""Imports pages and dialogs when they are first used, so that the window paints sooner."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any


def deferred(name: str) -> Callable[..., Any]:
    """A class or function of ``desktop.ui``, such as ``pages.logs:LogsPage``, whose first call imports it."""
    return lambda *arguments: resolve_name(f"desktop.ui.{name}")(*arguments)
