"""What a screen reader gets from a window, over AT-SPI (at-spi2-core's D-Bus interfaces)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jeepney import DBusAddress, Properties, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

WAIT_SECONDS = 60.0
"""Seconds for what the window shows; generous, since the machine beside it may be emulated."""

ROOT = "/org/a11y/atspi/accessible/root"
ACCESSIBLE, COMPONENT, TEXT = (f"org.a11y.atspi.{name}" for name in ("Accessible", "Component", "Text"))

FOCUSED, SENSITIVE, SHOWING = 12, 24, 25
"""Numbers of states (AtspiStateType)."""


@dataclass(frozen=True)
class Item:
    """Something in a window. :ivar role: in AT-SPI's words: ``push button``, ``text``, …"""

    path: str
    name: str
    role: str
    states: int

    def has(self, state: int) -> bool:
        return bool(self.states >> state & 1)


class Reader:
    """Reads the windows of the only application on a session bus. A context manager.

    :param bus: the session bus's address.
    """

    def __init__(self, bus: str) -> None:
        with open_dbus_connection(bus) as session:
            place = DBusAddress("/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Bus")
            (address,) = unwrap_msg(session.send_and_get_reply(new_method_call(place, "GetAddress")))
        self._bus: DBusConnection = open_dbus_connection(address)
        self._name = ""

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.close()

    # -- looking ------------------------------------------------------------------------------------------------

    def windows(self) -> list[Item]:
        """The windows that are shown."""
        self._name = self._name or self._find_application()
        if not self._name:
            return []
        return [item for path in self._children(ROOT) if (item := self._item(path)) and item.has(SHOWING)]

    def items(self, window: str) -> Iterator[Item]:
        """Everything that is shown in the window of that name."""
        waiting = [item for item in self.windows() if item.name == window]
        while waiting:
            item = waiting.pop(0)
            yield item
            for path in self._children(item.path):
                found = self._item(path)
                if found is not None and found.has(SHOWING):
                    waiting.append(found)

    def look(self, window: str, name: str, role: str = "") -> Item | None:
        """The first item of that name (and role) in a window; None when there is none now."""
        for item in self.items(window):
            if item.name == name and role in ("", item.role):
                return item
        return None

    def find(self, window: str, name: str, role: str = "", *, seconds: float = WAIT_SECONDS) -> Item:
        """The same, once it is there and can be used.

        :raise AssertionError: it never was; with what there was.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.look(window, name, role)
            if found is not None and found.has(SENSITIVE):
                return found
            time.sleep(0.1)  # what comes next is the window's affair, and it has no event for "will never come"
        there = [f"{item.role} “{item.name}”" for item in self.items(window) if item.name]
        raise AssertionError(f"no {role} “{name}” in {window}: {[item.name for item in self.windows()]} {there}")

    def text(self, item: Item) -> str:
        """All text of an item."""
        (text,) = self._call(item.path, TEXT, "GetText", "ii", 0, -1)
        return str(text)

    def middle(self, item: Item) -> tuple[int, int]:
        """Where its middle is on the screen, in pixels."""
        ((x, y, width, height),) = self._call(item.path, COMPONENT, "GetExtents", "u", 0)
        return x + width // 2, y + height // 2

    # -- AT-SPI ---------------------------------------------------------------------------------------------------

    def _find_application(self) -> str:
        registry = DBusAddress(ROOT, bus_name="org.a11y.atspi.Registry", interface=ACCESSIBLE)
        (found,) = self._ask(new_method_call(registry, "GetChildren"))
        return str(found[0][0]) if found else ""

    def _item(self, path: str) -> Item | None:
        """None when it has gone meanwhile."""
        try:
            ((_, name),) = self._ask(Properties(self._at(path, ACCESSIBLE)).get("Name"))
            (role,) = self._call(path, ACCESSIBLE, "GetRoleName")
            ((low, high),) = self._call(path, ACCESSIBLE, "GetState")
        except DBusErrorResponse:
            return None
        return Item(path, name, role, low | high << 32)

    def _children(self, path: str) -> list[str]:
        try:
            (found,) = self._call(path, ACCESSIBLE, "GetChildren")
        except DBusErrorResponse:  # it has gone meanwhile
            return []
        return [child for _, child in found]

    def _at(self, path: str, interface: str) -> DBusAddress:
        return DBusAddress(path, bus_name=self._name, interface=interface)

    def _call(self, path: str, interface: str, method: str, signature: str = "", *body: Any) -> tuple[Any, ...]:
        return self._ask(new_method_call(self._at(path, interface), method, signature or None, body))

    def _ask(self, message: Any) -> tuple[Any, ...]:
        return tuple(unwrap_msg(self._bus.send_and_get_reply(message, timeout=WAIT_SECONDS)))
