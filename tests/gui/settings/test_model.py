"""The settings' model by itself, without a widget: a draft on top of what is saved, and what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from desktop.control.schema import Note
from desktop.ui.bridge import Bridge
from desktop.ui.models.settings import SettingsModel
from desktop.ui.session import Session
from tests.gui.stage import home, until


@pytest.fixture
def session(qapp: QApplication) -> Iterator[Session]:
    with home("running"):
        bridge = Bridge()
        made = Session(bridge)
        made.open()
        until(lambda: made.running, "the stand-in")
        yield made
        made.close()
        bridge.close()


@pytest.fixture
def model(session: Session) -> SettingsModel:
    made = SettingsModel(session, parent=session)
    made.load()
    until(lambda: made.report is not None, "the settings")
    return made


def test_the_draft_is_edits_on_top_of_what_is_saved(model: SettingsModel) -> None:
    assert (model.dirty, model.ready, model.changes()) == (False, False, {})
    model.set("cpus", 1)
    model.set("daemon.proxies.http-proxy", "http://proxy:3128")
    assert model.changes() == {"cpus": "1", "daemon.proxies": '{"http-proxy": "http://proxy:3128"}'}
    assert (model.dirty, model.ready, model.restart_needed) == (True, True, True)
    model.set("daemon.proxies.http-proxy", None)
    assert model.changes() == {"cpus": "1"}
    model.set("cpus", None)
    assert not model.dirty
    assert model.draft == model.saved


def test_text_becomes_an_object_as_soon_as_it_is_one(model: SettingsModel) -> None:
    model.set("daemon", '{"debug": tr')
    assert model.error("daemon", "daemon.json").startswith("daemon.json is not JSON: ")
    assert not model.editable("daemon.dns")
    model.set("daemon.dns", ["1.1.1.1"])  # has no place in such a text
    assert model.draft["daemon"] == '{"debug": tr'
    model.set("daemon", '{"debug": true, "dns": null}')
    assert model.errors.keys() == {"daemon.dns"}
    assert model.error("daemon", "daemon.json").startswith("“dns” must be a list of strings, not null")
    model.set("daemon.dns", None)
    assert model.changes() == {"daemon.debug": "true"}


def test_every_mistake_is_known_at_once(model: SettingsModel) -> None:
    model.set("cpus", "many")
    model.set("daemon", {"mtu": "x", "bip": "y"})
    assert list(model.errors) == ["cpus", "daemon.mtu", "daemon.bip"]
    assert not model.ready
    model.discard()
    assert not model.errors


def test_what_others_save_meanwhile_is_kept(model: SettingsModel, session: Session) -> None:
    model.set("cpus", 1)
    model.set("daemon", {"debug": True})
    notes: list[Note] = []
    changes = {"daemon.mtu": "1400", "wait_seconds": "90", "cpus": "1"}
    session.control(lambda client: client.set_settings(changes), notes.append)
    until(lambda: notes, "the other change")
    model.load()
    until(lambda: model.saved["wait_seconds"] == 90, "the other change")
    assert model.draft["daemon"] == {"mtu": 1400, "debug": True}
    assert model.changes() == {"daemon.debug": "true"}  # cpus are as wanted already


def test_applied_is_the_whole_draft(model: SettingsModel) -> None:
    told: list[tuple[Note, bool]] = []
    model.applied.connect(lambda note, restarts: told.append((note, restarts)))
    model.set("wait_seconds", 90)
    model.set("memory_mib", 1024)
    model.apply(restart=False)
    assert not model.ready  # it is under way
    until(lambda: told, "the note")
    assert (told[0][0].restart_needed, told[0][1]) == (True, False)
    assert not model.dirty
    assert (model.saved["wait_seconds"], model.saved["memory_mib"]) == (90, 1024)


def test_a_refusal_lasts_until_the_draft_changes(model: SettingsModel) -> None:
    missing = str(Path(os.environ["SLIPWAY_HOME"]) / "gone")
    model.set("shared_folders", [missing])
    model.apply(restart=True)
    until(lambda: model.refusal is not None, "the refusal")
    assert model.refusal is not None
    assert "does not exist" in model.refusal.message
    assert (model.dirty, model.ready) == (True, False)
    model.set("share_home", False)
    assert model.refusal is None
    assert model.ready
