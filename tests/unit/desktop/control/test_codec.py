"""Values survive the wire, whatever is in them; what does not fit is refused with the name of the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from desktop.control.calls import CALLS, Call
from desktop.control.codec import DecodeError, decode, encode, load
from desktop.control.schema import (
    ErrorReport,
    Event,
    RunState,
    StageReport,
    Status,
    Watch,
)
from tests.unit.desktop.control.samples import Sampler
from vm.errors import DiskError

REPLIES: list[Any] = [call.reply if isinstance(call, Call) else call.item for call in CALLS]
KINDS = {repr(kind): kind for kind in (*REPLIES, *(call.request for call in CALLS), ErrorReport)}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_type_survives_the_wire(kind: Any) -> None:
    for seed in range(30):
        value = Sampler(seed).value(kind)
        assert decode(kind, encode(value)) == value


def test_samples_differ() -> None:
    """The property above is tried with more than empty values."""
    states = {Sampler(seed).value(Status).state for seed in range(100)}
    assert states == set(RunState)
    assert any(Sampler(seed).value(Status).parts for seed in range(10))


def test_an_older_peer_leaves_fields_out() -> None:
    old = {"state": "running", "summary": "s", "socket": "unix:///x"}
    assert load(Status, old) == Status(RunState.RUNNING, "s", "unix:///x")


def test_a_newer_peer_has_more_fields() -> None:
    assert load(StageReport, {"name": "a", "seconds": 1, "took": 2.0, "new": []}) == StageReport("a", 1.0, 2.0)


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        (StageReport, [], "object"),
        (StageReport, {"name": "a", "took": 1}, "`seconds`"),
        (StageReport, {"name": 1, "seconds": 1, "took": 1}, r"\$\.name"),
        (StageReport, {"name": "a", "seconds": "1", "took": 1}, r"\$\.seconds"),
        (StageReport, {"name": "a", "seconds": True, "took": 1}, r"\$\.seconds"),
        (Event, {"kind": "stage", "stage": {"name": None}}, r"\$\.stage\.name"),
        (Status, {"state": "dancing", "summary": "", "socket": ""}, r"\$\.state"),
        (list[StageReport], [{"name": "a", "seconds": 1, "took": None}], r"\$\[0\]\.took"),
        (Watch, {"every": 0.1}, r"\$\.every"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(kind: Any, values: Any, field: str) -> None:
    with pytest.raises(DecodeError, match=field):
        decode(kind, json.dumps(values))


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 200_000])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not JSON"):
        decode(Event, data)


def test_a_query_has_only_texts() -> None:
    assert load(Watch, {"every": "2.5"}, text=True) == Watch(2.5)
    with pytest.raises(DecodeError, match=r"\$\.every"):
        load(Watch, {"every": "often"}, text=True)


def test_errors_keep_their_code() -> None:
    error = ErrorReport.of(DiskError("m", "h", "d")).to_error()
    assert (error.code, error.message, error.hint, error.detail) == ("DiskError", "m", "h", "d")
