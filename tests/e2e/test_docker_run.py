"""``docker run`` and what one does to a running container."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from pathlib import Path

import pexpect
import pytest

from tests.e2e.cli import TIMEOUT, Program, finish

pytestmark = pytest.mark.machine


def test_output_and_streams(docker: Program, busybox: str) -> None:
    result = docker.run("run", "--rm", busybox, "sh", "-c", "echo to out; echo to err >&2; exit 7")
    assert (result.code, result.out, result.err) == (7, "to out\n", "to err\n")


def test_environment_user_and_folder(docker: Program, busybox: str) -> None:
    options = ["-e", "COLOUR=blue", "-u", "postgres", "-w", "/var/opt", "--hostname", "ship"]
    out = docker("run", "--rm", *options, busybox, "sh", "-c", 'echo "$COLOUR"; id -un; pwd; hostname')
    assert out.splitlines() == ["blue", "postgres", "/var/opt", "ship"]


def test_a_program_that_is_not_there(docker: Program, busybox: str) -> None:
    result = docker.fails("run", "--rm", busybox, "no-such-program")
    assert result.code == 127
    assert "no-such-program" in result.err


def test_stdin_from_a_file_ends(docker: Program, busybox: str, tmp_path: Path) -> None:
    """The end of the input arrives, and output made after it still comes back: true half-close."""
    data = tmp_path / "input"
    data.write_bytes(bytes(range(256)) * 16 * 1024)  # 4 MiB
    script = "sha256sum; echo after; sleep 1; echo later"
    with data.open("rb") as file:
        result = docker.run("run", "-i", "--rm", busybox, "sh", "-c", script, stdin=file)
    assert result.code == 0, f"\n{result}"
    assert result.out == f"{hashlib.sha256(data.read_bytes()).hexdigest()}  -\nafter\nlater\n"


def test_bytes_come_back_as_they_went(docker: Program, busybox: str, tmp_path: Path) -> None:
    """8 MiB through ``cat``: both directions at once, with back-pressure, nothing lost or translated."""
    data = tmp_path / "data"
    data.write_bytes(hashlib.shake_256(b"slipway").digest(8 * 1024 * 1024))
    with data.open("rb") as source, (tmp_path / "back").open("wb") as target:
        subprocess.run(
            [*docker.argv, "run", "-i", "--rm", busybox, "cat"],
            env=docker.full_environment,
            stdin=source,
            stdout=target,
            timeout=TIMEOUT,
            check=True,
        )
    assert (tmp_path / "back").read_bytes() == data.read_bytes()


def test_a_terminal(docker: Program, busybox: str, name: str) -> None:
    """``run -it``: a shell with a prompt, the terminal's size and its changes, Ctrl-C, the exit code."""
    shell = docker.terminal("run", "-it", "--name", name, busybox, "sh", rows=33, columns=101)
    shell.expect_exact("/ # ")
    shell.sendline("tty; stty size")
    shell.expect_exact("/dev/pts/0")
    shell.expect_exact("33 101")
    shell.sendline("until [ \"$(stty size)\" = '44 88' ]; do sleep 0.2; done; echo re''sized")
    seen = 0
    while seen == 0:  # docker only begins to look for changes of size when the shell may have spoken already
        shell.setwinsize(43, 88)
        shell.setwinsize(44, 88)
        seen = shell.expect_exact([pexpect.TIMEOUT, "resized"], timeout=3)
    shell.sendline("sleep 1000; echo code-$?")
    shell.expect_exact("echo code-$?")
    docker("exec", name, "sh", "-c", "until pidof sleep; do :; done")
    shell.sendcontrol("c")
    shell.expect_exact("/ # ")
    shell.sendline("exit 9")
    assert finish(shell) == 9


def test_detach_and_attach_again(docker: Program, busybox: str, name: str) -> None:
    """Ctrl-P Ctrl-Q leaves the container running; ``attach`` comes back to the same shell."""
    shell = docker.terminal("run", "-it", "--name", name, busybox, "sh")
    shell.expect_exact("/ # ")
    shell.sendline("kept=here; echo re''ady")
    shell.expect_exact("ready")
    shell.send("\x10\x11")
    assert finish(shell) == 0
    assert docker("inspect", "-f", "{{.State.Running}}", name) == "true"
    again = docker.terminal("attach", name)
    again.sendline("echo still-$kept")
    again.expect_exact("still-here")
    again.sendline("exit 0")
    assert finish(again) == 0
    assert docker("inspect", "-f", "{{.State.Status}}", name) == "exited"


def test_exec(docker: Program, busybox: str, name: str) -> None:
    docker("run", "-d", "--name", name, busybox, "sleep", "1000")
    assert docker("exec", "-e", "A=1", "-w", "/tmp", name, "sh", "-c", "pwd; echo $A") == "/tmp\n1"
    assert docker.run("exec", name, "sh", "-c", "exit 42").code == 42
    assert docker("exec", "-i", name, "sh", "-c", "cat; echo end", stdin="fed\n") == "fed\nend"
    terminal = docker.terminal("exec", "-it", name, "sh", "-c", "tty && stty size", rows=21, columns=77)
    terminal.expect_exact("/dev/pts/")
    terminal.expect_exact("21 77")
    assert finish(terminal) == 0
    docker("exec", "-d", name, "sh", "-c", "echo made > /tmp/by-exec")
    assert docker("exec", name, "sh", "-c", "until [ -s /tmp/by-exec ]; do :; done; cat /tmp/by-exec") == "made"


