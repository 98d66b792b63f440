"""What is kept of activities: bounds, the file, what a button says; and how far a transfer is."""

from __future__ import annotations

import json
import time

import pytest

from desktop.control.schema import Event
from desktop.ui.image_updates import is_newer
from desktop.ui.models.activity import (
    LONGEST_SECONDS,
    MAX_OUTPUT,
    MOST,
    ActivityLog,
    Failure,
    Kind,
    State,
    badge,
)
from desktop.ui.models.build_history import past_activities, ref_of
from desktop.ui.models.builds import Builds
from desktop.ui.models.layer_diff import BOTH, CHANGED, FIRST, SECOND, differences, summary
from desktop.ui.models.layers import steps
from desktop.ui.models.reader import Sentences
from desktop.ui.models.transfer import Transfer
from engine.client.build.history import PastBuild
from engine.client.build.trace import Output, Trace, Vertex
from engine.client.models import Image, Layer, Progress

FAILED = Failure("The registry has no a:1", "Check the spelling of the tag.", "404")


class TestLog:
    def test_the_newest_stay_and_what_runs_stays_always(self) -> None:
        log = ActivityLog()
        running = log.begin(Kind.PULL, "Pulling first")
        for number in range(MOST + 5):
            log.end(log.begin(Kind.CHANGE, f"Stopping {number}").key, State.DONE)
        titles = [item.title for item in log.items]
        assert len(titles) == MOST + 1
        assert log.get(running.key) is not None
        assert "Stopping 0" not in titles
        assert f"Stopping {MOST + 4}" in titles

    def test_what_is_old_goes(self) -> None:
        log = ActivityLog()
        old = log.begin(Kind.PULL, "Pulling a")
        log.end(old.key, State.DONE)
        log.update(old.key, ended=time.time() - LONGEST_SECONDS - 1)
        log.end(log.begin(Kind.PULL, "Pulling b").key, State.DONE)
        assert [item.title for item in log.items] == ["Pulling b"]

    def test_the_file_there_and_back(self) -> None:
        log = ActivityLog()
        pulled = log.begin(Kind.PULL, "Pulling a:1", subject="a:1", arguments={"name": "a:1"})
        log.update(pulled.key, output="x" * (2 * MAX_OUTPUT), note="12 MB")
        log.end(pulled.key, State.FAILED, FAILED)
        cut = log.begin(Kind.BUILD, "Building b")
        again = ActivityLog()
        again.read_json(log.to_json())
        found = again.get(pulled.key)
        assert found is not None
        assert (found.kind, found.state, found.failure) == (Kind.PULL, State.FAILED, FAILED)
        assert found.arguments == {"name": "a:1"}
        assert len(found.output) == MAX_OUTPUT
        broken = again.get(cut.key)
        assert broken is not None
        assert broken.state is State.BROKEN_OFF

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[1, null, {}]",
            json.dumps([{"key": "1", "kind": "dance", "title": "x", "began": 1.0}]),
            json.dumps([{"key": "1", "kind": "pull", "title": 5, "began": 1.0}]),
            json.dumps([{"key": "1", "kind": "pull", "title": "x", "began": "yesterday"}]),
        ],
    )
    def test_what_cannot_be_understood_is_left_out(self, text: str) -> None:
        log = ActivityLog()
        log.read_json(text)
        assert log.items == []

    def test_an_error_of_an_activity_is_not_one_more(self) -> None:
        log = ActivityLog()
        log.end(log.begin(Kind.PULL, "Pulling a:1").key, State.FAILED, FAILED)
        assert log.report(FAILED) is None
        assert log.report(Failure("Something else")) is not None
        assert [item.kind for item in log.items] == [Kind.ERROR, Kind.PULL]

    def test_clearing_leaves_what_runs(self) -> None:
        log = ActivityLog()
        log.begin(Kind.PULL, "Pulling a")
        log.end(log.begin(Kind.PULL, "Pulling b").key, State.DONE)
        log.clear()
        assert [item.title for item in log.items] == ["Pulling a"]


def test_what_the_button_says() -> None:
    log, seen = ActivityLog(), time.time()
    assert badge(log.items, seen) == ("", False)
    first = log.begin(Kind.PULL, "Pulling a")
    log.update(first.key, fraction=0.4)
    assert badge(log.items, seen) == ("Pulling a 40 %", False)
    second = log.begin(Kind.PULL, "Pulling b")
    assert badge(log.items, seen) == ("2 running", False)
    log.end(first.key, State.FAILED, FAILED)
    log.end(second.key, State.DONE)
    assert badge(log.items, seen) == ("1 failed", True)
    assert badge(log.items, time.time() + 1) == ("", False)


def step(layer: str, status: str, current: int | None = None, total: int | None = None) -> Progress:
    return Progress(layer, status, current, total)


