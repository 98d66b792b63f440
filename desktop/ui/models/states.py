"""Slipway's states in a person's words."""

from __future__ import annotations

from desktop.control.schema import RunState

TITLES = {
    RunState.RUNNING: "Running",
    RunState.STARTING: "Starting …",
    RunState.STOPPED: "Stopped",
    RunState.STOPPING: "Stopping …",
    RunState.RESTARTING: "Starting again …",
    RunState.PAUSED: "Paused",
    RunState.FAILED: "Could not start",
    RunState.UNREACHABLE: "Not answering",
}

BUSY = (RunState.STARTING, RunState.RESTARTING, RunState.STOPPING)
"""States that end by themselves."""
