"""The layout of treemaps, and the way from tile to tile."""

from __future__ import annotations

import pytest

from desktop.ui.models.treemap import Rect, neighbour, squarify

AREA = Rect(10, 20, 600, 400)


def areas(places: list[Rect]) -> list[float]:
    return [place.width * place.height for place in places]


def test_the_example_of_the_paper() -> None:
    """Figure 4 of "Squarified Treemaps": 6 and 6 above each other in a first column, then 4 and 3."""
    found = squarify([6, 6, 4, 3, 2, 2, 1], Rect(0, 0, 6, 4))
    assert areas(found) == pytest.approx([6, 6, 4, 3, 2, 2, 1])
    assert (found[0].x, found[0].width, found[1].y) == pytest.approx((0, 3, 2))
    assert (found[2].x, found[2].y) == pytest.approx((3, 0))
    assert (found[3].width, found[3].height) == pytest.approx((9 / 7, 7 / 3))


@pytest.mark.parametrize(
    "sizes", [[1.0], [5.0, 5.0], [1000.0, 1.0], [float(n) for n in range(90, 0, -1)], [2.0**-n for n in range(30)]]
)
def test_areas_are_proportional_and_within(sizes: list[float]) -> None:
    found = squarify(sizes, AREA)
    scale = AREA.width * AREA.height / sum(sizes)
    assert areas(found) == pytest.approx([size * scale for size in sizes])
    for place in found:
        assert place.x >= AREA.x - 1e-6
        assert place.y >= AREA.y - 1e-6
        assert place.x + place.width <= AREA.x + AREA.width + 1e-6
        assert place.y + place.height <= AREA.y + AREA.height + 1e-6


def test_none_overlaps_another() -> None:
    found = squarify([float(n) for n in range(40, 0, -1)], AREA)
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert min(across, down) < 1e-6


def test_tiles_are_nearly_square() -> None:
    found = squarify([float(n) for n in range(40, 0, -1)], AREA)
    ratios = sorted(max(place.width / place.height, place.height / place.width) for place in found)
    assert ratios[len(ratios) // 2] < 1.5


def test_no_space_and_no_sizes() -> None:
    assert squarify([], AREA) == []
    assert areas(squarify([1, 2], Rect(0, 0, 0, 100))) == [0, 0]
    with pytest.raises(ValueError, match="positive"):
        squarify([1, 0], AREA)


def test_an_inset_is_never_negative() -> None:
    assert Rect(0, 0, 10, 10).inset(2, 3) == Rect(2, 5, 6, 3)
    assert Rect(0, 0, 2, 2).inset(3).width == 0


GRID = [Rect(x * 10, y * 10, 10, 10) for y in range(3) for x in range(3)]
RIGHT, LEFT, DOWN, UP = (1, 0), (-1, 0), (0, 1), (0, -1)


@pytest.mark.parametrize(
    ("now", "step", "then"),
    [(0, RIGHT, 1), (1, LEFT, 0), (0, DOWN, 3), (4, UP, 1), (0, LEFT, 0), (2, RIGHT, 2), (7, DOWN, 7)],
)
def test_steps_in_a_grid(now: int, step: tuple[int, int], then: int) -> None:
    assert neighbour(GRID, now, step) == then


def test_every_tile_is_reached_by_steps() -> None:
    places = squarify([float(n) for n in range(25, 0, -1)], AREA)
    seen, left = {0}, [0]
    while left:
        now = left.pop()
        for step in (RIGHT, LEFT, DOWN, UP):
            then = neighbour(places, now, step)
            if then not in seen:
                seen.add(then)
                left.append(then)
    assert seen == set(range(25))
