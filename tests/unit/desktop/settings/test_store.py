"""The settings file: what is read, what is kept when it is written, and what is never overwritten."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from desktop.settings.changes import with_values
from desktop.settings.migrations import SCHEMA
from desktop.settings.schema import Settings, SettingsError
from desktop.settings.store import SettingsStore


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "deep" / "settings.json")


def write(store: SettingsStore, text: str | bytes) -> None:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_defaults_need_no_file(store: SettingsStore) -> None:
    assert store.load() == Settings()


def test_what_is_saved_is_read_again(store: SettingsStore) -> None:
    settings = Settings(cpus=3, daemon={"debug": True, "labels": ["ü=1"]})
    store.save(settings)
    assert store.load() == settings
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    kept = json.loads(store.path.read_text("utf-8"))
    assert kept == {"schema": 1, "cpus": 3, "daemon": {"debug": True, "labels": ["ü=1"]}}  # no defaults


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"settings"',
        b"\xff\xfe",
        b'{"schema": "1"}',
        b'{"schema": 0}',
        b'{"schema": 1, "cpus": null}',
        b'{"schema": 1, "cpus": true}',
        b'{"schema": 1, "cpus": 2.5}',
        b'{"schema": 1, "daemon": []}',
        b'{"schema": 1, "mirror": "no address"}',
        b'{"schema": 1, "context": "sometimes"}',
    ],
)
def test_nonsense_is_refused_and_never_overwritten(store: SettingsStore, text: bytes) -> None:
    write(store, text)
    with pytest.raises(SettingsError) as caught:
        store.load()
    assert caught.value.message
    with pytest.raises(SettingsError):
        store.save(Settings(cpus=1))
    assert store.path.read_bytes() == text


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError):
        SettingsStore(tmp_path / "file" / "settings.json").save(Settings())


class TestNewerFiles:
    """A newer Slipway wrote the file; this one reads what it knows and loses nothing of the rest."""

    def test_unknown_settings_are_kept_when_others_change(self, store: SettingsStore) -> None:
        write(store, '{"schema": 1, "snapshots": {"keep": 3}, "cpus": 2}')
        before = store.load()
        assert before == Settings(cpus=2)
        assert store.read().unknown == ("snapshots",)
        store.save(with_values(before, {"cpus": "null", "wait_seconds": "90"}))
        kept = json.loads(store.path.read_text("utf-8"))
        assert kept == {"schema": 1, "snapshots": {"keep": 3}, "wait_seconds": 90}

    def test_a_newer_version_stays_the_version(self, store: SettingsStore) -> None:
        write(store, f'{{"schema": {SCHEMA + 1}, "cpus": 1}}')
        store.save(with_values(store.load(), {"cpus": "2"}))
        assert json.loads(store.path.read_text("utf-8")) == {"schema": SCHEMA + 1, "cpus": 2}

    def test_a_value_of_a_newer_version_is_left_out_but_kept(self, store: SettingsStore) -> None:
        write(store, f'{{"schema": {SCHEMA + 1}, "accelerator": "quantum", "cpus": 1}}')
        settings = store.load()
        assert settings == Settings(cpus=1)
        store.save(with_values(settings, {"cpus": "2"}))
        values = json.loads(store.path.read_text("utf-8"))
        assert values == {"schema": SCHEMA + 1, "accelerator": "quantum", "cpus": 2}
        store.save(with_values(store.load(), {"accelerator": "tcg"}))
        assert json.loads(store.path.read_text("utf-8"))["accelerator"] == "tcg"

    def test_a_value_of_the_same_version_that_is_wrong_is_refused(self, store: SettingsStore) -> None:
        write(store, f'{{"schema": {SCHEMA}, "accelerator": "quantum"}}')
        with pytest.raises(SettingsError) as caught:
            store.load()
        assert caught.value.path == "accelerator"
        assert str(store.path) in caught.value.detail


def test_a_file_that_cannot_be_replaced_stays_as_it_is(
    store: SettingsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(Settings(cpus=1))
    before = store.path.read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("desktop.settings.store.write_atomically", full)
    with pytest.raises(SettingsError, match="No space left"):
        store.save(Settings(cpus=2))
    assert store.path.read_bytes() == before