class TestTransfer:
    def test_how_far_it_is_only_grows(self) -> None:
        transfer, seen = Transfer(), [0.0]
        for each in (
            step("", "Pulling from a"),
            step("x", "Pulling fs layer"),
            step("y", "Already exists"),
            step("x", "Downloading", 50, 100),
            step("x", "Download complete"),
            step("z", "Downloading", 1, 1000),
            step("x", "Extracting", 10, 100),
            step("x", "Pull complete"),
            step("z", "Download complete"),
            step("z", "Extracting", 900, 1000),
            step("z", "Pull complete"),
        ):
            transfer.take([each])
            seen.append(transfer.fraction or 0.0)
        assert seen == sorted(seen)
        assert seen[4] == pytest.approx(0.35)  # half of the download of the only layer that is fetched
        assert seen[-1] == 1.0
        assert transfer.note == "3 of 3 complete  ·  1.1 kB of 1.1 kB"

    def test_texts_and_warnings(self) -> None:
        transfer = Transfer()
        transfer.take([Progress(status="WARNING: other platform"), Progress(text="Loaded image: a\n")])
        assert (transfer.warnings, transfer.texts) == (["other platform"], ["Loaded image: a"])
        assert transfer.fraction is None


def test_a_build_is_kept_with_times_and_what_it_printed() -> None:
    builds = Builds()
    vertexes = (
        Vertex("sha256:a", "[1/2] FROM a", cached=True, started=10.0, completed=10.0),
        Vertex("sha256:b", "[2/2] RUN make", started=10.0, completed=12.5),
    )
    builds.take([Trace(vertexes, outputs=(Output("sha256:b", "made\n"),))])
    builds.end()
    kept = json.loads(json.dumps(builds.kept))
    again = Builds.of(kept, builds.ended)
    assert [(row.record.state, row.record.seconds) for row in again.rows()] == [("cached", 0.0), ("done", 2.5)]
    assert again.output["sha256:b"] == "made\n"
    assert again.note == "2 of 2 steps  ·  1 from the cache"
    assert builds.text == "[2/2] RUN make\nmade\n"


def test_sentences_of_the_supervisor() -> None:
    told = Sentences()
    assert told.note == ""
    told.take([Event("progress", "stopping the engine", 0.5)])
    assert (told.note, told.fraction) == ("Stopping the engine …", 0.5)
    told.end()
    assert told.note == "Stopping the engine"
    told.take([Event("done", "It is set up.")])
    assert told.note == "It is set up."


def layer(text: str, size: int) -> Layer:
    return Layer("<missing>", 1, text, size, (), "")


class TestLayerDiff:
    FIRST = steps([layer('CMD ["x"]', 0), layer("COPY . .", 5), layer("ADD rootfs", 100)], ("base", "one"))

    def test_what_both_have_and_what_only_one_has(self) -> None:
        second = steps(
            [layer('CMD ["x"]', 0), layer("RUN make", 7), layer("COPY . .", 6), layer("ADD rootfs", 100)],
            ("base", "two", "three"),
        )
        found = differences(self.FIRST, second)
        assert [(item.text, item.what, item.first, item.second) for item in found] == [
            ("ADD rootfs", BOTH, 100, 100),
            ("COPY . .", CHANGED, 5, 6),
            ("RUN make", SECOND, None, 7),
            ('CMD ["x"]', BOTH, 0, 0),
        ]
        assert summary(found) == "2 of 4 instructions in both; 5 B only in the first, 13 B only in the second"
        assert [item.what for item in differences(second, self.FIRST)] == [BOTH, CHANGED, FIRST, BOTH]

    def test_the_same(self) -> None:
        assert summary(differences(self.FIRST, self.FIRST)) == "The same 3 instructions, with the same layers"


def past(ref: str, name: str, began: float, ended: float = 0.0, error: str = "") -> PastBuild:
    return PastBuild(ref, name, began, ended, error, 2, 5)


def test_builds_of_others_are_told_from_ours() -> None:
    log = ActivityLog()
    own = log.begin(Kind.BUILD, "Building a:1", subject="a:1", engine="here", arguments={"tags": ["a:1"]})
    log.update(own.key, began=100.0, ended=110.0, state=State.DONE)
    found = [
        past("r1", "a:1", 50.0, 60.0),  # before
        past("r2", "a:1", 101.0, 109.0),  # ours
        past("r3", "a:1", 105.0, 106.0),  # at the same time, by somebody else
        past("r4", "b:1", 102.0, 103.0, "exit code: 1"),
        past("r5", "b:1", 104.0),
    ]
    made = past_activities(found, log.items, "here")
    assert [(ref_of(item), item.state) for item in made] == [
        ("r1", State.DONE),
        ("r4", State.FAILED),
        ("r5", State.RUNNING),
        ("r3", State.DONE),
    ]
    assert made[1].failure == Failure("exit code: 1")
    assert made[0].note == "5 steps  ·  2 from the cache"
    assert len(past_activities(found, log.items, "elsewhere")) == len(found)


@pytest.mark.parametrize(
    ("digest", "newer"), [("sha256:new", True), ("sha256:old", False), ("", False), ("sha256:older", False)]
)
def test_an_update_is_another_digest(digest: str, newer: bool) -> None:
    image = Image("id", ("a:1",), ("a@sha256:old", "b@sha256:older"), 1, 1, 1, 0, {})
    assert is_newer(image, digest) is newer
