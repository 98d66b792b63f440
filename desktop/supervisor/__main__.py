"""The supervisor's process: ``python -m desktop.supervisor``."""

from __future__ import annotations

from collections.abc import Sequence

from desktop.control.calls import Route
from desktop.supervisor.app import Supervisor
from desktop.supervisor.handlers import handlers
from desktop.supervisor.process import Service, main
from vm.host import Host
from vm.host.paths import Paths


def make_supervisor(paths: Paths, host: Host) -> tuple[Service, Sequence[Route]]:
    """The supervisor, and what does each call."""
    supervisor = Supervisor(paths, host)
    return supervisor, handlers(supervisor)


if __name__ == "__main__":
    raise SystemExit(main(make_supervisor))
