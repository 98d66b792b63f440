"""A build as its steps, assembled from BuildKit's traces."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from desktop.ui.models.format import size
from desktop.ui.models.records import Column, Row
from engine.client.build.trace import Part, Trace, Vertex

MAX_OUTPUT = 400_000
"""Characters of one step's output that are kept, from its end."""

DOTS = {"running": "starting", "done": "running", "failed": "failed"}
"""A step's state → the container state whose colour its dot has (desktop/ui/theme.py)."""


@dataclass(frozen=True)
class Step:
    """One row.

    :ivar state: waiting, running, cached, done, failed or cancelled.    :ivar seconds: time so far.
    """

    name: str
    state: str
    seconds: float
    note: str = ""


@dataclass
class Builds:
    """One build.

    :ivar vertexes: digest → step, in order of arrival.    :ivar output: digest → its output.
    :ivar image: ID of the image that was built.    :ivar sent: bytes of the folder that were sent.
    """

    vertexes: dict[str, Vertex] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, Part]] = field(default_factory=dict)
    image: str = ""
    sent: int = 0
    ended: float = 0.0

    def take(self, trace: Trace) -> None:
        """Add a trace."""
        for vertex in trace.vertexes:
            self.vertexes[vertex.digest] = vertex
        for part in trace.parts:
            self.parts.setdefault(part.vertex, {})[part.id] = part
        for piece in trace.outputs:
            self.output[piece.vertex] = (self.output.get(piece.vertex, "") + piece.text)[-MAX_OUTPUT:]
        self.image = trace.image or self.image
        self.sent = max(self.sent, trace.sent)

    def end(self) -> None:
        """Mark the end: steps that have not completed are cancelled."""
        self.ended = time.time()

    def rows(self) -> list[Row]:
        """The steps, in order of arrival."""
        return [Row(key, self.step(key)) for key in self.vertexes]

    def step(self, digest: str) -> Step:
        """The current state of a step."""
        vertex = self.vertexes[digest]
        state = self._state(vertex)
        end = vertex.completed or self.ended or time.time()
        return Step(
            vertex.name, state, max(0.0, end - vertex.started) if vertex.started else 0.0, self._note(digest)
        )

    def _state(self, vertex: Vertex) -> str:
        if vertex.error:
            return "cancelled" if "context canceled" in vertex.error else "failed"
        if vertex.cached:
            return "cached"
        if vertex.completed:
            return "done"
        if self.ended:
            return "cancelled"
        return "running" if vertex.started else "waiting"

    def _note(self, digest: str) -> str:
        sizes = [(part.current, part.total) for part in self.parts.get(digest, {}).values() if part.total]
        if not sizes:
            return ""
        return f"{size(sum(done for done, _ in sizes))} of {size(sum(total for _, total in sizes))}"

    def current(self) -> str:
        """The step to show: the one that failed, else the last that is running, else the last with output."""
        states = {key: self._state(vertex) for key, vertex in self.vertexes.items()}
        for wanted in ("failed", "running"):
            found = [key for key, state in states.items() if state == wanted]
            if found:
                return found[-1]
        return next((key for key in reversed(self.vertexes) if key in self.output), "")

    def summary(self) -> str:
        """The progress, in one line."""
        states = [self._state(vertex) for vertex in self.vertexes.values()]
        over = sum(state in ("done", "cached") for state in states)
        parts = [f"{over} of {len(states)} steps"]
        if "cached" in states:
            parts.append(f"{states.count('cached')} from the cache")
        if self.sent:
            parts.append(f"{size(self.sent)} sent")
        return "  ·  ".join(parts)


def duration(seconds: float) -> str:
    """``0.3 s``, ``1 min 5 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


STEP, STATE, NOTE, TIME = range(4)

COLUMNS = (
    Column("Step", lambda step: step.name, width=0),
    Column("State", lambda step: step.state, width=90),
    Column("Size", lambda step: step.note, width=140, right=True),
    Column("Time", lambda step: duration(step.seconds) if step.seconds else "", width=90, right=True),
)
