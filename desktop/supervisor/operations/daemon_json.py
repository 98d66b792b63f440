"""dockerd's own word on a change of its settings, before they are kept."""

from __future__ import annotations

import json
import logging
import shlex

from desktop.settings.schema import SettingsError
from desktop.settings.validation import reason
from desktop.supervisor.context import Change, GuestAccess
from desktop.supervisor.lifecycle.boot_plan import merged_daemon
from vm.errors import LinkError

log = logging.getLogger(__name__)

SECONDS = 60.0
"""For ``dockerd --validate`` in the machine; under emulation it takes one or two."""

VALIDATE = "cat >{file} && dockerd --validate --config-file={file} 2>&1; code=$?; rm -f {file}; exit $code"
DRAFT = "/run/slipway/daemon.draft.json"


class DaemonJson:
    """A check of settings (:data:`desktop.supervisor.settings.Check`)."""

    def __init__(self, guest: GuestAccess) -> None:
        self._guest = guest

    async def require_valid(self, change: Change) -> None:
        """Have the machine's own dockerd look at what its daemon.json would be, if it runs.

        :raise SettingsError: it would not start with that.
        """
        if "daemon" not in change.names or not self._guest.running:
            return
        command = VALIDATE.format(file=shlex.quote(DRAFT))
        text = json.dumps(merged_daemon(change.after)).encode()
        try:
            done = await self._guest.link.run(command, input=text, timeout=SECONDS)
        except LinkError as error:  # this very setting may be what repairs it
            log.warning("dockerd could not check its settings: %s", error.message)
            return
        if done.exit_code != 0:
            output = (done.stdout + done.stderr).decode(errors="replace").strip()
            raise SettingsError(
                f"dockerd refuses these settings: {reason(output)}", "Nothing was changed.", output
            )
