"""Containers never see the machine's files where this computer's are meant, whatever way they are asked for."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine

pytestmark = pytest.mark.machine

SECONDS = 30.0
TRIES = 6
"""Of each race."""

READ_SECONDS = 10
"""For which a container reads through a link that changes."""

OUTSIDE = ("/usr/share", "/etc", "/tmp")
"""What this computer and the machine both have; none is shared."""


@pytest.fixture
def folder(shared_folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of the test's own in a shared one."""
    made = shared_folder / f"truth-{uuid.uuid4().hex[:8]}"
    (made / "real").mkdir(parents=True)
    (made / "real" / "mine").write_text("this computer's")
    yield made
    shutil.rmtree(made)


# -- links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-v={}:/x", "--mount=type=bind,src={},dst=/x"])
def test_links_out_of_the_shared_folders(docker: Program, busybox: str, folder: Path, option: str) -> None:
    for number, target in enumerate((*OUTSIDE, "/etc/passwd", "/no/such", "../../../../etc")):
        link = folder / f"l{number}"
        link.symlink_to(target)
        chain = folder / f"c{number}"
        chain.symlink_to(link.name)
        for path in (link, link / "below", chain, folder / "real" / ".." / link.name):
            told = docker.run("create", option.format(path), busybox, "true")
            assert told.code != 0, told
            assert f"leads to “{'/etc' if target.startswith('..') else target}" in told.err
            assert "which is not shared, so no container can mount it" in told.err
    (folder / "round").symlink_to("round")
    assert "lead in a circle" in docker.fails("create", option.format(folder / "round"), busybox, "true").err


@pytest.mark.parametrize("target", ["real", "{folder}/real", "../{folder.name}/real"])
def test_links_inside_of_them(docker: Program, busybox: str, folder: Path, target: str, name: str) -> None:
    link = folder / "link"
    link.symlink_to(target.format(folder=folder))
    docker("create", "--name", name, "-v", f"{link}:/x", busybox, "cat", "/x/mine")
    assert docker("start", "-a", name) == "this computer's"
    assert json.loads(docker("inspect", name))[0]["HostConfig"]["Binds"] == [f"{link}:/x"]
    (folder / "other").mkdir()
    (folder / "other" / "mine").write_text("another one")
    link.unlink()
    link.symlink_to("other")
    assert docker("start", "-a", name) == "another one"
    link.unlink()
    link.symlink_to("/etc")
    assert "leads to “/etc”, which is not shared" in docker.fails("start", "-a", name).err


