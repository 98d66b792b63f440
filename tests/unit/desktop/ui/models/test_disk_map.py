"""The tiles of the disk's map: what each takes and frees, and that they add up to what Home says."""

from __future__ import annotations

from typing import Any

from desktop.ui.models.disk import uses
from desktop.ui.models.disk_map import CACHE, CONTAINER, IMAGE, MOST, SHARED, VOLUME, Tile, groups, sums, tiles
from engine.client.models import OURS

MB = 10**6


def image(key: str, size: int, shared: int, *tags: str, **more: Any) -> dict[str, Any]:
    return {"Id": key, "RepoTags": list(tags), "Size": size * MB, "SharedSize": shared * MB, **more}


DF: dict[str, Any] = {
    "LayersSize": 200 * MB,
    "Images": [
        image("sha256:a", 100, 40, "web:1", "web:latest", Containers=1),
        image("sha256:b", 90, 40, "db:1"),
        image("sha256:c", 50, 0),
    ],
    "Containers": [
        {
            "Id": "c1",
            "Names": ["/web"],
            "ImageID": "sha256:a",
            "SizeRw": 5 * MB,
            "State": "running",
            "Mounts": [{"Type": "volume", "Name": "data"}],
        },
        {"Id": "c2", "Names": ["/old"], "ImageID": "sha256:a", "State": "exited", "SizeRw": 2 * MB},
        {"Id": "c3", "Names": ["/ours"], "SizeRw": 9 * MB, "State": "exited", "Labels": {OURS: ""}},
    ],
    "Volumes": [
        {"Name": "data", "UsageData": {"Size": 30 * MB, "RefCount": 1}},
        {"Name": "left", "UsageData": {"Size": 20 * MB, "RefCount": 0}},
        {"Name": "unknown", "UsageData": {"Size": -1, "RefCount": -1}},
    ],
    "BuildCache": [
        {"ID": "1", "Size": 10 * MB, "InUse": False, "Shared": False},
        {"ID": "2", "Size": 7 * MB, "InUse": True, "Shared": False},
    ],
}


def named(name: str, df: dict[str, Any] = DF) -> Tile:
    return next(tile for tile in tiles(df) if tile.name == name)


def test_tiles_add_up_to_what_home_says() -> None:
    told, every = uses(DF), sums(DF)
    by_kind = {kind: sum(tile.bytes for tile in tiles(DF) if tile.kind == kind) for kind in every}
    assert by_kind == every
    assert every[IMAGE] + every[SHARED] == told["Images"].bytes == 200 * MB
    assert every[CONTAINER] == told["Containers"].bytes == 7 * MB
    assert every[VOLUME] == told["Volumes"].bytes == 50 * MB
    assert every[CACHE] == told["Build cache"].bytes == 17 * MB


def test_shared_layers_are_counted_once_and_not_with_an_image() -> None:
    db = named("db:1")
    assert (db.bytes, db.gain, db.used) == (50 * MB, 50 * MB, False)
    assert db.about == "40 MB more are shared with other images"
    assert db.gain_words == "Removing it frees 50 MB"
    shared = named("Shared layers")
    assert (shared.bytes, shared.removable) == (40 * MB, False)


def test_an_image_in_use_goes_with_its_containers() -> None:
    web = named("web:1")
    assert (web.bytes, web.gain, web.used) == (60 * MB, 67 * MB, True)
    assert web.about.endswith("In use by web, old")
    assert web.gain_words == "Removing it and what uses it frees 67 MB"


def test_the_build_cache_may_hold_layers_of_images() -> None:
    held = {**DF, "BuildCache": [*DF["BuildCache"], {"ID": "3", "Size": 60 * MB, "InUse": False, "Shared": True}]}
    assert named("db:1", held).gain_words == "Removing it frees up to 50 MB"
    assert (named("Build cache", held).bytes, named("Build cache", held).gain) == (17 * MB, 10 * MB)
    assert uses(held)["Build cache"].idle == 1


def test_volumes_in_use_stay() -> None:
    assert not named("data").removable
    assert named("data").about == "In use by web"
    assert (named("left").removable, named("left").gain) == (True, 20 * MB)


def test_what_takes_no_space_or_is_ours_has_no_tile() -> None:
    assert {tile.name for tile in tiles(DF) if tile.kind in (CONTAINER, VOLUME)} == {"web", "old", "data", "left"}
    assert tiles({}) == []
    assert groups([]) == []


def test_small_ones_are_one_together() -> None:
    many = [Tile(VOLUME, str(n), str(n), 1) for n in range(3000)]
    (group,) = groups(many)
    assert [tile.name for tile in group.tiles] == ["3000 volumes"]
    assert not group.tiles[0].removable
    first, second = groups([*many, Tile(IMAGE, "a", "a", 9000), Tile(VOLUME, "b", "b", 5000)])
    assert (first.kind, second.kind) == (IMAGE, VOLUME)
    assert [(tile.name, tile.bytes) for tile in second.tiles] == [("b", 5000), ("3000 more", 3000)]
    assert second.bytes == 8000


def test_the_largest_of_many_are_shown() -> None:
    (group,) = groups([Tile(IMAGE, str(n), str(n), 1000 + n) for n in range(500)])
    assert [tile.name for tile in group.tiles[:2]] == [f"{500 - MOST} more", "499"]
    assert len(group.tiles) == MOST + 1


def test_what_cannot_be_seen_still_counts() -> None:
    (group,) = groups([Tile(IMAGE, "a", "a", 10**6), Tile(IMAGE, "b", "b", 1)])
    assert [tile.name for tile in group.tiles] == ["a"]
    assert group.bytes == 10**6 + 1
