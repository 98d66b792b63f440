"""Names of Slipway's states for the window."""

from __future__ import annotations

from desktop.control.schema import RunState
from desktop.ui.words import mark

TITLES = {
    RunState.RUNNING: mark("Running"),
    RunState.STARTING: mark("Starting …"),
    RunState.STOPPED: mark("Stopped"),
    RunState.STOPPING: mark("Stopping …"),
    RunState.RESTARTING: mark("Restarting …"),
    RunState.PAUSED: mark("Paused"),
    RunState.FAILED: mark("Start failed"),
    RunState.UNREACHABLE: mark("Not responding"),
}

BUSY = (RunState.STARTING, RunState.RESTARTING, RunState.STOPPING)
"""States that change without further action."""
