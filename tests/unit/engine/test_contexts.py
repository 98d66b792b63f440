"""Docker contexts: real files, a real socket, and nothing of the user's lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import subprocess
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.context_memory import Memory
from engine.context_store import ContextError, ContextStore
from engine.context_trial import answers
from engine.contexts import MARK, Contexts, remove_everywhere
from engine.helpers import Helpers
from installers.checkout import system
from tests.unit.broken_files import KINDS, broken, roomy_folder
from tests.unit.local_server import serving
from vm.host import docker_address
from vm.host.docker_address import make_link, remove_link
from vm.host.paths import Paths

ADDRESS = "unix:///run/user/1/slipway/docker.sock"


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
    assert "now" in contexts.use(ADDRESS)
    assert contexts.store.current() == "slipway"
    assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
    contexts.remove(ADDRESS)
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_everything_else_in_the_configuration_is_kept(contexts: Contexts, folder: Path) -> None:
    text = json.dumps(
        {"auths": {"r.example": {"auth": "eDp5"}}, "currentContext": "work", "é": ["ü"]}, indent="\t"
    )
    path = configure(folder, text)
    path.chmod(0o640)
    add_context(folder, "work", "unix:///run/work.sock")
    contexts.use(ADDRESS)
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
    contexts.use(ADDRESS)
    assert (folder / "config.json").is_symlink()
    assert json.loads(real.read_text()) == {"currentContext": "slipway"}


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\x00"])
def test_nonsense_is_never_overwritten(contexts: Contexts, folder: Path, text: str) -> None:
    path = configure(folder, text)
    with pytest.raises(ContextError, match=r"config\.json"):
        contexts.use(ADDRESS)
    with pytest.raises(ContextError, match=r"config\.json"):
        contexts.restore()
    assert path.read_text() == text


def test_a_context_that_is_not_ours_is_left_alone(contexts: Contexts, folder: Path) -> None:
    add_context(folder, "slipway", "tcp://elsewhere:2376")
    before = contexts.store.meta("slipway").read_text()
    with pytest.raises(ContextError, match="did not create") as caught:
        contexts.use(ADDRESS)
    assert "docker context rm slipway" in caught.value.hint
    contexts.remove(ADDRESS)
    assert contexts.store.meta("slipway").read_text() == before


def test_another_installations_context_survives_our_reset(
    contexts: Contexts, tmp_path: Path, folder: Path
) -> None:
    contexts.use(ADDRESS)
    other = Contexts(tmp_path / "other.json", {"DOCKER_CONFIG": str(folder)})
    other.remove("unix:///elsewhere/docker.sock")
    assert contexts.store.current() == "slipway"


def test_what_the_user_chose_since_is_respected(contexts: Contexts, folder: Path) -> None:
    add_context(folder, "work", "unix:///run/work.sock")
    contexts.use(ADDRESS)
    contexts.store.set_current("work")
    assert "nothing to restore" in contexts.restore()
    contexts.remove(ADDRESS)
    assert contexts.store.current() == "work"


def test_a_previous_context_that_is_gone(contexts: Contexts, folder: Path) -> None:
    add_context(folder, "work", "unix:///run/work.sock")
    configure(folder, '{"currentContext": "work"}')
    contexts.use(ADDRESS)
    contexts.store.delete("work")
    assert "“default”" in contexts.restore()


def test_the_address_follows_the_installation(contexts: Contexts) -> None:
    contexts.create(ADDRESS)
    contexts.create("unix:///new/docker.sock")
    found: Any = contexts.store.read("slipway")
    assert found["Endpoints"]["docker"]["Host"] == "unix:///new/docker.sock"


async def test_auto_leaves_a_working_context(contexts: Contexts, folder: Path, engine: str) -> None:
    add_context(folder, "work", engine)
    configure(folder, '{"currentContext": "work"}')
    assert "which works" in await contexts.offer(ADDRESS, "auto")
    assert contexts.store.current() == "work"


@pytest.mark.parametrize("host", ["unix:///no-engine/there.sock", "tcp://127.0.0.1:1", ""])
async def test_auto_replaces_a_dead_context(contexts: Contexts, folder: Path, host: str) -> None:
    add_context(folder, "work", host)
    configure(folder, '{"currentContext": "work"}')
    assert "does not work" in await contexts.offer(ADDRESS, "auto")
    assert contexts.store.current() == "slipway"
    assert await contexts.offer(ADDRESS, "auto") == ""


async def test_auto_replaces_a_context_that_does_not_exist(contexts: Contexts, folder: Path) -> None:
    configure(folder, '{"currentContext": "gone"}')
    await contexts.offer(ADDRESS, "auto")
    assert contexts.store.current() == "slipway"


async def test_policies(contexts: Contexts, folder: Path, engine: str) -> None:
    add_context(folder, "work", engine)
    configure(folder, '{"currentContext": "work"}')
    assert "slipway context use" in await contexts.offer(ADDRESS, "never")
    assert contexts.store.current() == "work"
    assert contexts.store.read("slipway") is not None
    await contexts.offer(ADDRESS, "always")
    assert contexts.store.current() == "slipway"


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "DOCKER_CONTEXT"])
async def test_variables_go_first_and_are_named(tmp_path: Path, folder: Path, variable: str) -> None:
    contexts = Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(folder), variable: "elsewhere"})
    said = await contexts.offer(ADDRESS, "auto")
    assert variable in said
    assert "elsewhere" in said
    assert contexts.store.current() == "default"


# -- configurations that are odd ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " \n\t\r\n", "null"])
def test_an_empty_file_is_an_empty_configuration(contexts: Contexts, folder: Path, text: str) -> None:
    """As to docker: `docker context show` has nothing to say against it."""
    path = configure(folder, text)
    assert contexts.store.settings() == {}
    contexts.use(ADDRESS)
    assert json.loads(path.read_text()) == {"currentContext": "slipway"}


def test_bytes_that_are_not_utf_8_stay(contexts: Contexts, folder: Path) -> None:
    path = configure(folder, "")
    path.write_bytes(b'{"detachKeys": "\xff\xfe"}')
    contexts.use(ADDRESS)
    contexts.restore()
    assert path.read_bytes() == b'{\n\t"detachKeys": "\xff\xfe"\n}'


@pytest.mark.parametrize("text", ["[" * 100_000, '{"currentContext": ["x"]}', '{"currentContext": "\\ud800"}'])
async def test_odd_values_are_no_defect(contexts: Contexts, folder: Path, text: str) -> None:
    configure(folder, text)
    with contextlib.suppress(ContextError):
        await contexts.offer(ADDRESS, "auto")


@pytest.mark.parametrize(
    "meta", ['{"Endpoints": []}', '{"Endpoints": {"docker": "x"}}', '{"Metadata": 1}', "null"]
)
def test_a_context_of_an_odd_form_is_not_ours(contexts: Contexts, meta: str) -> None:
    path = contexts.store.meta("slipway")
    path.parent.mkdir(parents=True)
    path.write_text(meta)
    with pytest.raises(ContextError, match="did not create"):
        contexts.create(ADDRESS)


def test_what_we_make_is_the_users_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        contexts = Contexts(tmp_path / "memory.json", {"DOCKER_CONFIG": str(tmp_path / "new" / "docker")})
        contexts.use(ADDRESS)
    finally:
        os.umask(before)
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_read_is_an_error_with_a_hint(kind: str) -> None:
    """Of whatever kind: an error for the user, never a defect of ours."""
    with roomy_folder() as folder:
        environment = {"DOCKER_CONFIG": str(folder / "docker"), "PATH": ""}
        contexts = Contexts(folder / "memory.json", environment)
        helpers = Helpers(folder / "helpers.json", environment)
        contexts.store.write("slipway", {"Name": "slipway", "Metadata": {MARK: True}})
        with broken(folder / "docker2" / "config.json", kind) as path:
            for one in (contexts.store, helpers.store):
                one.folder = path.parent
            actions: list[Callable[[], object]] = [contexts.restore, helpers.take_out]
            actions += [partial(contexts.use, ADDRESS), partial(contexts.remove, ADDRESS)]
            for act in actions:
                with pytest.raises(ContextError) as caught:
                    act()
                assert caught.value.hint
            with pytest.raises(ContextError):
                await contexts.offer(ADDRESS, "always")


@pytest.mark.parametrize("kind", ["a link to itself", "a disk that fails", "a folder for a file", "a pipe"])
def test_one_context_that_cannot_be_read_hides_no_other(contexts: Contexts, folder: Path, kind: str) -> None:
    add_context(folder, "work", "unix:///run/work.sock")
    with broken(folder / "contexts" / "meta" / "x" / "meta.json", kind):
        assert contexts.store.names() == ["default", "work"]


# -- several configurations ---------------------------------------------------------------------------------------


def test_each_configuration_is_restored_to_its_own(tmp_path: Path) -> None:
    """DOCKER_CONFIG may differ from terminal to terminal."""
    folders = {name: tmp_path / name for name in ("one", "two", "three")}
    all_of_them = {
        name: Contexts(tmp_path / "memory.json", {"DOCKER_CONFIG": str(folder)})
        for name, folder in folders.items()
    }
    for name in ("one", "two"):
        add_context(folders[name], name, f"unix:///run/{name}.sock")
        configure(folders[name], json.dumps({"currentContext": name}))
    for contexts in all_of_them.values():
        contexts.use(ADDRESS)
    assert [contexts.previous for contexts in all_of_them.values()] == ["one", "two", "default"]
    assert "“two”" in all_of_them["two"].restore()
    assert remove_everywhere(tmp_path / "memory.json", ADDRESS) == []
    assert [contexts.store.current() for contexts in all_of_them.values()] == ["one", "two", "default"]
    assert not any(contexts.store.read("slipway") for contexts in all_of_them.values())
    assert not (tmp_path / "memory.json").exists()
    assert not folders["three"].exists()


def test_one_that_cannot_be_changed_keeps_no_other_from_it(tmp_path: Path) -> None:
    one, two = (Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(tmp_path / name)}) for name in ("one", "two"))
    for contexts in (one, two):
        contexts.use(ADDRESS)
    configure(tmp_path / "one", "{")
    (failure,) = remove_everywhere(tmp_path / "m", ADDRESS)
    assert "one/config.json" in failure.message
    assert two.store.read("slipway") is None


def test_a_record_of_an_older_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "d"))
    (tmp_path / "m").write_text('{"previous": "work", "made_config": false}')
    assert Contexts(tmp_path / "m").previous == "work"
    (tmp_path / "m").write_text("{")
    assert Contexts(tmp_path / "m").previous == ""


BROKEN_RECORDS = {
    "cut off": '{"folders": {"/a": {"previous": "wo',
    "deep": "[" * 100_000,
    "a list": "[]",
    "a list inside": '{"folders": []}',
    "empty": "",
}


@pytest.mark.parametrize("kind", BROKEN_RECORDS)
def test_a_record_that_cannot_be_used_is_kept(tmp_path: Path, kind: str) -> None:
    """It says what is to be undone, in other folders too."""
    file, text = tmp_path / "m", BROKEN_RECORDS[kind]
    contexts = Contexts(file, {"DOCKER_CONFIG": str(tmp_path / "docker")})
    contexts.use(ADDRESS)
    file.write_text(text)
    _keeps_everything(contexts)
    assert file.read_text() == text
    new = Contexts(file, {"DOCKER_CONFIG": str(tmp_path / "new")})
    with pytest.raises(ContextError, match="was not changed"):
        new.use(ADDRESS)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["a link to itself", "a file for a folder", "a disk that fails", "a pipe"])
def test_a_record_that_cannot_be_read_is_kept(kind: str) -> None:
    with roomy_folder() as folder:
        contexts = Contexts(folder / "memory" / "m", {"DOCKER_CONFIG": str(folder / "docker")})
        contexts.use(ADDRESS)
        (folder / "memory" / "m").unlink()
        with broken(folder / "memory" / "m", kind) as path:
            place = path if path.parent.is_dir() else path.parent
            seen = place.lstat()
            _keeps_everything(contexts)
            assert place.lstat().st_ino == seen.st_ino


def _keeps_everything(contexts: Contexts) -> None:
    """Whatever would need the record fails, and changes nothing."""
    folder = contexts.store.folder
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    memory = contexts._memory  # noqa: SLF001 - the record by itself
    acts: list[Callable[[], object]] = [contexts.restore, memory.folders, partial(memory.forget, folder)]
    acts += [partial(contexts.create, ADDRESS), partial(contexts.remove, ADDRESS)]
    acts += [partial(memory.remember, folder, Memory("work"))]
    for act in acts:
        with pytest.raises(ContextError, match=r"cannot be read|was not changed") as caught:
            act()
        assert caught.value.hint.startswith("It records which Docker context to restore")
    assert contexts.previous == ""
    assert files == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_undone_without_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than half of it: the folders that are not named in it would stay."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "one"))
    one, two = (Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(tmp_path / name)}) for name in ("one", "two"))
    for contexts in (one, two):
        contexts.use(ADDRESS)
    kept = (tmp_path / "m").read_text()
    (tmp_path / "m").write_text("{")
    (failure,) = remove_everywhere(tmp_path / "m", ADDRESS)
    assert "is not valid JSON" in failure.message
    (tmp_path / "m").write_text(kept)
    assert remove_everywhere(tmp_path / "m", ADDRESS) == []
    assert not any(contexts.store.read("slipway") for contexts in (one, two))


# -- what docker decides ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "current", "wanted"),
    [
        ({}, "", ("default", "unix:///var/run/docker.sock", "")),
        ({}, "slipway", ("slipway", ADDRESS, "")),
        ({"DOCKER_CONTEXT": "slipway"}, "", ("slipway", ADDRESS, "DOCKER_CONTEXT")),
        ({"DOCKER_CONTEXT": "gone"}, "slipway", ("gone", "", "DOCKER_CONTEXT")),
        ({"DOCKER_HOST": "tcp://x"}, "slipway", ("default", "tcp://x", "DOCKER_HOST")),
        ({"DOCKER_HOST": "tcp://x", "DOCKER_CONTEXT": "gone"}, "", ("default", "tcp://x", "DOCKER_HOST")),
    ],
)
def test_the_engine_is_docker_s_own_choice(
    tmp_path: Path, folder: Path, variables: dict[str, str], current: str, wanted: tuple[str, str, str]
) -> None:
    contexts = Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(folder), **variables})
    contexts.create(ADDRESS)
    if current:
        contexts.store.set_current(current)
    assert contexts.decide() == wanted
    docker = system.find_program("docker")
    assert docker
    environment = {"DOCKER_CONFIG": str(folder), "PATH": os.environ["PATH"], **variables}
    said = subprocess.run([docker, "context", "show"], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == wanted[0]


NAMES = ("plain", "a%b", "a%41", "100%", "a b#c?d", "x#y%zz", "a:b@[c]", "tab\tname", "é🐳", "raw\udcff")


@pytest.mark.parametrize("name", NAMES)
async def test_docker_reaches_the_engine_wherever_it_is(name: str) -> None:
    """The real docker command, by the context we make, for a home folder of any name."""
    docker = system.find_program("docker")
    assert docker

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (line := await reader.readuntil(b"\r\n\r\n")).startswith((b"GET", b"HEAD")):
            body = b"" if line.startswith(b"HEAD") else b'{"Version": "reached"}'
            head = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % len(body) + body)

    with roomy_folder() as folder:
        paths = Paths(folder / name, folder)
        paths.prepare()
        contexts = Contexts(paths.contexts, {"DOCKER_CONFIG": str(folder / "docker")})
        if paths.docker_link is not None:
            make_link(paths.docker_link, paths.docker_socket)
        contexts.create(paths.docker_host)
        async with serving(paths.docker_socket, serve):
            assert await answers(paths.docker_host)
            environment = {"DOCKER_CONFIG": str(folder / "docker"), "PATH": os.environ["PATH"]}
            argv = (docker, "--context", "slipway", "version", "--format", "{{.Server.Version}}")
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*argv, env=environment, stdout=pipe, stderr=pipe)
            assert await process.communicate() == (b"reached\n", b"")
        remove_link(paths.docker_link)
        assert paths.docker_link is None or not paths.docker_link.parent.exists()


def test_a_link_is_made_in_the_user_s_own_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_address, "LINKS", tmp_path)
    socket = tmp_path / "a%b" / "docker.sock"
    link = docker_address.link_to(socket)
    assert link is not None
    make_link(link, socket)
    make_link(link, socket)
    assert link.readlink() == socket
    link.unlink()
    link.symlink_to("/elsewhere")
    make_link(link, socket)
    assert link.readlink() == socket
    link.parent.chmod(0o777)
    with pytest.raises(OSError, match="not a folder of yours"):
        make_link(link, socket)
    link.unlink()
    link.parent.rmdir()
    link.parent.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="exists"):
        make_link(link, socket)


@pytest.mark.parametrize(
    "address",
    ["unix:///a%b", "unix:///a\tb", "unix:///\udcff", "tcp://127.0.0.1:x", "127.0.0.1:1", "unix:///a\0b"],
)
async def test_what_docker_cannot_read_does_not_work(address: str) -> None:
    assert not await answers(address)


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
