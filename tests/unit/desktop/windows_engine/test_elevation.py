"""The question of Windows for an administrator: what is made of its answers, which Wine never gives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from desktop.windows_engine import elevation
from vm.errors import HostError


class Windows:
    """As much of ctypes and of shell32 as is used. :param error: of ShellExecuteExW; 0: it succeeds."""

    def __init__(self, error: int) -> None:
        self.error = error
        self.orders: list[Any] = []

    def WinDLL(self, name: str, *, use_last_error: bool) -> Any:
        assert use_last_error
        return self if name == "shell32" else SimpleNamespace()

    def ShellExecuteExW(self, order: Any) -> bool:
        self.orders.append(order._obj)  # noqa: SLF001 - what byref was given
        return not self.error

    def get_last_error(self) -> int:
        return self.error


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (1223, "It was not allowed", "choose Yes"),
        (5, "does not run it as an administrator", "a policy may forbid it"),
    ],
)
def test_a_refusal(monkeypatch: pytest.MonkeyPatch, error: int, message: str, hint: str) -> None:
    windows = Windows(error)
    monkeypatch.setattr(elevation, "_windll", lambda: windows)
    with pytest.raises(HostError, match=message) as caught:
        elevation.run_elevated(["C:\\Program Files\\x.exe", "a b", "c"])
    assert "nothing has changed" in caught.value.message
    assert hint in caught.value.hint
    (order,) = windows.orders
    assert (order.verb, order.file, order.parameters) == ("runas", "C:\\Program Files\\x.exe", '"a b" c')
