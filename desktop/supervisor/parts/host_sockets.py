"""The host's sockets that containers mount: the SSH agent's, and those of programs in shared folders."""

from __future__ import annotations

from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.parts.base import LinkedPart
from engine.events import EngineEvents
from engine.host_sockets import HostSockets, SshAgents
from vm.host import Host
from vm.host.paths import Paths


class MountedSockets(LinkedPart):
    """Around :class:`engine.host_sockets.HostSockets`.

    :ivar sockets: for admission, which has them listened for, and for a reset, which forgets them.
    """

    name = "host sockets"

    def __init__(
        self, paths: Paths, host: Host, settings: CurrentSettings, events: EngineEvents, agents: SshAgents
    ) -> None:
        self.sockets = HostSockets(
            paths.sockets,
            paths.docker_socket,
            agents,
            lambda: settings.get().shares(),
            host.open_folder,
            events,
        )
        super().__init__(self.sockets)
