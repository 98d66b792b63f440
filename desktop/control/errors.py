"""What goes wrong between a client and the supervisor itself; the supervisor's own errors are ``RemoteError``."""

from __future__ import annotations

from vm.errors import UserError


class SupervisorAbsent(UserError):
    """No supervisor runs, and none was to be started."""


class ControlError(UserError):
    """The supervisor does not answer as it should."""


class SupervisorSilent(ControlError):
    """A supervisor has taken the connection, and does not answer."""
