"""The kubeconfigs that lead to the cluster: the user's, with our context in it, and one with nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from desktop.control.schema import CallerEnvironment
from desktop.supervisor.environment import UserEnvironment
from engine.kubernetes.kubeconfig import RECORD, Kubeconfig, Merged, files, standalone
from engine.kubernetes.kubeconfig_text import Entry
from vm.errors import UserError
from vm.files import write_atomically
from vm.host.paths import Paths

log = logging.getLogger(__name__)


class ClusterKubeconfig:
    """Both of them.

    :ivar entry: what they say of the cluster; None: nothing yet.
    :ivar merged: where the user has it; None: nowhere.    :ivar failure: why that is so.
    :ivar caller: who has turned the cluster on.    :ivar use: make our context the current one.
    :ivar changed: called when ``entry`` is another one.
    """

    def __init__(self, paths: Paths, environment: UserEnvironment) -> None:
        self._environment = environment
        self._own_file = paths.kubernetes / "config"
        self._kubeconfig = Kubeconfig(paths.kubernetes / RECORD)
        self.caller: CallerEnvironment | None = None
        self.use = False
        self.changed: list[Callable[[], None]] = []
        self.forget()

    @property
    def own_file(self) -> str:
        """The one with nothing else in it; empty while there is none."""
        return str(self._own_file) if self.entry is not None else ""

    def forget(self) -> None:
        """The cluster does not run, and the next one has other certificates."""
        self.entry: Entry | None = None
        self.merged: Merged | None = None
        self.failure: UserError | None = None
        self._tell()

    async def write(self, entry: Entry) -> None:
        """Have both say this. What fails in the user's is no reason to stop the cluster."""
        if entry != self.entry:
            await asyncio.to_thread(self._merge, entry)
            self.entry = entry
            self._tell()

    async def withdraw(self) -> None:
        """Take our context out of the user's, and delete ours.

        :raise KubeconfigError: the user's cannot be edited.
        """
        self.forget()
        self._own_file.unlink(missing_ok=True)
        await asyncio.to_thread(self._kubeconfig.restore)

    def _tell(self) -> None:
        for told in self.changed:
            told()

    def _merge(self, entry: Entry) -> None:
        caller = self.caller
        variable = caller.kubeconfig if caller is not None else self._environment.variables().get("KUBECONFIG", "")
        self._own_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._own_file, standalone(entry).encode(), 0o600)
        try:
            self.merged = self._kubeconfig.merge(files(variable, Path.home()), entry, use=self.use)
            self.failure = None
        except UserError as error:
            log.warning("%s %s", error.message, error.detail)
            self.merged, self.failure = None, error
