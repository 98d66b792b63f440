"""Exit codes in words."""

from __future__ import annotations

import pytest

from desktop.ui.models.containers import line
from desktop.ui.models.exits import exit_code, reason, with_reason
from engine.client.models import Container


@pytest.mark.parametrize(
    ("status", "code", "shown"),
    [
        ("Exited (137) 2 minutes ago", 137, "Exited (137: killed) 2 minutes ago"),
        ("Exited (0) 2 minutes ago", 0, "Exited (0) 2 minutes ago"),
        ("Exited (3) 2 minutes ago", 3, "Exited (3) 2 minutes ago"),
        ("Up 5 minutes (healthy)", None, "Up 5 minutes (healthy)"),
        ("Created", None, "Created"),
        ("", None, ""),
    ],
)
def test_a_status(status: str, code: int | None, shown: str) -> None:
    assert exit_code(status) == code
    assert with_reason(status) == shown
    assert exit_code(shown) == code


def test_the_reason_is_a_sentence() -> None:
    assert "memory ran out" in reason("Exited (137) 1 second ago")
    assert reason("Exited (0) 1 second ago") == reason("Exited (77) 1 second ago") == reason("Up 1 second") == ""


@pytest.mark.parametrize(("status", "colour"), [("Exited (0) now", "exited"), ("Exited (137) now", "failed")])
def test_its_colour(status: str, colour: str) -> None:
    values = {"Id": "a", "Names": ["/a"], "State": "exited", "Status": status}
    assert line(Container.of(values)).colour == colour
