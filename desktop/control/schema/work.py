"""Long work: what its stream reports, and the one sentence that shorter work ends with."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.control.schema.errors import ErrorReport


@dataclass(frozen=True)
class StageReport:
    """A timed step of a start.

    :ivar seconds: since the start began.    :ivar took: of which this step.
    """

    name: str
    seconds: float
    took: float


@dataclass(frozen=True)
class Event:
    """A line of a stream.

    :ivar kind: ``progress`` (text, fraction 0–1 or None), ``stage``, ``done`` (text) or ``error``.
    """

    kind: str
    text: str = ""
    fraction: float | None = None
    stage: StageReport | None = None
    error: ErrorReport | None = None


@dataclass(frozen=True)
class Note:
    """The outcome of a request: one sentence, and whether it takes effect only after a restart."""

    text: str
    restart_needed: bool = False


@dataclass(frozen=True)
class Boot:
    """One past start, for the waterfall.

    :ivar began: seconds since 1970.    :ivar total: seconds to the first answered API call.
    """

    began: float
    total: float
    accelerator: str
    image: str
    stages: tuple[StageReport, ...]
