"""What the window has been asked to do: under way, and what came of it; kept from one start to the next.

The list is bounded in number, age and output, since it is kept for good.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from desktop.ui.models.format import age, duration
from desktop.ui.models.records import Column
from vm.errors import UserError

MOST = 200
LONGEST_SECONDS = 30 * 86_400.0
MAX_OUTPUT = 16_000
"""Characters of output that are kept of each, from its end."""

REPEATED_SECONDS = 5.0
"""An error that was reported so shortly before is the same one."""

DOTS = {"running": "starting", "done": "running", "failed": "failed"}
"""A state → the container state whose colour its dot has (desktop/ui/theme.py)."""


class State(StrEnum):
    """How an activity is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BROKEN_OFF = "broken off"  # the window ended first


class Kind(StrEnum):
    """What it does, for the filters and for repeating it."""

    PULL = "pull"
    PUSH = "push"
    LOAD = "load"
    SAVE = "save"
    BUILD = "build"
    VOLUME = "volume"
    MACHINE = "machine"
    CHANGE = "change"
    ERROR = "error"


@dataclass(frozen=True)
class Failure:
    """An error, as text. See :class:`vm.errors.UserError`."""

    message: str
    hint: str = ""
    detail: str = ""

    @classmethod
    def of(cls, error: UserError) -> Failure:
        """That of an error."""
        return cls(error.message, error.hint, error.detail)


@dataclass(frozen=True)
class Activity:
    """One activity.

    :ivar key: identifies it in the window.    :ivar subject: what it is about, such as an image's name.
    :ivar began, ended: seconds since 1970; 0: not yet.    :ivar engine: the engine that does it, in words.
    :ivar note: how far it is, or what came of it.    :ivar fraction: 0 to 1; None: not known.
    :ivar arguments: with which it can be repeated.    :ivar steps: those of a build (models/builds.py).
    """

    key: str
    kind: Kind
    title: str
    began: float
    subject: str = ""
    engine: str = ""
    state: State = State.RUNNING
    ended: float = 0.0
    note: str = ""
    fraction: float | None = None
    output: str = ""
    failure: Failure | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Mapping[str, Any], ...] = ()

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.state is State.RUNNING

    @property
    def percent(self) -> str:
        """``40 %``; empty while that is not known."""
        return "" if self.fraction is None else f"{100 * self.fraction:.0f} %"

    @property
    def words(self) -> str:
        """Its state in words: ``Running 40 %``."""
        return f"{self.state.value} {self.percent if self.running else ''}".strip().capitalize()

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, (self.ended or time.time()) - self.began)

    @property
    def text(self) -> str:
        """All about it, to copy."""
        failure = self.failure or Failure("")
        parts = [self.title, self.words, failure.message, failure.hint, self.note, failure.detail, self.output]
        return "\n".join(dict.fromkeys(part.strip() for part in parts if part.strip()))


class ActivityLog:
    """All of them, the newest first."""

    def __init__(self) -> None:
        self._items: dict[str, Activity] = {}
        self._numbers = itertools.count(1)

    def begin(self, kind: Kind, title: str, **more: Any) -> Activity:
        """Something begins."""
        key = f"{time.time_ns()}-{next(self._numbers)}"
        return self._put(Activity(key, kind, title, time.time(), **more))

    def update(self, key: str, **values: Any) -> None:
        """It has got further."""
        found = self._items.get(key)
        if found is not None:
            self._items[key] = replace(found, **values)

    def end(self, key: str, state: State, failure: Failure | None = None) -> None:
        """It has ended."""
        self.update(key, state=state, failure=failure, ended=time.time())
        self._trim()

    def report(self, failure: Failure) -> Activity | None:
        """An error that belongs to no activity; None: an activity has had it just now."""
        recent = time.time() - REPEATED_SECONDS
        if any(item.failure == failure and item.ended >= recent for item in self._items.values()):
            return None
        made = self.begin(Kind.ERROR, failure.message)
        self.end(made.key, State.FAILED, failure)
        return self.get(made.key)

    def get(self, key: str) -> Activity | None:
        """One of them."""
        return self._items.get(key)

    def forget(self, key: str) -> None:
        """Remove one, as if it had not been."""
        self._items.pop(key, None)

    def clear(self) -> None:
        """Remove those that have ended."""
        self._items = {key: item for key, item in self._items.items() if item.running}

    @property
    def items(self) -> list[Activity]:
        """All, the newest first."""
        return sorted(self._items.values(), key=lambda item: -item.began)

    @property
    def running(self) -> list[Activity]:
        """Those under way, the newest first."""
        return [item for item in self.items if item.running]

    def _put(self, activity: Activity) -> Activity:
        self._items[activity.key] = activity
        self._trim()
        return activity

    def _trim(self) -> None:
        """Keep what is under way, and of the others those that have ended last."""
        oldest = time.time() - LONGEST_SECONDS
        over = sorted((item for item in self._items.values() if not item.running), key=lambda item: -item.ended)
        for item in (*over[MOST:], *(item for item in over[:MOST] if item.ended < oldest)):
            del self._items[item.key]

    # -- the file -------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """All of them, for the next start."""
        found = [{**asdict(item), "output": item.output[-MAX_OUTPUT:]} for item in self.items]
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    def read_json(self, text: str) -> None:
        """Take in what an earlier window has kept; what cannot be understood is left out."""
        try:
            found = json.loads(text)
        except ValueError:
            return
        for values in found if isinstance(found, list) else ():
            item = _read(values)
            if item is not None and item.key not in self._items:
                self._items[item.key] = item
        self._trim()


def _read(values: Any) -> Activity | None:
    """One entry of the file; None: another version has written something else there."""
    try:
        known = {name: values[name] for name in Activity.__dataclass_fields__ if name in values}
        failure = Failure(**known["failure"]) if known.get("failure") else None
        state = State(known.get("state", State.DONE))
        known |= {
            "kind": Kind(known["kind"]),
            "state": State.BROKEN_OFF if state is State.RUNNING else state,
            "ended": known.get("ended") or known["began"],
            "failure": failure,
            "steps": tuple(known.get("steps") or ()),
        }
        made = Activity(**known)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return made if isinstance(made.began, float) and isinstance(made.title, str) else None


def took(activity: Activity) -> str:
    """How long it took; empty for what has no length."""
    return duration(activity.seconds) if activity.running or activity.ended - activity.began >= 0.1 else ""


TITLE, STATE, NOTE, TOOK, BEGAN = range(5)

COLUMNS = (
    Column("Activity", lambda item: item.title, width=0, least=200),
    Column("State", lambda item: item.words, width=120),
    Column("Result", lambda item: item.failure.message if item.failure else item.note, width=260, rank=2),
    Column("Took", took, lambda item: item.seconds, width=90, right=True, rank=1),
    Column("Began", lambda item: age(item.began), lambda item: -item.began, width=112, rank=0),
)


def badge(items: Iterable[Activity], seen: float) -> tuple[str, bool]:
    """What a button says of them, and whether that is a failure. :param seen: failures before it are known."""
    items = list(items)
    running = [item for item in items if item.running]
    if len(running) == 1:
        return f"{running[0].title} {running[0].percent}".strip(), False
    if running:
        return f"{len(running)} running", False
    failed = sum(item.state is State.FAILED and item.ended > seen for item in items)
    return (f"{failed} failed", True) if failed else ("", False)
