"""The installed package in use: Slipway starts, docker.exe reaches it by its pipe, what is killed comes back."""

from __future__ import annotations

import json
import time

import pytest

from tests.localhost import free_port
from tests.wine.windows import DOCKER, IMAGE, PYTHON, START_SECONDS, Windows, fetched


@pytest.mark.quick
def test_the_client_is_windows_and_the_engine_linux(windows: Windows) -> None:
    told = json.loads(windows.docker("version", "--format", "json"))
    assert (told["Client"]["Os"], told["Client"]["Arch"]) == ("windows", "amd64")
    assert (told["Server"]["Os"], told["Server"]["Arch"]) == ("linux", "amd64")


@pytest.mark.quick
def test_dockers_context(windows: Windows) -> None:
    """It is the current one, since docker's own pipe does not answer."""
    lines = [json.loads(line) for line in windows.docker("context", "ls", "--format", "json").splitlines()]
    found = {line["Name"]: line for line in lines}
    assert found["slipway"]["DockerEndpoint"] == "npipe:////./pipe/docker_slipway"
    assert found["slipway"]["Current"] is True


@pytest.mark.quick
def test_what_a_container_is_told_and_says(windows: Windows) -> None:
    """Its input ends, and it goes on: one direction of a pipe ends by itself."""
    script = "cat; sleep 1; echo after"
    assert windows.docker("run", "--rm", "-i", IMAGE, "sh", "-c", script, given=b"hi\n") == "hi\nafter\n"


def test_much_through_a_pipe(windows: Windows) -> None:
    data = bytes(range(256)) * 8192
    told = windows.docker("run", "--rm", "-i", IMAGE, "sh", "-c", "cat | md5sum; cat /dev/null", given=data)
    counted = windows.docker("run", "--rm", "-i", IMAGE, "wc", "-c", given=data)
    assert int(counted) == len(data)
    assert len(told.split()[0]) == 32


def test_an_exit_code(windows: Windows) -> None:
    assert windows.wine.run([DOCKER, "run", "--rm", IMAGE, "sh", "-c", "exit 42"]).code == 42


@pytest.mark.quick
def test_a_published_port(windows: Windows) -> None:
    port = free_port()
    serve = "mkdir /w; echo here >/w/index.html; httpd -f -p 80 -h /w"
    windows.docker("run", "-d", "--name", "web", "-p", f"{port}:80", IMAGE, "sh", "-c", serve)
    try:
        assert fetched(port) == "here\n"
        assert f"0.0.0.0:{port}/tcp" in windows.slipway("ports").output
    finally:
        windows.docker("rm", "-f", "web")


def test_a_build(windows: Windows) -> None:
    folder = windows.wine.drive_c / "project"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY word /word\n", encoding="utf-8")
    (folder / "word").write_text("built", encoding="utf-8")
    environment = {"DOCKER_BUILDKIT": "0"}  # the package without buildx
    done = windows.wine.run([DOCKER, "build", "-q", "-t", "built", r"C:\project"], environment, seconds=180)
    assert done.code == 0, done
    assert windows.docker("run", "--rm", "built", "cat", "/word") == "built"


@pytest.mark.quick
def test_who_ends_the_supervisor_ends_nothing_else(windows: Windows) -> None:
    windows.docker("run", "-d", "--name", "stays", IMAGE, "sleep", "100000")
    before = windows.status()
    windows.end(before["supervisor_pid"])
    windows.slipway("start")
    after = windows.status()
    assert after["supervisor_pid"] != before["supervisor_pid"]
    assert after["machine"]["pid"] == before["machine"]["pid"]
    assert windows.docker("exec", "stays", "echo", "here") == "here\n"
    windows.docker("rm", "-f", "stays")


def test_only_the_user_may_read_the_keys(windows: Windows) -> None:
    script = (
        "from vm.host import host; paths = host().paths()\n"
        "places = (paths.home, paths.run, paths.keys, paths.keys / 'client', paths.keys / 'host')\n"
        "print([host().is_private(place) for place in places])\n"
    )
    done = windows.wine.run([PYTHON, "-c", script])
    assert (done.code, done.output.strip()) == (0, str([True] * 5)), done


def test_another_program_has_the_name_of_the_pipe(windows: Windows) -> None:
    """It is told so, and the one who has it keeps it."""
    script = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from engine.endpoint.listener import local_listener\n"
        "from vm.host import host\n"
        "try:\n"
        "    asyncio.run(local_listener(host().paths().docker_socket).start(asyncio.Protocol))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = windows.wine.run([PYTHON, "-c", script])
    assert done.output.startswith("EngineError Another program already listens at"), done


def test_stop_and_start_again(windows: Windows) -> None:
    windows.docker("volume", "create", "kept")
    windows.slipway("stop")
    refused = windows.wine.run([DOCKER, "ps"])
    assert refused.code != 0
    windows.slipway("start")
    assert "kept" in windows.docker("volume", "ls", "-q").split()


def test_qemu_is_killed(windows: Windows) -> None:
    """The machine comes back by itself."""
    before = windows.status()["machine"]["pid"]
    windows.end(before)
    end = time.monotonic() + START_SECONDS
    while (told := windows.status())["state"] != "running" or told["machine"]["pid"] == before:
        assert time.monotonic() < end, told
        time.sleep(1)
    assert windows.docker("run", "--rm", IMAGE, "echo", "again") == "again\n"
