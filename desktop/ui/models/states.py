"""Names of Slipway's states for the window."""

from __future__ import annotations

from desktop.control.schema import RunState

TITLES = {
    RunState.RUNNING: "Running",
    RunState.STARTING: "Starting …",
    RunState.STOPPED: "Stopped",
    RunState.STOPPING: "Stopping …",
    RunState.RESTARTING: "Restarting …",
    RunState.PAUSED: "Paused",
    RunState.FAILED: "Start failed",
    RunState.UNREACHABLE: "Not responding",
}

BUSY = (RunState.STARTING, RunState.RESTARTING, RunState.STOPPING)
"""States that change without further action."""
