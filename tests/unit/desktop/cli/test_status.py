"""What ``slipway status`` prints of a status."""

from __future__ import annotations

import click

from desktop.cli.machine import status_lines
from desktop.control.schema import RunState, Status, WarningReport


def test_warnings_are_shown_with_their_hints() -> None:
    warnings = (WarningReport("~/.docker cannot be read", "Make it yours."), WarningReport("It is so"))
    found = Status(RunState.RUNNING, "Running", "unix:///x", warnings=warnings)
    shown = [click.unstyle(text) for _, text in status_lines(found)]
    assert shown[-2:] == ["! ~/.docker cannot be read\n→ Make it yours.", "! It is so"]


def test_the_address_for_tls_is_shown_while_it_answers() -> None:
    off = Status(RunState.RUNNING, "Running", "unix:///x")
    on = Status(RunState.RUNNING, "Running", "unix:///x", tls="tcp://127.0.0.1:2376")
    assert "TLS" not in dict(status_lines(off))
    assert dict(status_lines(on))["TLS"] == "tcp://127.0.0.1:2376, for clients with a certificate"
