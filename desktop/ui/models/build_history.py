"""The builds that BuildKit remembers, as activities: those that another program has begun."""

from __future__ import annotations

from collections.abc import Iterable

from desktop.ui.models.activity import Activity, Failure, Kind, State
from engine.client.build.history import PastBuild

PREFIX = "build "
CLOCKS_SECONDS = 2.0
"""By which the machine's clock may differ from the host's."""

IN_A_TERMINAL = "not from this window"


def past_activities(found: Iterable[PastBuild], own: Iterable[Activity], engine: str) -> list[Activity]:
    """One for each build that none of ``own`` is; a build of ours is in BuildKit's history under another name."""
    builds = sorted(found, key=lambda build: build.began)
    for item in sorted(own, key=lambda item: item.began):
        if item.kind is Kind.BUILD and item.engine == engine:
            builds = _without(builds, item)
    return [_activity(build, engine) for build in builds]


def ref_of(item: Activity) -> str:
    """BuildKit's name of such a build."""
    return item.key.removeprefix(PREFIX)


def is_past(item: Activity) -> bool:
    """Whether it is one of these."""
    return item.key.startswith(PREFIX)


def _without(builds: list[PastBuild], item: Activity) -> list[PastBuild]:
    """Leave out the one that an activity is: the first of that name while it went on."""
    end = (item.ended or float("inf")) + CLOCKS_SECONDS
    for place, build in enumerate(builds):
        same = build.name in (item.subject, f"{item.subject}:latest") or not item.arguments.get("tags")
        if same and item.began - CLOCKS_SECONDS <= build.began <= end:
            return builds[:place] + builds[place + 1 :]
    return builds


def _activity(build: PastBuild, engine: str) -> Activity:
    state = State.FAILED if build.error else State.DONE if build.ended else State.RUNNING
    note = f"{build.total} steps" + (f"  ·  {build.cached} from the cache" if build.cached else "")
    return Activity(
        f"{PREFIX}{build.ref}",
        Kind.BUILD,
        f"Building {build.name}",
        build.began,
        build.name,
        f"{engine} · {IN_A_TERMINAL}",
        State.CANCELLED if "context canceled" in build.error else state,
        build.ended,
        note,
        failure=Failure(build.error) if build.error else None,
    )
