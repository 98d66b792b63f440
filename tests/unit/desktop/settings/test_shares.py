"""Shared folders: which can be shared, under which names, and how they are written on a command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from desktop.settings import shares
from desktop.settings.changes import from_json, with_value
from desktop.settings.schema import Settings, SettingsError
from desktop.settings.shares import as_words
from desktop.settings.store import SettingsStore


def test_the_home_folder_is_shared_unless_it_is_switched_off() -> None:
    home = str(Path.home().resolve())
    assert Settings().shares() == (home,)
    assert Settings(share_home=False).shares() == ()
    assert Settings(shared_folders=("/data", f"{home}/inside")).shares() == (home, "/data")
    assert Settings(share_home=False, shared_folders=(f"{home}/inside",)).shares() == (f"{home}/inside",)


def test_links_are_followed_before_anything_is_shared(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "system").symlink_to("/etc")
    settings = Settings(share_home=False, shared_folders=(f"{tmp_path}/link", f"{tmp_path}/system"))
    assert settings.shares() == (f"{tmp_path}/real",)


def test_a_home_that_is_the_systems_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert Settings().shares() == ()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/data", ["/data"]),
        ("/data/:/srv//x/../y", ["/data", "/srv/y"]),
        ('["/with:colon", "/ü b"]', ["/with:colon", "/ü b"]),
        ("[]", []),
        ("", []),
        ("null", []),
    ],
)
def test_from_words(tmp_path: Path, text: str, wanted: list[str]) -> None:
    after = with_value(Settings(shared_folders=("/old",)), "shared_folders", text)
    assert after.to_json()["shared_folders"] == wanted
    store = SettingsStore(tmp_path / "settings.json")
    store.save(after)
    assert store.load() == after


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/c/Users/me", "C:\\Users\\me"),
        ("//d/data/../other/", "D:\\other"),
        ("/c", "C:\\"),
        ("C:\\Users\\me", "C:\\Users\\me"),
        ("c:/Users/me", "c:/Users/me"),  # which normpath() makes right there
        ("//server/share", "//server/share"),
        ("/data/me", "/data/me"),
        ("relative", "relative"),
    ],
)
def test_folders_on_a_drive(written: str, meant: str) -> None:
    assert shares.with_drive(written) == meant


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (["project"], "cannot include “project”: it is not an absolute path"),
        (["~/project"], "not an absolute path"),
        ([r"\\server\share"], "it is on no drive of your computer"),
        ([r"\\wsl$\Ubuntu\home"], "it is on no drive of your computer"),
        (["/"], "would share the system folder /bin"),
        (["/usr"], "would share the system folder /usr/bin"),
        (["/etc"], "it is a system folder"),
        (["/etc/ssl/"], "is in the system folder /etc"),
        (["/var"], "would share the system folder /var"),
        (["/run"], "would share the system folder /run"),
        (["/tmp"], "it is a system folder"),
        (["/data", "/data/"], "list “/data” twice"),
        (["/data/x", "/data"], "cannot include “/data/x”: it is inside “/data”"),
        (["/data", "/data/x"], "cannot include “/data/x”: it is inside “/data”"),
        ([1], "must be a list of paths"),
        (7, "must be a list of paths"),
        ({"/data": True}, "must be a list of paths"),
    ],
)
def test_what_cannot_be_shared(value: object, why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_json({"shared_folders": value})
    assert "shared_folders" in caught.value.message
    assert why in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "path", ["/tmp/x", "/var/folders/a", "/home", "/database", "/usr/local/src", "/run/media/me"]
)
def test_what_can(path: str) -> None:
    assert from_json({"shared_folders": [path]}).shared_folders == (path,)


@pytest.mark.parametrize("paths", [("/a",), ("/a", "/ü b"), ("/with:colon", "/b")])
def test_the_words_for_a_shell_mean_the_same(paths: tuple[str, ...]) -> None:
    (word,) = shlex.split(as_words(paths))
    assert with_value(Settings(), "shared_folders", word).shared_folders == paths


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert shares.missing([str(tmp_path)]) is None
    gone, file = (shares.missing([str(tmp_path), str(tmp_path / name)]) for name in ("gone", "file"))
    assert gone is not None
    assert gone.why.endswith("gone”: it does not exist")
    assert "check the spelling" in gone.hint
    assert file is not None
    assert file.why.endswith("file”: it is a file")
