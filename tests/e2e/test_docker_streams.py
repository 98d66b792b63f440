"""Connections that stay open for long while nothing happens on them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e.cli import TIMEOUT, Program

pytestmark = pytest.mark.machine

QUIET_SECONDS = 20.0
LONG_SECONDS = 90.0


def next_event(stream: subprocess.Popen[str], action: str, name: str) -> dict[str, object]:
    """Read events until that one."""
    assert stream.stdout is not None
    for line in stream.stdout:
        event = json.loads(line)
        if event["Action"] == action and event["Actor"]["Attributes"].get("name") == name:
            return dict(event)
    raise AssertionError(f"the stream of events ended, exit code {stream.wait()}")


@pytest.mark.parametrize(
    "seconds",
    [QUIET_SECONDS, pytest.param(LONG_SECONDS, marks=pytest.mark.slow("a minute and a half of silence"))],
)
def test_quiet_for_long(docker: Program, busybox: str, name: str, seconds: float) -> None:
    """``events``, ``logs -f`` and an attached shell say nothing for long, and then all still work."""
    docker("run", "-dit", "--name", name, busybox, "sh")
    events = docker.start("events", "--format", "json", "--filter", f"container={name}")
    logs = docker.start("logs", "-f", name)
    shell = docker.terminal("attach", name)
    try:
        shell.sendline("echo fi''rst")
        shell.expect_exact("first")
        docker("pause", name)
        docker("unpause", name)
        next_event(events, "unpause", name)
        time.sleep(seconds)  # the silence is what is tested
        assert (events.poll(), logs.poll(), shell.isalive()) == (None, None, True)
        shell.sendline("echo se''cond; exit 0")
        shell.expect_exact("second")
        assert next_event(events, "die", name)["Type"] == "container"
        out, _ = logs.communicate(timeout=TIMEOUT)
        assert "second" in out
    finally:
        shell.close(force=True)
        for process in (events, logs):
            process.kill()
            process.communicate()


def test_events_since_then_end(docker: Program, busybox: str, name: str) -> None:
    docker("run", "--name", name, busybox, "true")
    window = ["--since", "10m", "--until", str(int(time.time()) + 2)]
    lines = docker("events", *window, "--filter", f"container={name}", "--format", "{{.Action}}").splitlines()
    assert [line for line in lines if line in {"create", "start", "die"}] == ["create", "start", "die"]


def test_stats_stream(docker: Program, busybox: str, name: str) -> None:
    docker("run", "-d", "--name", name, busybox, "sleep", "1000")
    stats = json.loads(docker("stats", "--no-stream", "--format", "json", name))
    assert stats["Name"] == name
    assert stats["PIDs"] == "1"
    assert docker("top", name).splitlines()[1].endswith("sleep 1000")


LINES, LINE = 40_000, "x" * 200
"""More than all buffers on the way hold, and what an emulated dockerd has read within ten seconds."""

CLOSED_SECONDS = 15.0
"""dockerd closes the log of a container ten seconds after it has exited (moby, loggerCloseTimeout)."""


def test_a_client_that_reads_slowly_gets_the_whole_log(docker: Program, busybox: str, name: str) -> None:
    """The engine's socket is emptied as fast as on one computer, though the client has not read for a while."""
    script = f"until [ -e /go ]; do usleep 50000; done; yes {LINE} | head -n {LINES}"
    docker("create", "--name", name, busybox, "sh", "-c", script)
    docker("start", name)
    with docker.start("logs", "-f", name) as following:
        assert following.stdout is not None
        docker("exec", name, "touch", "/go")
        first = following.stdout.readline()
        docker("wait", name)
        time.sleep(CLOSED_SECONDS)  # what is tested: nothing is read for so long
        lines = [first, *following.stdout]
        assert following.wait(timeout=60) == 0
    assert len(lines) == LINES
    assert set(lines) == {f"{LINE}\n"}


INPUT = 600_000
"""More bytes than dockerd takes for a container that reads none, and no more than the link does."""

OUTPUT_MIB = 8
"""More than dockerd keeps for a client that reads nothing."""


def test_output_goes_on_when_a_client_is_killed_whose_input_was_not_read(
    docker: Program, busybox: str, name: str
) -> None:
    """The input is still on its way when dockerd finds out that nobody reads the output."""
    write = f"head -c {OUTPUT_MIB << 20} /dev/zero | tr '\\0' x; touch /written"
    script = f"until [ -e /go ]; do usleep 50000; done; {write}; sleep 1000"
    run = [*docker.argv, "run", "-i", "--log-driver", "none", "--name", name, busybox, "sh", "-c", script]
    with subprocess.Popen(
        run, env=docker.full_environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as client:
        assert client.stdin is not None
        client.stdin.write(b"x" * INPUT)
        client.stdin.close()
        until(lambda: docker.run("exec", name, "true").code == 0)
        client.kill()
    docker("exec", name, "touch", "/go")
    until(lambda: docker.run("exec", name, "test", "-e", "/written").code == 0)
    docker("rm", "-f", name)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