def test_logs_followed(docker: Program, busybox: str, name: str) -> None:
    """``logs -f`` gives what was there, then each line as it comes, and ends with the container."""
    script = "echo one; while [ ! -e /go ]; do sleep 0.1; done; echo two; echo three >&2"
    docker("run", "-d", "--name", name, busybox, "sh", "-c", script)
    with docker.start("logs", "-f", name) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "one\n"
        docker("exec", name, "touch", "/go")
        assert sorted(follower.stdout.read().splitlines()) == ["three", "two"]
        assert follower.wait(TIMEOUT) == 0
    result = docker.run("logs", "--tail", "2", name)
    assert (result.out, result.err) == ("two\n", "three\n")
    stamped = docker("logs", "--timestamps", "--since", "2020-01-01T00:00:00", name).splitlines()[0]
    assert stamped.endswith("Z one")


def test_copy_both_ways(docker: Program, busybox: str, name: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "data").write_bytes(hashlib.shake_256(b"copy").digest(3 * 1024 * 1024))
    (source / "script").write_text("#!/bin/sh\necho ran\n")
    (source / "script").chmod(0o755)
    (source / "link").symlink_to("inner/data")
    docker("run", "-d", "--name", name, busybox, "sleep", "1000")
    docker("cp", source, f"{name}:/tmp/copied")
    assert docker("exec", name, "/tmp/copied/script") == "ran"
    assert docker("exec", name, "readlink", "/tmp/copied/link") == "inner/data"
    docker("exec", name, "sh", "-c", "echo more > /tmp/copied/inner/more")
    docker("cp", f"{name}:/tmp/copied/.", tmp_path / "back")
    assert (tmp_path / "back/inner/data").read_bytes() == (source / "inner/data").read_bytes()
    assert (tmp_path / "back/inner/more").read_text() == "more\n"
    assert (tmp_path / "back/script").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "back/link").readlink() == Path("inner/data")
    # as a tar, through the standard streams
    assert b"passwd" in docker("cp", f"{name}:/etc/passwd", "-").encode()


def test_stop_is_a_signal_first(docker: Program, busybox: str, name: str) -> None:
    script = "trap 'echo going; exit 3' TERM; echo up; while :; do sleep 0.1; done"
    docker("run", "-d", "--name", name, busybox, "sh", "-c", script)
    with docker.start("logs", "-f", name) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "up\n"  # the trap is set
        docker("stop", "--time", "60", name)
        assert follower.stdout.read() == "going\n"
    state = json.loads(docker("inspect", "-f", "{{json .State}}", name))
    assert (state["Status"], state["ExitCode"]) == ("exited", 3)
    assert docker("start", name) == name
    docker("kill", "--signal", "KILL", name)
    assert docker("wait", name) == "137"
    assert docker("rm", name) == name
    assert "No such container" in docker.fails("inspect", "--type", "container", name).err


def test_wait_returns_when_the_container_ends(docker: Program, busybox: str, name: str) -> None:
    docker("run", "-d", "--name", name, busybox, "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; exit 5")
    codes: list[str] = []
    waiter = threading.Thread(target=lambda: codes.append(docker("wait", name)))
    waiter.start()
    docker("exec", name, "touch", "/go")
    waiter.join(TIMEOUT)
    assert codes == ["5"]


def test_listing(docker: Program, busybox: str, name: str) -> None:
    docker("run", "-d", "--name", name, "--label", f"of={name}", busybox, "sleep", "1000")
    mine = ["--filter", f"label=of={name}"]
    assert docker("ps", *mine, "--format", "{{.Names}} {{.Image}} {{.State}}") == f"{name} {busybox} running"
    docker("pause", name)
    assert "(Paused)" in docker("ps", *mine, "--format", "{{.Status}}")
    docker("unpause", name)
    docker("kill", name)
    docker("wait", name)
    assert docker("ps", *mine, "-q") == ""
    assert docker("ps", "-a", *mine, "--format", "{{.State}}") == "exited"
    listed = json.loads(docker("ps", "-a", *mine, "--no-trunc", "--format", "json"))
    assert listed["ID"] == docker("inspect", "-f", "{{.Id}}", name)


def test_volumes_and_networks(docker: Program, busybox: str, name: str) -> None:
    """Two containers share a volume and find each other by name."""
    docker("volume", "create", "--label", "slipway.test", name)
    docker("network", "create", name)
    try:
        docker("run", "--rm", "-v", f"{name}:/data", busybox, "sh", "-c", "echo kept > /data/file")
        serve = "mkdir /www && cp /data/file /www/ && httpd -f -p 80 -h /www"
        options = ["--network", name, "-v", f"{name}:/data:ro"]
        docker("run", "-d", "--name", name, *options, "--network-alias", "web", busybox, "sh", "-c", serve)
        ask = "until wget -q -O - http://web/file; do sleep 0.2; done"
        assert docker("run", "--rm", "--network", name, busybox, "sh", "-c", ask) == "kept"
    finally:
        docker.run("rm", "-f", name)
        assert docker("network", "rm", name) == name
        assert docker("volume", "rm", name) == name


def test_a_swarm_of_one(docker: Program, busybox: str, name: str) -> None:
    """``swarm init`` has to find the machine's one address by itself."""
    assert "is now a manager" in docker("swarm", "init")
    try:
        docker("service", "create", "--quiet", "--name", name, "--stop-grace-period", "1s", busybox, "sleep", "1h")
        assert docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}") == f"{name} 1/1"
        docker("service", "rm", name)
    finally:
        docker("swarm", "leave", "--force")