def test_links_from_elsewhere_into_them(docker: Program, busybox: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-outside-") as outside:
        link = Path(outside) / "link"
        link.symlink_to(folder / "real")
        assert docker("run", "--rm", "-v", f"{link}:/x", busybox, "cat", "/x/mine") == "this computer's"
        back = folder / "back"
        back.symlink_to(link)
        assert docker("run", "--rm", "-v", f"{back}:/x", busybox, "cat", "/x/mine") == "this computer's"


# -- other ways to mount ------------------------------------------------------------------------------------------


def volume_options(path: str | Path, o: str = "bind") -> list[str]:
    return ["--opt=type=none", f"--opt=o={o}", f"--opt=device={path}"]


def test_volumes_that_name_a_folder(docker: Program, busybox: str, folder: Path, name: str) -> None:
    for path in (*OUTSIDE, "etc", "/"):
        if path != "/":
            told = docker.fails("volume", "create", *volume_options(path), name)
            assert f"“/{path.lstrip('/')}” is not shared" in told.err
    (folder / "l").symlink_to("/etc")
    assert "leads to “/etc”" in docker.fails("volume", "create", *volume_options(folder / "l"), name).err
    docker("volume", "create", *volume_options(folder / "real", "rbind,ro"), name)
    assert docker("run", "--rm", "-v", f"{name}:/x", busybox, "cat", "/x/mine") == "this computer's"
    docker("volume", "rm", name)


def test_volumes_that_a_container_brings_along(docker: Program, busybox: str, folder: Path, name: str) -> None:
    mount = f'type=volume,src={name},dst=/x,volume-opt=type=none,volume-opt=o=bind,"volume-opt=device={{}}"'
    assert (
        "“/etc” is not shared" in docker.fails("run", "--rm", "--mount", mount.format("/etc"), busybox, "true").err
    )
    run = ("run", "--rm", "--mount", mount.format(folder / "real"), busybox, "cat", "/x/mine")
    assert docker(*run) == "this computer's"
    docker("volume", "rm", name)


def replace_by_link(folder: Path, target: str) -> None:
    folder.rename(folder.with_name("before"))
    folder.symlink_to(target)


def test_volumes_whose_folder_has_become_a_link(docker: Program, busybox: str, folder: Path, name: str) -> None:
    docker("volume", "create", *volume_options(folder / "real"), name)
    replace_by_link(folder / "real", "/etc")
    assert "leads to “/etc”" in docker.fails("create", "-v", f"{name}:/x", busybox, "true").err
    docker("volume", "rm", name)


def test_mounts_of_another_container(docker: Program, busybox: str, folder: Path, name: str) -> None:
    docker("create", "--name", name, "-v", f"{folder}/real:/x", busybox, "true")
    run = ("run", "--rm", "--volumes-from", name, busybox)
    assert docker(*run, "cat", "/x/mine") == "this computer's"
    replace_by_link(folder / "real", "/etc")
    assert "leads to “/etc”, which is not shared" in docker.fails(*run, "cat", "/x/passwd").err


def test_copies_of_files(docker: Program, busybox: str, folder: Path, name: str, tmp_path: Path) -> None:
    """dockerd mounts for them what the container mounts, and runc looks at none of it."""
    (tmp_path / "new").write_bytes(b"new" * 1_000_000)
    docker("create", "--name", name, "-v", f"{folder}/real:/x", busybox, "true")
    docker("cp", f"{name}:/x/mine", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "this computer's"
    docker("cp", tmp_path / "new", f"{name}:/x/new")
    assert (folder / "real" / "new").read_bytes() == (tmp_path / "new").read_bytes()
    replace_by_link(folder / "real", "/etc")
    refused = "leads to “/etc”, which is not shared"
    assert refused in docker.fails("cp", f"{name}:/x/passwd", tmp_path / "passwd").err
    assert not (tmp_path / "passwd").exists()
    assert refused in docker.fails("cp", tmp_path / "new", f"{name}:/x/new").err
    assert "No such container" in docker.fails("cp", "no-such:/x", tmp_path / "copy").err


def test_plugins(docker: Program, folder: Path, name: str, tmp_path: Path) -> None:
    mount = {"name": "data", "source": "/etc", "destination": "/x", "type": "bind", "options": ["rbind"]}
    config = {
        "entrypoint": ["/no-such"],
        "interface": {"types": ["docker.volumedriver/1.0"], "socket": "x.sock"},
        "mounts": [mount | {"settable": ["source"]}],
    }
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps(config))
    docker("plugin", "create", name, tmp_path)
    try:
        assert "“/etc” is not shared" in docker.fails("plugin", "enable", name).err
        assert "“/usr/share” is not shared" in docker.fails("plugin", "set", name, "data=/usr/share").err
        assert "“/usr/share” is not shared" in docker.fails("plugin", "set", name, "data.source=/usr/share").err
        docker("plugin", "set", name, f"data={folder}/real/../real")
        (found,) = json.loads(docker("plugin", "inspect", name))
        assert found["Settings"]["Mounts"][0]["Source"] == f"{folder}/real"
        assert "is not shared" not in docker.fails("plugin", "enable", name).err  # it has no program
        replace_by_link(folder / "real", "/etc")
        assert "leads to “/etc”, which is not shared" in docker.fails("plugin", "enable", name).err
    finally:
        docker("plugin", "rm", "--force", name)


def test_volumes_of_compose(docker: Program, busybox: str, folder: Path, tmp_path: Path) -> None:
    text = """
services:
  one:
    image: {image}
    command: cat /x/mine
    volumes: [data:/x]
volumes:
  data:
    driver: local
    driver_opts: {{type: none, o: bind, device: "{device}"}}
"""
    project = ("compose", "-p", f"truth{uuid.uuid4().hex[:8]}", "-f", tmp_path / "compose.yaml")
    for device, wanted in (("/etc", "“/etc” is not shared"), (str(folder / "real"), "this computer's")):
        (tmp_path / "compose.yaml").write_text(text.format(image=busybox, device=device))
        told = docker.run(*project, "up", "--no-color", "--pull=never")
        assert wanted in told.out + told.err
        docker(*project, "down", "-v")


def test_services(docker: Program, busybox: str, folder: Path, name: str) -> None:
    docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        for path in OUTSIDE:
            mount = f"--mount=type=bind,src={path},dst=/x"
            told = docker.fails("service", "create", "--detach", "--name", name, mount, busybox, "true")
            assert f"“{path}” is not shared" in told.err
        mount = f"--mount=type=bind,src={folder},dst=/x"
        once = ("--restart-condition=none", "--no-resolve-image", "--detach")
        docker("service", "create", *once, "--name", name, mount, busybox, "cp", "/x/real/mine", "/x/copy")
        eventually((folder / "copy").exists)
        eventually(lambda: (folder / "copy").read_text() == "this computer's")
        add = "type=bind,src=/etc,dst=/y"
        told = docker.fails("service", "update", "--detach", "--no-resolve-image", "--mount-add", add, name)
        assert "“/etc” is not shared" in told.err
    finally:
        docker("swarm", "leave", "--force")


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS * 2
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- other ways to ask --------------------------------------------------------------------------------------------


class Connection:
    """A client that writes its requests itself."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """The status and the body of the next answer; 0 when there is none, or something else."""
        line = self.file.readline()
        if not line.startswith(b"HTTP/1."):
            return 0, line
        status, size, chunked = int(line.split()[1]), 0, False
        while (header := self.file.readline().strip().lower()) != b"":
            if header.startswith(b"content-length:"):
                size = int(header.split(b":")[1])
            chunked = chunked or header == b"transfer-encoding: chunked"
        if status < 200:
            return self.answer()
        if not chunked:
            return status, self.file.read(size)
        body = b""
        while length := int(self.file.readline().split(b";")[0], 16):
            body += self.file.read(length)
            self.file.readline()
        self.file.readline()
        return status, body


def framed(first: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = [first, b"Host: d", b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def in_chunks(first: bytes, body: bytes) -> bytes:
    head = b"\r\n".join(
        [first, b"Host: d", b"Content-Type: application/json", b"Transfer-Encoding: chunked", b"", b""]
    )
    return head + b"".join(b"1\r\n%c\r\n" % one for one in body) + b"0\r\n\r\n"


CREATE = b"POST /containers/create HTTP/1.1"


def ways_to_ask(body: bytes) -> dict[str, bytes]:
    padded = body[:-1] + b', "Labels": {"x": "' + b"y" * 5_000_000 + b'"}}'
    return {
        "plain": framed(CREATE, body),
        "HTTP/1.0": framed(b"POST /containers/create HTTP/1.0", body),
        "a version": framed(b"POST /v1.44/containers/create?name= HTTP/1.1", body),
        "absolute": framed(b"POST http://docker/containers/create HTTP/1.1", body),
        "encoded": framed(b"POST /containers/%63reate HTTP/1.1", body),
        "encoded slash": framed(b"POST /containers%2Fcreate HTTP/1.1", body),
        "chunks": in_chunks(CREATE, body),
        "expect": framed(CREATE, body, b"Expect: 100-continue"),
        "upgrade": framed(CREATE, body, b"Connection: Upgrade", b"Upgrade: tcp"),
        "h2c": framed(
            CREATE, body, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAAA"
        ),
        "bare line ends": framed(CREATE, body).replace(b"\r\n", b"\n"),
        "large": framed(CREATE, padded),
        "pipelined": framed(b"GET /_ping HTTP/1.1", b"") + framed(CREATE, body),
        "after an attach": framed(
            b"POST /containers/no-such/attach HTTP/1.1", b"", b"Connection: Upgrade", b"Upgrade: tcp"
        )
        + framed(CREATE, body),
        "after an exec": framed(b"POST /exec/no-such/start HTTP/1.1", b"{}") + framed(CREATE, body),
        "after a long redirect": framed(b"GET //" + b"a" * 70_000 + b" HTTP/1.1", b"") + framed(CREATE, body),
        "after a 101": framed(b"GET /_ping HTTP/1.1", b"", b"Connection: Upgrade", b"Upgrade: h2c")
        + framed(CREATE, body),
    }


@pytest.mark.parametrize("way", ways_to_ask(b"{}"))
def test_the_check_sees_what_dockerd_does(docker_socket: Path, docker: Program, busybox: str, way: str) -> None:
    before = docker("ps", "-aq")
    for path in ("/etc", "/usr/share"):
        body = json.dumps({"Image": busybox, "HostConfig": {"Binds": [f"{path}:/x"]}}).encode()
        with Connection(docker_socket) as connection:
            connection.send(ways_to_ask(body)[way])
            answers = [connection.answer()]
            while answers[-1][0] not in (0, 201) and b"is not shared" not in answers[-1][1]:
                answers.append(connection.answer())
        if way == "after an attach":  # dockerd takes the connection and says there that it has no such container
            assert answers[-1][0] == 0
        else:
            assert f"“{path}” is not shared" in json.loads(answers[-1][1])["message"], answers
    assert docker("ps", "-aq") == before


@pytest.mark.parametrize(
    "body",
    [
        '{"image": "IMAGE", "hostconfig": {"binds": ["/etc:/x"]}}',
        '{"Image": "IMAGE", "HO\\u017fTCONFIG": {"BINDS": ["/etc:/x"]}}',
        '{"Image": "IMAGE", "hostConfig": {"Mounts": [{"type": "bind", "source": "/etc", "target": "/x"}]}}',
        '{"Image": "IMAGE", "HostConfig": {"Binds": ["/usr/../etc:/x"]}}',
        '{"Image": "IMAGE", "HostConfig": {"Binds": ["//etc:/x"]}}',
        '{"Image": "IMAGE", "HostConfig": {"Binds": ["\\u002fetc:/x"]}}',
        '{"Image": "IMAGE", "X": "\xff", "HostConfig": {"Binds": ["/etc:/x"]}}',
    ],
)
def test_however_it_is_spelled(docker_socket: Path, busybox: str, body: str) -> None:
    with Connection(docker_socket) as connection:
        connection.send(framed(CREATE, body.replace("IMAGE", busybox).encode("latin-1")))
        status, told = connection.answer()
    assert status == 400
    assert "/etc” is not shared" in json.loads(told)["message"]


def test_of_two_the_engine_gets_the_one_that_was_checked(
    docker_socket: Path, docker: Program, busybox: str, folder: Path
) -> None:
    """Go would have merged them."""
    fine = json.dumps({"Binds": [f"{folder}/real:/x"]})
    body = f'{{"Image": "{busybox}", "HostConfig": {{"Binds": ["/etc:/x"]}}, "HostConfig": {fine}}}'
    with Connection(docker_socket) as connection:
        connection.send(framed(CREATE, body.encode()))
        status, told = connection.answer()
    assert status == 201, told
    identity = json.loads(told)["Id"]
    assert json.loads(docker("inspect", identity))[0]["HostConfig"]["Binds"] == [f"{folder}/real:/x"]
    docker("rm", identity)


# -- races --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def swapping(folder: Path, target: str) -> Iterator[None]:
    """Let the link ``folder/here`` lead to ``target`` and back, as fast as this computer can."""
    (folder / "kept").mkdir()
    (folder / "kept" / "mine").write_text("this computer's")
    (folder / "here").symlink_to("kept")
    ended = threading.Event()

    def swap() -> None:
        for name in itertools.cycle((target, "kept")):
            (folder / "next").symlink_to(name)
            (folder / "next").replace(folder / "here")
            if ended.is_set():
                return

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        ended.set()
        swapper.join()


def test_a_link_that_comes_between_the_check_and_the_mount(docker: Program, busybox: str, folder: Path) -> None:
    """The machine has /usr/lib/slipway, and this computer has not."""
    outcomes: dict[str, int] = {}
    with swapping(folder, "/usr/lib"):
        for _ in range(TRIES):
            for source in (f"-v={folder}/here:/x", f"--mount=type=bind,src={folder}/here,dst=/x"):
                told = docker.run("run", "--rm", source, busybox, "ls", "-a", "/x")
                assert "slipway" not in told.out, told
                assert told.code or "mine" in told.out, told
                seen = "refused" if told.code else "mine"
                outcomes[seen] = outcomes.get(seen, 0) + 1
    assert outcomes.get("refused"), outcomes


def test_the_same_for_volumes(docker: Program, busybox: str, folder: Path, name: str) -> None:
    with swapping(folder, "/usr/lib"):
        for _ in range(TRIES):
            made = docker.run("volume", "create", *volume_options(folder / "here"), name)
            told = docker.run("run", "--rm", "-v", f"{name}:/x", busybox, "ls", "-a", "/x")
            assert "slipway" not in told.out, told
            docker.run("volume", "rm", name)
            assert made.code or told.code or "mine" in told.out, f"{made}\n{told}"


def test_nor_do_servers_follow_links_out_of_the_shared_folders(
    docker: Program, busybox: str, machine: RunningMachine, carried_folder: Path
) -> None:
    """A container that reads through the link never gets a file of this computer's from elsewhere."""
    folder = carried_folder / f"server-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="slipway-secret-") as outside:
        (Path(outside) / "mine").write_text("SECRET")
        with swapping(folder, outside):
            end = f"end=$(( $(date +%s) + {READ_SECONDS} ))"
            script = f"{end}; while [ $(date +%s) -lt $end ]; do cat /f/here/mine; echo; done 2>&1 | sort -u"
            told = docker.run("run", "--rm", "-v", f"{folder}:/f", busybox, "sh", "-c", script)
    shutil.rmtree(folder)
    assert told.code == 0
    assert "this computer's" in told.out
    assert "SECRET" not in told.out


def test_restarts_without_a_request_are_looked_at_too(
    docker: Program, busybox: str, folder: Path, name: str, machine: RunningMachine
) -> None:
    """dockerd starts a container again by itself, after its folder has become a link."""
    (folder / "here").mkdir()
    script = "ls -a /x >/f/seen; until [ -e /f/go ]; do usleep 100000; done; exit 1"
    options = ("-v", f"{folder}/here:/x", "-v", f"{folder}:/f", "--restart=on-failure:3")
    docker("run", "-d", "--name", name, *options, busybox, "sh", "-c", script)
    eventually((folder / "seen").exists)
    (folder / "seen").unlink()
    (folder / "here").rmdir()
    (folder / "here").symlink_to("/usr/lib")
    (folder / "go").touch()
    eventually(lambda: json.loads(docker("inspect", name))[0]["State"]["Status"] == "exited")
    assert not (folder / "seen").exists()
    assert "no longer in the shared folder" in json.loads(docker("inspect", name))[0]["State"]["Error"]
