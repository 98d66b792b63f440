"""Published ports: the host listens for them, and dockerd is kept from choosing those that are in use here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from desktop.control.schema import PartReport, PortReport
from desktop.settings.schema import Settings
from desktop.supervisor.context import GuestAccess
from desktop.supervisor.parts.base import Part, reported
from engine.backends.base import Guest
from engine.kubernetes.cluster import CLUSTER
from engine.ports import PortReservations, Publisher
from engine.ports.listener import Datagrams
from engine.ports.publisher import Answer
from vm.errors import LinkError
from vm.tasks import TaskSet

log = logging.getLogger(__name__)

RESERVE = "/usr/lib/slipway/hold_ports /run/slipway/held"
RESERVE_SECONDS = 10.0


class Ports(Part):
    """What containers publish.

    :param answer: sends the guest a line over the control port.
    :param datagrams: carries UDP over IPv4.
    :param engine_answers: whether dockerd does; before that it starts the containers that ran before.
    """

    name = "ports"

    def __init__(
        self, guest: GuestAccess, answer: Answer, datagrams: Datagrams, engine_answers: Callable[[], bool]
    ) -> None:
        self._guest = guest
        self._answer = answer
        self._engine_answers = engine_answers
        self._tasks = TaskSet()
        self.publisher = Publisher(answer, datagrams)
        self.reservations = PortReservations(self.publisher, self._reserve)

    def configure(self, settings: Settings) -> None:
        """Listen on the loopback address only, where the setting says so."""
        self.publisher.set_loopback_only(settings.ports_local)

    def attach(self, guest: Guest) -> None:
        """Carry connections by this link; reserve what is in use here before dockerd chooses ports."""
        self.publisher.use(guest.link)
        if guest.adopted:
            self.reservations.forget()
            self._tasks.spawn(self._ask_for_ports(), "ask for published ports")
        self._tasks.spawn(self.reservations.look_ahead(), "look ahead for ports in use")

    def detach(self, *, ended: bool) -> None:
        """Let connections wait; when the machine has ended, give all ports back."""
        self.publisher.use(None)
        if ended:
            self.publisher.clear()
            self.reservations.clear()

    def guest_asked(self, word: str, rest: str) -> None:
        """A request of the guest's (vm/guest/control.py)."""
        if word == "publish" and not self._engine_answers():
            word = "repeat"  # dockerd is just starting, and with it the containers that ran before
        self.publisher.asked(word, rest)

    def ports(self) -> list[PortReport]:
        """What containers publish, and whether the host listens for it."""
        return [
            PortReport(
                one.forward.protocol,
                one.address,
                one.forward.port,
                one.forward.guest_address,
                one.forward.guest_port,
                len(one.clients),
                one.failure,
                one.forward.key.startswith(CLUSTER),
            )
            for one in self.publisher.published
        ]

    def waiting(self) -> list[str]:
        """Why ports of containers that run are not published yet."""
        return list(self.publisher.waiting.values())

    def report(self) -> PartReport:
        """How the publishing is doing."""
        return reported(self.name, self.publisher.health)

    async def close(self) -> None:
        """Give all ports back."""
        await self._tasks.close()
        await self.publisher.close()

    async def _ask_for_ports(self) -> None:
        """Have the guest repeat what is published: an earlier supervisor has listened for it."""
        await self._answer("ports")

    async def _reserve(self, ports: Sequence[int]) -> None:
        """:raise LinkError: the machine cannot."""
        done = await self._guest.link.run(" ".join([RESERVE, *map(str, ports)]), timeout=RESERVE_SECONDS)
        if done.exit_code != 0:
            raise LinkError("The machine could not reserve ports", detail=done.stderr.decode(errors="replace"))
