"""What Slipway has made outside its folder goes, the data only if that is asked for, and nothing else ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.installation.removal import delete_data, forget
from desktop.system import Launch
from engine.contexts import NAME, Contexts
from engine.kubernetes.kubeconfig import RECORD, Kubeconfig
from engine.kubernetes.kubeconfig_text import Entry
from vm.errors import HostError
from vm.host.paths import Paths


class Desktop:
    """A desktop that notes what is wanted of it."""

    no_menu = ""

    def __init__(self, error: HostError | None = None) -> None:
        self.login: list[tuple[str, bool]] = []
        self._error = error

    def starts_at_login(self, launch: Launch) -> bool:
        return False

    def start_at_login(self, launch: Launch, wanted: bool) -> None:
        if self._error:
            raise self._error
        self.login.append((launch.name, wanted))

    def switched_off(self, launch: Launch) -> str:
        return ""

    def add_to_menu(self, launch: Launch) -> tuple[Path, ...]:
        return ()

    def remove_from_menu(self, launch: Launch) -> bool:
        return False


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An installation that has been used, and a Docker configuration with a context before ours."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    made = Paths(tmp_path / "home", tmp_path / "home" / "cache")
    made.prepare()
    kept = (made.settings, made.activities, made.data_disk, made.supervisor_log, made.verdicts)
    for file in (*kept, made.images / "kernel"):
        file.write_text("{}")
    return made


def test_the_context_before_is_current_again(paths: Paths, tmp_path: Path) -> None:
    config = tmp_path / "docker" / "config.json"
    config.parent.mkdir()
    config.write_text('{"auths": {}}')
    contexts = Contexts(paths.contexts, {"DOCKER_CONFIG": str(config.parent)})
    contexts.use(paths.docker_host)
    assert json.loads(config.read_text())["currentContext"] == NAME
    desktop = Desktop()
    assert forget(paths, desktop) == []
    assert json.loads(config.read_text()) == {"auths": {}}
    assert contexts.store.names() == ["default"]
    assert [wanted for _, wanted in desktop.login] == [False]
    assert paths.data_disk.exists()


def test_the_users_kubeconfig_is_as_it_was(paths: Paths, tmp_path: Path) -> None:
    config = tmp_path / "kube" / "config"
    config.parent.mkdir()
    config.write_text("kind: Config\nclusters: []\n")
    Kubeconfig(paths.kubernetes / RECORD).merge([config], Entry("https://127.0.0.1:6443", "QQ==", "Qg==", "Qw=="))
    assert "slipway" in config.read_text()
    assert forget(paths, Desktop()) == []
    assert config.read_text() == "kind: Config\nclusters: []\n"
    assert delete_data(paths, paths.home) == []


def test_what_cannot_be_undone_is_said_and_the_rest_is_done(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    meta = Contexts(paths.contexts, {"DOCKER_CONFIG": str(tmp_path / "docker")}).store.meta(NAME)
    meta.parent.mkdir(parents=True)
    meta.write_text("damaged")
    first, second = forget(paths, Desktop(HostError("the list cannot be changed", detail="denied")))
    assert "is not valid JSON" in first
    assert second == "the list cannot be changed: denied"


def test_all_data_goes_from_the_default_home(paths: Paths) -> None:
    (paths.home / "anything").write_text("of an older Slipway")
    assert delete_data(paths, paths.home) == []
    assert not paths.home.exists()


def test_from_another_home_only_what_is_ours(paths: Paths) -> None:
    foreign = paths.home / "thesis.txt"
    foreign.write_text("not Slipway's")
    assert delete_data(paths, paths.home.parent / "default") == []
    assert list(paths.home.rglob("*")) == [foreign]


def test_data_twice(paths: Paths) -> None:
    for _ in range(2):
        assert delete_data(paths, paths.home.parent / "default") == []
    assert not paths.home.exists()


def test_what_cannot_be_deleted_is_said(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    failed = delete_data(paths, paths.home)
    assert f"{paths.machine} cannot be deleted: Permission denied" in failed
    assert paths.home.exists()
