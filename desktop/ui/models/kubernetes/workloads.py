"""Deployments, StatefulSets, DaemonSets, Jobs and CronJobs as rows of one list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from desktop.ui.models.format import age
from desktop.ui.models.kubernetes.meta import AGE, NAMESPACE, Json, Meta, name_column
from desktop.ui.models.kubernetes.pods import Pod
from desktop.ui.models.kubernetes.reasons import short
from desktop.ui.models.records import Column
from desktop.ui.models.volumes import timestamp
from engine.kubernetes.client.kinds import CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, JOBS, STATEFUL_SETS, Kind

SCALED = (DEPLOYMENTS, STATEFUL_SETS)
"""Kinds with a number of replicas."""

RESTARTED = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
"""Kinds whose pods can be replaced one after the other."""

NO_NUMBER = -1


@dataclass(frozen=True)
class Workload:
    """One of them.

    :ivar ready, wanted: pods; of a job those that have ended well.    :ivar status: in words.
    :ivar colour: a state of :data:`desktop.ui.theme.STATE_COLOURS`.    :ivar why: a message; may be empty.
    """

    kind: Kind
    meta: Meta
    status: str
    colour: str
    images: tuple[str, ...]
    ready: int = 0
    wanted: int = 0
    why: str = ""


def maker(kind: Kind) -> Callable[[Json], Workload]:
    """What makes records of a kind out of the API's JSON."""
    state = {JOBS: _job, CRON_JOBS: _cron_job, DAEMON_SETS: _daemon_set}.get(kind, _replicas)

    def make(item: Json) -> Workload:
        spec = item.get("spec") or {}
        template = (spec.get("jobTemplate") or {}).get("spec") if kind is CRON_JOBS else spec
        pod = ((template or {}).get("template") or {}).get("spec") or {}
        images = tuple(str(one.get("image") or "") for one in pod.get("containers") or ())
        ready, wanted, status, colour, why = state(item)
        return Workload(kind, Meta.of(item), status, colour, images, ready, wanted, why)

    return make


State = tuple[int, int, str, str, str]
"""Ready, wanted, status, colour, message."""


def _replicas(item: Json) -> State:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    wanted = int(spec.get("replicas", 1))
    ready, updated = int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0)
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False")):
        found = conditions.get(kind) or {}
        if found.get("status") == bad:
            message = str(found.get("message") or "")
            return ready, wanted, short(message) or "the rollout does not go on", "failed", message
    if not wanted:
        return ready, wanted, "Scaled to 0", "" if not ready else "stopping", ""
    current = int(status.get("observedGeneration") or 0) >= int(item["metadata"].get("generation") or 0)
    if not current or updated < wanted:
        return ready, wanted, f"Rolling out: {updated} of {wanted}", "starting", ""
    return _ready(ready, wanted)


def _daemon_set(item: Json) -> State:
    status = item.get("status") or {}
    return _ready(int(status.get("numberReady") or 0), int(status.get("desiredNumberScheduled") or 0))


def _ready(ready: int, wanted: int) -> State:
    if ready >= wanted:
        return ready, wanted, "Running" if wanted else "No node fits", "running" if wanted else "", ""
    return ready, wanted, f"{ready} of {wanted} ready", "starting", ""


def _job(item: Json) -> State:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    done, wanted = int(status.get("succeeded") or 0), int(spec.get("completions") or 1)
    for one in status.get("conditions") or ():
        if one.get("status") == "True" and one["type"] == "Failed":
            message = str(one.get("message") or "")
            return done, wanted, f"Failed: {one.get('reason') or 'Error'}", "failed", message
        if one.get("status") == "True" and one["type"] == "Complete":
            return done, wanted, "Completed", "", ""
    if spec.get("suspend"):
        return done, wanted, "Suspended", "paused", ""
    return done, wanted, f"Running, {int(status.get('active') or 0)} active", "starting", ""


def _cron_job(item: Json) -> State:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    active, schedule = len(status.get("active") or ()), str(spec.get("schedule") or "")
    if spec.get("suspend"):
        return active, NO_NUMBER, f"Suspended, {schedule}", "paused", ""
    last = timestamp(str(status.get("lastScheduleTime") or ""))
    said = f"{schedule}, last {age(last)}" if last else f"{schedule}, not run yet"
    return active, NO_NUMBER, said, "running" if active else "", ""


def with_problem(item: Workload, problems: Mapping[tuple[str, str, str], Pod]) -> Workload:
    """A workload with what keeps a pod of it from running."""
    pod = problems.get((item.meta.namespace, item.kind.name, item.meta.name))
    if pod is None:
        return item
    return replace(item, status=pod.status, colour="failed", why=pod.why)


def ready_text(item: Workload) -> str:
    """``2/3``; empty where no number is wanted."""
    return "" if item.wanted == NO_NUMBER else f"{item.ready}/{item.wanted}"


def searched(item: Workload) -> str:
    """The text that the search looks at."""
    return f"{item.meta.name} {item.meta.namespace} {item.kind.name} {item.status} {' '.join(item.images)}"


NAME, SPACE, KIND, STATUS, READY, IMAGES, CREATED = range(7)

COLUMNS = (
    name_column(),
    NAMESPACE,
    Column("Kind", lambda item: item.kind.name, width=100),
    Column(
        "Status",
        lambda item: item.status,
        lambda item: (item.colour != "failed", item.status),
        lambda item: f"{item.status}\n{item.why}".strip(),
        width=236,
    ),
    Column("Ready", ready_text, lambda item: item.ready, width=64),
    Column("Images", lambda item: ", ".join(item.images), width=170, rank=3),
    AGE,
)
