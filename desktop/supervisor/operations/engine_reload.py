"""Settings of dockerd that it takes while it runs: it is made to read daemon.json again, in the machine.

Moby 28 loses the addresses of ``host-gateway`` when it does (moby/moby#52057). New containers are created without
that name (engine/endpoint/admission/host_gateway.py). Where there is one that has it, or a swarm, whose containers
are created in the machine, nothing is reloaded, and the settings count from the next start.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from desktop.control.schema import Note
from desktop.settings.daemon import RELOADED
from desktop.settings.schema import Applies, applies
from desktop.supervisor.context import Change, GuestAccess
from vm.errors import UserError
from vm.files import write_atomically
from vm.host.paths import Paths

log = logging.getLogger(__name__)

SECONDS = 60.0
"""For the whole command; under emulation it takes some."""

UNSUITED = 3
"""The command's exit code where a container, or a swarm, would suffer from a reload."""

RELOAD = """
data={data} file={file}
grep -qs ':host-gateway"' "$data"/containers/*/hostconfig.json && exit {unsuited}
[ ! -e "$data/swarm/docker-state.json" ] || exit {unsuited}
cat >"$file.new" && mv "$file.new" "$file" || exit 1
since=$(date +%s)
kill -HUP "$(cat {pid})" || exit 1
for each in $(seq 60); do
    now=$(($(date +%s) + 1))
    printf 'GET /events?since=%s&until=%s HTTP/1.0\\r\\n\\r\\n' "$since" "$now" | nc.openbsd -U {socket} \\
        | grep -q '"Action":"reload"' && exit 0
    sleep 0.2
done
exit 1
"""
"""Ends well when dockerd has reported that it has read the file."""


@dataclass(frozen=True)
class EngineFiles:
    """Where dockerd's are in the machine."""

    file: str = "/run/slipway/daemon.json"
    data: str = "/var/lib/slipway/docker"
    pid: str = "/run/docker.pid"
    socket: str = "/run/docker.sock"


class EngineReload:
    """An effect of settings (:class:`desktop.supervisor.settings.Effect`)."""

    def __init__(self, paths: Paths, guest: GuestAccess, files: EngineFiles | None = None) -> None:
        self._paths = paths
        self._guest = guest
        self._files = files or EngineFiles()
        self._before: dict[str, Any] | None = None

    async def apply(self, change: Change) -> None:
        """Have dockerd read its settings again, if it takes all that have changed. Never raises."""
        self._before = None
        if not self._guest.running or not _is_live(change):
            return
        try:
            before = json.loads(self._paths.daemon_json.read_bytes())
        except OSError as error:  # another version of Slipway has started the machine
            log.warning("what dockerd was started with cannot be read: %s", error)
            return
        if await self._reload(with_reloaded(before, change.after.daemon)):
            self._before = before

    async def revert(self, change: Change) -> None:
        """Have it read the old ones."""
        if self._before is not None:
            await self._reload(self._before)
            self._before = None

    def noted(self, note: Note, change: Change) -> Note:
        """The outcome of a change, with a restart where dockerd could not take what it mostly takes."""
        missed = self._guest.running and _is_live(change) and self._before is None
        return replace(note, restart_needed=note.restart_needed or missed)

    def gateways(self) -> tuple[str, ...]:
        """What the name ``host-gateway`` stands for in the machine that runs. Reads a file."""
        try:
            found = json.loads(self._paths.daemon_json.read_bytes()).get("host-gateway-ips")
        except OSError:
            return ()
        return tuple(found or ())

    async def _reload(self, settings: dict[str, Any]) -> bool:
        files = {name: shlex.quote(value) for name, value in vars(self._files).items()}
        command, text = RELOAD.format(unsuited=UNSUITED, **files), json.dumps(settings, indent=1).encode()
        try:
            done = await self._guest.link.run(command, input=text, timeout=SECONDS)
        except UserError as error:
            log.warning("dockerd could not be told its settings: %s", error.message)
            return False
        if done.exit_code != 0:
            unsuited = done.exit_code == UNSUITED
            said = "a container or a swarm uses host-gateway" if unsuited else done.stderr.decode(errors="replace")
            log.info("dockerd takes its settings at its next start: %s", said)
            return False
        write_atomically(self._paths.daemon_json, text)
        return True


def with_reloaded(running: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A daemon.json with what a reload takes from ``wanted``, and all else as it is.

    dockerd keeps what a file does not mention, so a setting that was removed is written with its default.
    """
    kept = {key: value for key, value in running.items() if key not in RELOADED}
    return {**kept, **{key: wanted.get(key, default) for key, default in RELOADED.items()}}


def _is_live(change: Change) -> bool:
    """Whether dockerd's settings have changed, and only some that it takes while it runs."""
    paths = [path for path in change.paths if path.partition(".")[0] == "daemon"]
    return bool(paths) and applies(paths) is Applies.LIVE
