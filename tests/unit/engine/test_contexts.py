"""Docker contexts: real files, a real socket, and nothing of the user's lost."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.context_store import ContextError, ContextStore
from engine.context_trial import answers
from engine.contexts import Contexts
from tests.unit.local_server import serving

SOCKET = Path("/run/user/1/slipway/docker.sock")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "docker"


@pytest.fixture
def contexts(tmp_path: Path, folder: Path) -> Contexts:
    return Contexts(tmp_path / "memory.json", {"DOCKER_CONFIG": str(folder)})


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[str]:
    """Something that answers pings."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nOK")

    path = tmp_path / "e.sock"
    async with serving(path, serve):
        yield f"unix://{path}"


def configure(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(text)
    return path


def add_context(folder: Path, name: str, host: str) -> None:
    ContextStore(folder).write(name, {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}})


def test_use_and_restore_leave_no_trace(contexts: Contexts, folder: Path, tmp_path: Path) -> None:
    """Where there was no configuration at all, there is none again."""
    assert "now" in contexts.use(SOCKET)
    assert contexts.store.current() == "slipway"
    assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
    contexts.remove(SOCKET)
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_everything_else_in_the_configuration_is_kept(contexts: Contexts, folder: Path) -> None:
    text = json.dumps(
        {"auths": {"r.example": {"auth": "eDp5"}}, "currentContext": "work", "é": ["ü"]}, indent="\t"
    )
    path = configure(folder, text)
    path.chmod(0o640)
    add_context(folder, "work", "unix:///run/work.sock")
    contexts.use(SOCKET)
    changed = json.loads(path.read_text())
    assert changed == {"auths": {"r.example": {"auth": "eDp5"}}, "currentContext": "slipway", "é": ["ü"]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert contexts.restore() == "docker uses the context “work” again"
    assert json.loads(path.read_text()) == json.loads(text)


def test_a_symbolic_link_stays_one(contexts: Contexts, folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    folder.mkdir()
    (folder / "config.json").symlink_to(real)
    contexts.use(SOCKET)
    assert (folder / "config.json").is_symlink()
    assert json.loads(real.read_text()) == {"currentContext": "slipway"}


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\x00"])
def test_nonsense_is_never_overwritten(contexts: Contexts, folder: Path, text: str) -> None:
    path = configure(folder, text)
    with pytest.raises(ContextError, match=r"config\.json"):
        contexts.use(SOCKET)
    with pytest.raises(ContextError, match=r"config\.json"):
        contexts.restore()
    assert path.read_text() == text


def test_a_context_that_is_not_ours_is_left_alone(contexts: Contexts, folder: Path) -> None:
    add_context(folder, "slipway", "tcp://elsewhere:2376")
    before = contexts.store.meta("slipway").read_text()
    with pytest.raises(ContextError, match="did not create") as caught:
        contexts.use(SOCKET)
    assert "docker context rm slipway" in caught.value.hint
    contexts.remove(SOCKET)
    assert contexts.store.meta("slipway").read_text() == before


def test_another_installations_context_survives_our_reset(
    contexts: Contexts, tmp_path: Path, folder: Path
) -> None:
    contexts.use(SOCKET)
    other = Contexts(tmp_path / "other.json", {"DOCKER_CONFIG": str(folder)})
    other.remove(Path("/elsewhere/docker.sock"))
    assert contexts.store.current() == "slipway"


def test_what_the_user_chose_since_is_respected(contexts: Contexts, folder: Path) -> None:
    add_context(folder, "work", "unix:///run/work.sock")
    contexts.use(SOCKET)
    contexts.store.set_current("work")
    assert "nothing to restore" in contexts.restore()
    contexts.remove(SOCKET)
    assert contexts.store.current() == "work"


def test_a_previous_context_that_is_gone(contexts: Contexts, folder: Path) -> None:
    add_context(folder, "work", "unix:///run/work.sock")
    configure(folder, '{"currentContext": "work"}')
    contexts.use(SOCKET)
    contexts.store.delete("work")
    assert "“default”" in contexts.restore()


def test_the_address_follows_the_installation(contexts: Contexts) -> None:
    contexts.create(SOCKET)
    contexts.create(Path("/new/docker.sock"))
    found: Any = contexts.store.read("slipway")
    assert found["Endpoints"]["docker"]["Host"] == "unix:///new/docker.sock"


async def test_auto_leaves_a_working_context(contexts: Contexts, folder: Path, engine: str) -> None:
    add_context(folder, "work", engine)
    configure(folder, '{"currentContext": "work"}')
    assert "which works" in await contexts.offer(SOCKET, "auto")
    assert contexts.store.current() == "work"


@pytest.mark.parametrize("host", ["unix:///no-engine/there.sock", "tcp://127.0.0.1:1", ""])
async def test_auto_replaces_a_dead_context(contexts: Contexts, folder: Path, host: str) -> None:
    add_context(folder, "work", host)
    configure(folder, '{"currentContext": "work"}')
    assert "does not work" in await contexts.offer(SOCKET, "auto")
    assert contexts.store.current() == "slipway"
    assert await contexts.offer(SOCKET, "auto") == ""


async def test_auto_replaces_a_context_that_does_not_exist(contexts: Contexts, folder: Path) -> None:
    configure(folder, '{"currentContext": "gone"}')
    await contexts.offer(SOCKET, "auto")
    assert contexts.store.current() == "slipway"


async def test_policies(contexts: Contexts, folder: Path, engine: str) -> None:
    add_context(folder, "work", engine)
    configure(folder, '{"currentContext": "work"}')
    assert "slipway context use" in await contexts.offer(SOCKET, "never")
    assert contexts.store.current() == "work"
    assert contexts.store.read("slipway") is not None
    await contexts.offer(SOCKET, "always")
    assert contexts.store.current() == "slipway"


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "DOCKER_CONTEXT"])
async def test_variables_go_first_and_are_named(tmp_path: Path, folder: Path, variable: str) -> None:
    contexts = Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(folder), variable: "elsewhere"})
    said = await contexts.offer(SOCKET, "auto")
    assert variable in said
    assert "elsewhere" in said
    assert contexts.store.current() == "default"


async def test_trials(engine: str, tmp_path: Path) -> None:
    assert await answers(engine)
    assert await answers("ssh://me@elsewhere")  # not tried
    assert not await answers("unix:///no-engine")
    assert not await answers("")


async def test_something_that_says_nothing_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    monkeypatch.setattr("engine.context_trial.PATIENCE", 0.2)
    path = tmp_path / "s.sock"
    async with serving(path, silent):
        assert not await answers(f"unix://{path}")
