"""The user's environment as the machine's parts see it: of the client that asked for the last start.

The supervisor's own is that of the terminal that happened to start it, which may have been closed long ago.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from desktop.control.schema import CallerEnvironment
from engine.host_sockets import SshAgents


class UserEnvironment:
    """Belongs to the supervisor's event loop.

    :ivar agents: the SSH agents of all clients so far.
    :ivar changed: called when a start has been asked for in another environment than before.
    """

    def __init__(self) -> None:
        self._caller = CallerEnvironment.of(os.environ)
        self.agents = SshAgents(self._caller.ssh_auth_sock)
        self.changed: list[Callable[[], object]] = []

    def notice(self, caller: CallerEnvironment) -> None:
        """A client asks for something: an SSH agent that was not known is a newer login's."""
        self.agents.add(caller.ssh_auth_sock)

    def use(self, caller: CallerEnvironment) -> None:
        """A client asks for a start, also of what runs already: its environment counts from now on."""
        self.agents.prefer(caller.ssh_auth_sock)
        if caller != self._caller:
            self._caller = caller
            for tell in self.changed:
                tell()

    def variables(self) -> dict[str, str]:
        """The environment that counts, with the rest of this process's."""
        return self._caller.within(os.environ)
