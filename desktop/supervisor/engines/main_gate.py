"""The gate of the user's endpoint, which several engines share: it does what the gate of the one in use does."""

from __future__ import annotations

from desktop.supervisor.lifecycle.phase import Gate, Opening
from engine.endpoint.route import Route
from vm.errors import EngineError


class MainGate:
    """Belongs to one event loop.

    :param endpoint: the gate of the user's endpoint.
    :param in_use: the name of the engine in use.
    """

    def __init__(self, endpoint: Gate, in_use: str) -> None:
        self._endpoint = endpoint
        self._openings: dict[str, Opening] = {}
        self._reason = ""
        self.in_use = in_use

    def of(self, name: str, own: Gate | None = None) -> Gate:
        """The gate of one engine.

        :param own: that of an endpoint which leads to this engine alone; it is moved too.
        """
        return _EngineGate(self, name, own)

    def use(self, name: str) -> None:
        """Lead to another engine from now on, held no longer."""
        self.in_use, self._reason = name, ""
        self._apply()

    def hold(self, reason: str) -> None:
        """Hold the user's endpoint until the next :meth:`use`, whatever the engines do."""
        self._reason = reason
        self._apply()

    def moved(self, name: str, opening: Opening) -> None:
        """An engine's gate has moved."""
        self._openings[name] = opening
        if name == self.in_use:
            self._apply()

    def _apply(self) -> None:
        if self._reason:
            self._endpoint.hold(self._reason)
        elif (opening := self._openings.get(self.in_use)) is not None:
            opening.apply(self._endpoint)


class _EngineGate:
    """The gate of one engine."""

    def __init__(self, main: MainGate, name: str, own: Gate | None) -> None:
        self._main = main
        self._name = name
        self._own = own

    def open_gate(self, route: Route) -> None:
        self._move(Opening(route=route))

    def hold(self, reason: str) -> None:
        self._move(Opening(reason=reason))

    def shut(self, error: EngineError) -> None:
        self._move(Opening(error=error))

    def _move(self, opening: Opening) -> None:
        if self._own is not None:
            opening.apply(self._own)
        self._main.moved(self._name, opening)
