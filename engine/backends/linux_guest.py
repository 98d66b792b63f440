"""The Linux engine: Moby in the machine, brought up by a boot plan.

The machine itself is vm's, which this package may not see: what is used of it is said by :class:`GuestMachine`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from engine.backends.base import Guest, Hop, Listener, Progress
from engine.backends.features import Features
from engine.endpoint.route import GuestRoute, Route
from engine.linux import GUEST_SOCKET, ask_inside
from vm.errors import LinkError, UserError
from vm.guest.stream import Link

LINK_LOST = "the connection to the machine was lost; Slipway is reconnecting"

HOP_SECONDS = 3.0
"""For dockerd to answer inside the machine."""

Spec = TypeVar("Spec")
SpecT_contra = TypeVar("SpecT_contra", contravariant=True)


class ReachedStage(Protocol):
    """A step of the machine's start. :ivar seconds: since the machine's start began."""

    @property
    def name(self) -> str: ...

    @property
    def seconds(self) -> float: ...


class Retry(Protocol):
    """A failed attempt to start the machine that is followed by another. :ivar text: one line for the user."""

    @property
    def text(self) -> str: ...


class MachineHop(Protocol):
    """A part on the way into the guest, as :class:`engine.backends.base.Hop`."""

    @property
    def name(self) -> str: ...

    @property
    def ok(self) -> bool | None: ...

    @property
    def why(self) -> str: ...

    @property
    def hint(self) -> str: ...


class GuestMachine(Protocol[SpecT_contra]):
    """What is used of :class:`vm.machine.Machine`; its errors are those of that class."""

    @property
    def state(self) -> str: ...

    @property
    def link(self) -> Link: ...

    failure: UserError | None

    async def start(
        self,
        spec: SpecT_contra,
        on_stage: Callable[[ReachedStage], None] | None = None,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None: ...

    async def adopt(self) -> bool: ...

    async def stop(self) -> None: ...

    async def resume(self) -> None: ...

    async def wait_exit(self) -> UserError | None: ...

    async def probe(self) -> Sequence[MachineHop]: ...


class LinuxGuest(Generic[Spec]):
    """The machine as a :class:`~engine.backends.base.Backend`.

    :param plan: makes the machine's specification, each of its stages timed by what it is given.
    :param adopted: called when a machine has been taken over, to find out again what :param:`plan` knew.
    """

    name = "linux"
    features = Features(containers="linux", guest=True, pause=True)

    def __init__(
        self,
        machine: GuestMachine[Spec],
        plan: Callable[[Progress], Awaitable[Spec]],
        adopted: Callable[[], Awaitable[None]],
    ) -> None:
        self._machine = machine
        self._plan = plan
        self._adopted = adopted
        self._adopting = False
        self._listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` what happens from now on."""
        self._listener = listener

    @property
    def up(self) -> bool:
        """Whether the machine runs, paused or not."""
        return self._machine.state in ("running", "paused")

    @property
    def failure(self) -> UserError | None:
        """Why the machine ended by itself, or is held; None otherwise."""
        return self._machine.failure

    async def start(self, progress: Progress) -> None:
        """Make the plan and boot by it.

        :raise UserError: the machine did not start; nothing of it is left.
        """
        spec = await self._plan(progress)
        progress.machine_begins()
        await self._machine.start(
            spec,
            lambda stage: progress.machine_stage(stage.name, stage.seconds),
            lambda retry: progress.note(retry.text),
        )

    async def adopt(self) -> bool:
        """Take over the machine that an earlier supervisor left, or clean it up; whether it runs now."""
        self._adopting = True
        try:
            found = await self._machine.adopt()
        finally:
            self._adopting = False
        if found:
            await self._adopted()
        return found

    async def stop(self) -> None:
        """Shut the machine down; a failed one is set back.

        :raise MachineError: QEMU cannot be ended.
        """
        if self._machine.state != "stopped":
            await self._machine.stop()

    async def resume(self) -> None:
        """Let the paused machine go on.

        :raise UserError: it cannot.
        """
        await self._machine.resume()

    async def wait_ended(self) -> UserError | None:
        """Wait until the machine has ended by itself; the cause."""
        return await self._machine.wait_exit()

    def route(self) -> Route:
        """dockerd's socket in the machine.

        :raise StateError: the machine does not run.    :raise LinkError: the link is being made again.
        """
        return GuestRoute(self._machine.link, GUEST_SOCKET)

    async def hops(self) -> list[Hop]:
        """QEMU, its monitor, the link, dockerd. Never raises."""
        hops = [Hop(hop.name, hop.ok, hop.why, hop.hint) for hop in await self._machine.probe()]
        hops.append(await self._dockerd() if all(hop.ok for hop in hops) else Hop("dockerd", None, "not reached"))
        return hops

    async def _dockerd(self) -> Hop:
        try:
            await ask_inside(self._machine.link, HOP_SECONDS)
        except UserError as error:
            return Hop("dockerd", False, error.message, error.hint)
        return Hop("dockerd", True, "dockerd answers inside the machine")

    # -- what the machine reports -------------------------------------------------------------------------------

    def machine_changed(self, old: str, new: str) -> None:
        """The machine's state has changed; what we do ourselves (start, stop) is not passed on."""
        listener = self._listener
        if listener is None:
            return
        if new == "running":
            if old == "paused":
                listener.resumed()
            self._tell_reached()
        elif new == "paused":
            listener.held(self._machine.failure)
        elif new == "failed" and old in ("running", "paused"):
            assert self._machine.failure is not None  # the state machine keeps the cause of each failure
            listener.ended(self._machine.failure)

    def link_changed(self, link: Link | None) -> None:
        """The link was lost (None), or is back."""
        if self._listener is None:
            return
        if link is None:
            self._listener.lost(LINK_LOST)
        else:
            self._listener.reached(Guest(link, adopted=False))

    def _tell_reached(self) -> None:
        assert self._listener is not None
        try:
            link = self._machine.link
        except LinkError:  # lost while it was paused
            self._listener.lost(LINK_LOST)
        else:
            self._listener.reached(Guest(link, self._adopting))
