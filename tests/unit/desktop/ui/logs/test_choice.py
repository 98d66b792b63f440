"""Which logs are shown together."""

from __future__ import annotations

from desktop.ui.models.logs.choice import MOST, LogChoice, Offered


def names(choice: LogChoice, found: list[Offered]) -> list[str]:
    return [one.name for one in choice.chosen(found)]


SHOP = [Offered(f"id-{name}", name, "shop") for name in ("db", "web")]
ALONE = [Offered("id-nginx", "nginx")]


def test_all_are_shown_until_one_is_not() -> None:
    choice = LogChoice()
    assert names(choice, SHOP + ALONE) == ["db", "web", "nginx"]
    choice.tick(["id-web"], False)
    assert names(choice, SHOP + ALONE) == ["db", "nginx"]
    choice.tick(["id-web"], True)
    assert names(choice, SHOP + ALONE) == ["db", "web", "nginx"]


def test_a_new_container_is_as_its_project() -> None:
    choice = LogChoice()
    choice.tick([SHOP[0].group, "id-db", "id-web"], False)
    new = Offered("id-new", "new", "shop")
    assert names(choice, [*SHOP, new, *ALONE]) == ["nginx"]
    choice.tick(["id-db"], True)
    assert names(choice, [*SHOP, new, *ALONE]) == ["db", "nginx"]


def test_no_more_than_can_be_followed_and_what_is_ticked_comes_first() -> None:
    many = [Offered(f"id-{n}", f"{n:03}") for n in range(MOST + 20)]
    choice = LogChoice()
    assert names(choice, many) == [one.name for one in many[:MOST]]
    choice.tick([many[-1].id], True)
    found = names(choice, many)
    assert len(found) == MOST
    assert many[-1].name in found
