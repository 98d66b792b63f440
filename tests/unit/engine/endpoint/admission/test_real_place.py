"""Where a path really leads on this computer, and how the machine gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.endpoint.admission.real_place import real_place
from vm.errors import EngineError


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    (folder / "real" / "inside").mkdir(parents=True)
    (folder / "real" / "file").touch()
    (tmp_path / "other").mkdir()
    return folder


def link(path: Path, target: str | Path) -> str:
    path.symlink_to(target)
    return str(path)


def guest(path: str | Path, *shares: Path) -> str | None:
    return real_place(str(path), [str(share) for share in shares]).guest


@pytest.mark.parametrize("name", ["", "real", "real/file", "real/./inside/", "real/../real/inside", "not/there"])
def test_what_has_no_links(share: Path, name: str) -> None:
    wanted = {"real/./inside/": "real/inside", "real/../real/inside": "real/inside"}.get(name, name)
    assert guest(f"{share}/{name}", share) == f"{share}/{wanted}".rstrip("/")


@pytest.mark.parametrize("target", ["real", "./real", "../share/real", "{share}/real"])
def test_links_that_the_machine_follows_itself_keep_their_names(share: Path, target: str) -> None:
    """So that ``docker inspect`` shows what was typed, and a link that is changed counts at the next start."""
    name = link(share / "link", target.format(share=share))
    assert guest(name, share) == name
    assert guest(f"{name}/inside", share) == f"{name}/inside"
    chain = link(share / "real" / "chain", "../link/inside")
    assert guest(chain, share) == chain


@pytest.mark.parametrize("target", ["/usr/share", "/etc/passwd", "..", "../other", "../../../..", "/", "/no/such"])
def test_links_out_of_it_lead_nowhere_in_the_machine(share: Path, target: str) -> None:
    name = link(share / "link", target)
    for path in (name, f"{name}/below", f"{share}/real/../link"):
        found = real_place(path, [str(share)])
        assert found.guest is None
        assert found.by_share
    assert real_place(name, [str(share)]).real == str((share / target).resolve())
    link(share / "chain", "link")
    assert guest(share / "chain" / "x", share) is None


def test_links_out_of_it_and_back_in(share: Path, tmp_path: Path) -> None:
    """The machine has no such folder on the way."""
    link(tmp_path / "other" / "back", share / "real")
    assert guest(link(share / "out", tmp_path / "other" / "back"), share) == f"{share}/real"
    assert guest(f"{share}/out/file", share) == f"{share}/real/file"
    up = link(share / "up", "../share/real")
    assert guest(up, share) == up


def test_from_one_share_to_another(share: Path, tmp_path: Path) -> None:
    name = link(share / "link", tmp_path / "other")
    assert guest(name, share, tmp_path / "other") == name
    assert guest(name, share) is None


def test_a_share_that_is_a_link_itself(share: Path, tmp_path: Path) -> None:
    """The machine has a folder of that name."""
    name = Path(link(tmp_path / "name", share))
    assert guest(name / "real", name) == f"{name}/real"
    assert guest(share / "real", name) == f"{name}/real"
    link(share / "inner", share / "real")
    assert guest(name / "inner", name) == f"{name}/real"


def test_a_share_in_a_share(share: Path, tmp_path: Path) -> None:
    inner = Path(link(share / "inner", tmp_path / "other"))
    assert guest(inner / "x", share, inner) == f"{inner}/x"
    assert guest(tmp_path / "other" / "x", share, inner) == f"{inner}/x"


def test_circles(share: Path) -> None:
    one = link(share / "one", "two")
    link(share / "two", "one")
    for path in (one, f"{one}/x", link(share / "self", "self")):
        with pytest.raises(EngineError, match="lead in a circle"):
            real_place(path, [str(share)])


def test_a_dangling_link(share: Path) -> None:
    name = link(share / "link", "nothing")
    assert guest(name, share) == name
    assert guest(link(share / "out", "/no/such/place"), share) is None


def test_what_is_elsewhere(tmp_path: Path, share: Path) -> None:
    found = real_place(f"{tmp_path}/other/../other/x", [str(share)])
    assert (found.path, found.real) == (f"{tmp_path}/other/x", f"{tmp_path}/other/x")
    assert found.guest is None
    assert not found.by_share


def test_names_of_windows_are_not_looked_up(share: Path) -> None:
    """Not here, where no disk has them; they are those of the share."""
    assert real_place(r"C:\Users\me\app", [r"C:\Users\me"]).by_share
