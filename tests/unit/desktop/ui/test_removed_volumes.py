"""The copies of removed volumes: what counts, what goes, and when there is room for one more."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from desktop.ui import removed_volumes
from desktop.ui.models.volumes import file_stem, free_name
from desktop.ui.removed_volumes import DAY_SECONDS, KEPT_DAYS, RemovedVolume, RemovedVolumes

NOW = 1_800_000_000.0


@pytest.fixture
def copies(tmp_path: Path) -> RemovedVolumes:
    return RemovedVolumes(tmp_path / "removed-volumes")


def add(copies: RemovedVolumes, key: str, days: float = 0, stored: int = 1000, engine: str = "/linux") -> None:
    copies.folder.mkdir(exist_ok=True)
    (copies.folder / f"{key}.tar.zst").write_bytes(b"x")
    one = RemovedVolume(key, f"name-{key}", engine, 5, NOW - days * DAY_SECONDS, {"a": "b"}, stored=stored)
    (copies.folder / f"{key}.json").write_text(json.dumps(asdict(one)), encoding="utf-8")


def test_the_newest_first_and_only_those_of_an_engine(copies: RemovedVolumes) -> None:
    assert copies.found() == []
    add(copies, "old", 2)
    add(copies, "new", 1)
    add(copies, "far", 1.5, engine="far/linux")
    (copies.folder / "broken.json").write_text("{")
    (copies.folder / "strange.json").write_text('{"key": "strange"}')
    assert [one.key for one in copies.found()] == ["new", "far", "old"]
    assert [one.key for one in copies.found("/linux")] == ["new", "old"]
    assert copies.found()[0].labels == {"a": "b"}


def test_the_oldest_go_by_age_and_by_size(copies: RemovedVolumes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removed_volumes, "KEPT_BYTES", 2500)
    for key, days in (("a", 1), ("b", 2), ("c", 3), ("d", KEPT_DAYS + 1)):
        add(copies, key, days)
    copies.tidy(NOW)
    assert sorted(path.name for path in copies.folder.iterdir()) == ["a.json", "a.tar.zst", "b.json", "b.tar.zst"]


def test_what_was_interrupted_goes_a_day_later(copies: RemovedVolumes) -> None:
    add(copies, "whole", 1)
    for name, days in (("cut.tar.zst.part", 2), ("alone.tar.zst", 2), ("now.tar.zst.part", 0)):
        path = copies.folder / name
        path.write_bytes(b"x")
        os.utime(path, (NOW - days * DAY_SECONDS,) * 2)
    copies.tidy(NOW)
    assert sorted(path.name for path in copies.folder.iterdir()) == [
        "now.tar.zst.part",
        "whole.json",
        "whole.tar.zst",
    ]


def test_room(copies: RemovedVolumes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert copies.room_for(0)
    assert not copies.room_for(removed_volumes.KEPT_BYTES + 1)
    monkeypatch.setattr(removed_volumes, "SPARE_BYTES", 2**80)
    assert not copies.room_for(0)


def test_deleted(copies: RemovedVolumes) -> None:
    add(copies, "a")
    copies.forget("a", "unknown")
    assert list(copies.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "stem"),
    [("db.tar.zst", "db"), ("my db.tar", ""), ("a.b.tgz", "a.b"), ("data", "data"), (".tar.zst", "")],
)
def test_names_of_imports(name: str, stem: str) -> None:
    assert file_stem(Path(name)) == stem


def test_free_names() -> None:
    assert free_name("a", ["b"]) == "a"
    assert free_name("a", ["a", "a-2"]) == "a-3"
