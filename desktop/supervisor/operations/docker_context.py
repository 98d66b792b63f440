"""Which engine a client's docker command uses when none is named: as docker decides it, and then really asked."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from desktop.control.schema import CallerEnvironment, ContextReport, Event, Note, WarningReport
from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.warnings import Warnings
from engine.context_store import ContextError
from engine.context_trial import answers
from engine.contexts import NAME, Contexts
from vm.errors import UserError
from vm.host.docker_address import make_link
from vm.host.optional_files import hint
from vm.host.paths import Paths

log = logging.getLogger(__name__)

ABOUT = "the Docker context"


class DockerContext:
    """The context ``slipway``, in the configuration of whoever asks: DOCKER_CONFIG differs between terminals."""

    def __init__(
        self,
        paths: Paths,
        settings: CurrentSettings,
        warnings: Warnings,
        also: Callable[[], tuple[str, ...]] = tuple,
        engines: Mapping[str, str] | None = None,
    ) -> None:
        """
        :param also: further addresses at which our engine answers for now.
        :param engines: where there are several: name of a context → the address of the one engine it leads to.
        """
        self._paths = paths
        self._settings = settings
        self._warnings = warnings
        self._also = also
        self._engines = engines or {}
        self._failures: dict[str, WarningReport] = {}
        self._waiting: Counter[CallerEnvironment] = Counter()  # two terminals may be equal
        self._notes: dict[CallerEnvironment, str] = {}

    # -- at a start ---------------------------------------------------------------------------------------------

    def expect(self, caller: CallerEnvironment) -> None:
        """A client asks for a start, after which its docker command is to find the engine."""
        self._waiting[caller] += 1

    def dismiss(self, caller: CallerEnvironment) -> None:
        """Its start has come to nothing; a later start, of another client's, makes no context for it."""
        self._waiting -= Counter([caller])

    async def offer_expected(self) -> str:
        """After a start: make the context for each client that has asked for it; each gets its own note later."""
        waiting, self._waiting, self._notes = self._waiting, Counter(), {}
        for caller in waiting:
            self._notes[caller] = await self.offer(caller)
        return ""

    async def with_note(self, event: Event, caller: CallerEnvironment) -> Event:
        """An event of a start, its last one with the note for this client."""
        if event.kind != "done":
            return event
        if caller in self._waiting:  # nothing had to be started
            self.dismiss(caller)
            note = await self.offer(caller)
        else:
            note = self._notes.get(caller, "")
        return replace(event, text="\n".join(filter(None, [event.text, note])))

    async def offer(self, caller: CallerEnvironment) -> str:
        """Create the context, and make it current if the setting says so; what to tell the user about it.

        A configuration of Docker's that cannot be read or written does not keep the engine from running.
        """
        contexts, failure = self._contexts(caller), None
        try:
            await asyncio.to_thread(self._link)
            note = await contexts.offer(self._paths.docker_host, self._settings.get().context)
        except UserError as error:
            failure, note = error, f"{error.message}. {error.hint}"
        self._keep(contexts, failure)
        log.info("%s: %s", ABOUT, note or "slipway is the current one")
        return note

    # -- what can be asked --------------------------------------------------------------------------------------

    async def report(self, caller: CallerEnvironment) -> ContextReport:
        """What the client's docker command would do; the engine is asked.

        :raise ContextError: Docker's configuration cannot be read.
        """
        contexts = self._contexts(caller)
        current, address, variable = await asyncio.to_thread(contexts.decide)
        _, value = contexts.override() or ("", "")
        return ContextReport(
            current,
            address,
            await answers(address),
            ours=contexts.leads_to(address, self._paths.docker_host),
            override=f"{variable}={value}" if variable else "",
            previous=contexts.previous if current == NAME else "",
            names=tuple(await asyncio.to_thread(contexts.store.names)),
        )

    async def use(self, caller: CallerEnvironment) -> Note:
        """Make ``slipway`` current, and remember the one before.

        :raise ContextError: Docker's configuration cannot be read or written.
        """
        contexts = self._contexts(caller)
        await asyncio.to_thread(self._link)
        outcome = await asyncio.to_thread(contexts.use, self._paths.docker_host)
        self._keep(contexts, None)
        return self._noted(outcome)

    async def restore(self, caller: CallerEnvironment) -> Note:
        """Make the one before current again.

        :raise ContextError: Docker's configuration cannot be read or written.
        """
        return self._noted(await asyncio.to_thread(self._contexts(caller).restore))

    def _contexts(self, caller: CallerEnvironment) -> Contexts:
        return Contexts(self._paths.contexts, caller.variables(), self._also(), self._engines)

    def _link(self) -> None:
        """Where docker cannot read the socket's path, make a link that it can.

        :raise ContextError: it cannot be made.
        """
        link = self._paths.docker_link
        if link is None:
            return
        try:
            make_link(link, self._paths.docker_socket)
        except OSError as error:
            raise ContextError(
                f"docker cannot read the path of Slipway's socket, nor can a link be made: {error.strerror}",
                hint(link, error),
                str(link),
            ) from error

    def _keep(self, contexts: Contexts, failure: UserError | None) -> None:
        """Warn of a failure until it has passed, by configuration."""
        folder = str(contexts.store.folder)
        self._failures.pop(folder, None)
        if failure is not None:
            then = "Then: slipway context use"
            self._failures[folder] = WarningReport(failure.message, f"{failure.hint} {then}".strip())
        self._warnings.set(ABOUT, self._failures.values())

    def _noted(self, outcome: str) -> Note:
        log.info("%s: %s", ABOUT, outcome)
        return Note(outcome)
