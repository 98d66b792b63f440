"""Sentences for the engine's events."""

from __future__ import annotations

from desktop.ui.models.format import short_id
from engine.client.models import OURS, Event

PHRASES = {
    "container create": "was created",
    "container start": "started",
    "container restart": "was restarted",
    "container stop": "was stopped",
    "container kill": "was sent signal {signal}",
    "container die": "exited with code {exitCode}",
    "container pause": "was paused",
    "container unpause": "was resumed",
    "container rename": "was renamed",
    "container destroy": "was removed",
    "container oom": "ran out of memory",
    "container health_status: healthy": "is healthy",
    "container health_status: unhealthy": "is unhealthy",
    "image pull": "was pulled",
    "image push": "was pushed",
    "image tag": "was tagged",
    "image untag": "was untagged",
    "image delete": "was removed",
    "image import": "was imported",
    "image load": "was loaded",
    "image save": "was saved",
    "image build": "was built",
    "volume create": "was created",
    "volume destroy": "was removed",
    "network create": "was created",
    "network destroy": "was removed",
}
"""Kind and action → the sentence after the name. Other events are not shown."""


def phrase(event: Event) -> str:
    """“Container web started”; empty for events that are not shown, and for those that Slipway itself causes."""
    said = PHRASES.get(f"{event.kind} {event.action}")
    if said is None or OURS in event.attributes:
        return ""
    name = event.attributes.get("name") or short_id(event.actor)
    if name.startswith("sha256:"):
        name = short_id(name)
    known = {"signal": "?", "exitCode": "?", **event.attributes}
    return f"{event.kind.capitalize()} {name} {said.format_map(known)}"
