"""Windows: the registry's list of what starts at login."""

from __future__ import annotations

from desktop.system.base import Launch
from desktop.system.windows import APPROVED, RUN, WindowsSystem

LAUNCH = Launch("slipway", (r"C:\Program Files\Slipway\python.exe", "-m", "desktop.cli", "open"))


class FakeRegistry:
    """A registry in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str | bytes] = {}

    def get(self, key: str, name: str) -> str | bytes | None:
        return self.values.get((key, name))

    def set(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        self.values.pop((key, name), None)


def test_at_login() -> None:
    registry = FakeRegistry()
    system = WindowsSystem(registry)
    system.start_at_login(LAUNCH, True)
    assert registry.values == {(RUN, "Slipway"): r'"C:\Program Files\Slipway\pythonw.exe" -m desktop.cli open'}
    assert system.starts_at_login(LAUNCH)
    system.start_at_login(LAUNCH, False)
    assert registry.values == {}


def test_switched_off_in_the_task_manager() -> None:
    registry = FakeRegistry()
    system = WindowsSystem(registry)
    system.start_at_login(LAUNCH, True)
    for first, off in ((2, False), (3, True), (6, False), (7, True)):
        registry.values[APPROVED, "Slipway"] = bytes([first, *bytes(11)])
        assert system.starts_at_login(LAUNCH) is not off
        assert bool(system.switched_off(LAUNCH)) is off
    system.start_at_login(LAUNCH, True)  # whoever sets it here wants it
    assert system.starts_at_login(LAUNCH)
