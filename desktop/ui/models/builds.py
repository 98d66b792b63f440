"""A build as its steps, assembled from BuildKit's traces."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from desktop.ui.models.format import duration, size
from desktop.ui.models.reader import Reader
from desktop.ui.models.records import Column, Row
from engine.client.build.trace import Part, Trace, Vertex

MAX_OUTPUT = 400_000
"""Characters of one step's output that are shown, from its end."""

MAX_KEPT = 2_000
"""Those that are kept for the next start."""

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
class Builds(Reader):
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

    def take(self, traces: Iterable[Trace]) -> None:
        """Add what has happened."""
        for trace in traces:
            self._take(trace)

    def _take(self, trace: Trace) -> None:
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

    @property
    def note(self) -> str:
        """The progress, in one line."""
        if not self.vertexes:
            return "Sending the folder …"
        states = [self._state(vertex) for vertex in self.vertexes.values()]
        over = sum(state in ("done", "cached") for state in states)
        parts = [f"{over} of {len(states)} steps"]
        if "cached" in states:
            parts.append(f"{states.count('cached')} from the cache")
        if self.sent:
            parts.append(f"{size(self.sent)} sent")
        return "  ·  ".join(parts)

    @property
    def text(self) -> str:
        """What all steps have printed, below their names."""
        names = {key: vertex.name for key, vertex in self.vertexes.items() if self.output.get(key)}
        return "\n".join(f"{name}\n{self.output[key]}" for key, name in names.items())

    @property
    def kept(self) -> tuple[dict[str, Any], ...]:
        """The steps with the end of their output, to be kept as JSON."""
        return tuple(
            {**asdict(vertex), "output": self.output.get(key, "")[-MAX_KEPT:]}
            for key, vertex in self.vertexes.items()
        )

    @classmethod
    def of(cls, kept: Iterable[Mapping[str, Any]], ended: float) -> Builds:
        """A build that has ended, of what was kept."""
        made = cls(ended=ended)
        for values in kept:
            known = {name: values[name] for name in Vertex.__dataclass_fields__ if name in values}
            vertex = Vertex(**known)
            made.vertexes[vertex.digest] = vertex
            made.output[vertex.digest] = str(values.get("output") or "")
        return made


STEP, STATE, NOTE, TIME = range(4)

COLUMNS = (
    Column("Step", lambda step: step.name, width=0),
    Column("State", lambda step: step.state, width=90, rank=1),
    Column("Size", lambda step: step.note, width=140, right=True, rank=2),
    Column("Time", lambda step: duration(step.seconds) if step.seconds else "", width=90, right=True),
)
