"""What ``docker compose`` offers beside up and down, as its users use it; a plain dockerd does the same."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.peers.compose import Project, eventually, project_in
from tests.localhost import free_port

pytestmark = pytest.mark.machine

MIB = 1 << 20
SERVE = "mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 80 -h /www"

slow = pytest.mark.slow("starts many containers; the quick part of each suite runs always")


@pytest.fixture
def project(docker: Program, busybox: str, shared_folder: Path) -> Iterator[Project]:
    """A project of the test's own; nothing is left of it."""
    name = f"peer{uuid.uuid4().hex[:8]}"
    folder = shared_folder / name
    folder.mkdir()
    made = project_in(folder, name, docker, busybox)
    yield made
    made.compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "1")
    label = ("--filter", f"label=com.docker.compose.project={name}")
    assert docker("ps", "-aq", *label) + docker("network", "ls", "-q", *label) == ""
    assert docker("volume", "ls", "-q", *label) == ""
    shutil.rmtree(folder)


def health(test: str, **more: object) -> dict[str, object]:
    return {"test": ["CMD-SHELL", test], "interval": "1s", "timeout": "20s", "retries": 60, **more}


# -- starting -----------------------------------------------------------------------------------------------------


def test_up_waits_until_services_are_healthy(project: Project) -> None:
    good = project.service("sleep 2; touch /ready; sleep 1000", healthcheck=health("test -e /ready"))
    project.write({"good": good})
    project.compose("up", "--wait")
    assert project.inspect("good", "{{.State.Health.Status}}") == "healthy"
    project.write({"good": good, "bad": project.service(healthcheck=health("exit 1", retries=1))})
    told = project.compose.fails("up", "--wait")
    assert f"container {project.container('bad')} is unhealthy" in told.err
    assert project.inspect("bad", "{{.State.Health.Status}}") == "unhealthy"


@slow
def test_up_waits_in_vain_for_one_that_ends(project: Project) -> None:
    project.write({"ends": project.service("exit 3")})
    told = project.compose.fails("up", "--wait")
    assert f"container {project.container('ends')} exited (3)" in told.err


@slow
@pytest.mark.parametrize("code", [0, 3])
def test_services_start_when_those_they_need_have_done_their_work(project: Project, code: int) -> None:
    after = {"condition": "service_completed_successfully"}
    project.write(
        {
            "prepares": project.service(f"sleep 1; echo made > /data/file; exit {code}", volumes=["data:/data"]),
            "serves": project.service(
                "cat /data/file; touch /ready; sleep 1000",
                volumes=["data:/data"],
                depends_on={"prepares": after},
                healthcheck=health("test -e /ready"),
            ),
            "asks": project.service("sleep 1000", depends_on={"serves": {"condition": "service_healthy"}}),
        },
        volumes={"data": {}},
    )
    told = project.compose.run("up", "-d", timeout=240)
    if code:
        assert told.code != 0
        assert f'service "prepares" didn\'t complete successfully: exit {code}' in told.err
        assert project.states() == {"prepares": "exited", "serves": "created", "asks": "created"}
    else:
        assert told.code == 0, told
        assert project.states() == {"prepares": "exited", "serves": "running", "asks": "running"}
        assert "made" in project.compose("logs", "--no-log-prefix", "serves")


@slow
def test_the_exit_code_of_one_service_is_that_of_up(project: Project) -> None:
    project.write({"tests": project.service("echo tested; exit 7"), "other": project.service()})
    told = project.compose.run("up", "--no-color", "--exit-code-from", "tests", timeout=240)
    assert told.code == 7, told
    assert re.search(r"^tests-1 +\| tested$", told.out, re.MULTILINE)
    assert project.states() == {"tests": "exited", "other": "exited"}


@slow
def test_ctrl_c_stops_what_up_has_started(project: Project) -> None:
    project.write({"one": project.service("echo begun; sleep 1000"), "two": project.service()})
    with project.compose.terminal("up", "--no-color", "--timeout", "1") as terminal:
        terminal.expect("begun")
        terminal.sendintr()
        terminal.expect("Stopped")
    eventually(lambda: project.states() == {"one": "exited", "two": "exited"}, "both are stopped")


# -- watching -----------------------------------------------------------------------------------------------------


@contextmanager
def watching(project: Project) -> Iterator[None]:
    """``docker compose watch`` works meanwhile."""
    with project.compose.start("watch") as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if "Watch enabled" in line:
                    break
            else:
                pytest.fail("watch has ended")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@slow
def test_watch_brings_changes_into_the_container(project: Project) -> None:
    """A file is copied, with a restart or without; a build's input makes a new container."""
    folder = project.folder
    for name in ("src", "conf", "base"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("first")
    (folder / "Dockerfile").write_text(f"FROM {project.image}\nCOPY . /app\n")
    actions = {"sync": "src", "sync+restart": "conf", "rebuild": "base"}
    rules = [{"action": action, "path": f"./{name}", "target": f"/app/{name}"} for action, name in actions.items()]
    service = project.service(develop={"watch": rules}, build=".")
    project.write({"web": {name: value for name, value in service.items() if name != "image"} | {"init": True}})

    def shows(path: str, text: str) -> bool:
        return project.compose.run("exec", "-T", "web", "cat", f"/app/{path}").out == text

    project.compose("up", "-d", "--build")
    with watching(project):
        first, started = project.inspect("web", "{{.Id}}"), project.inspect("web", "{{.State.StartedAt}}")
        (folder / "src" / "file").write_text("second")
        eventually(lambda: shows("src/file", "second"), "a changed file is there")
        (folder / "src" / "deep").mkdir()
        (folder / "src" / "deep" / "new").write_text("new")
        eventually(lambda: shows("src/deep/new", "new"), "a new file is there")
        (folder / "src" / "file").unlink()
        eventually(lambda: not shows("src/file", "second"), "a deleted file is gone")
        assert project.inspect("web", "{{.State.StartedAt}}") == started
        (folder / "conf" / "file").write_text("second")
        eventually(lambda: project.inspect("web", "{{.State.StartedAt}}") != started, "it is started again")
        eventually(lambda: shows("conf/file", "second"), "a changed file is there")
        assert project.inspect("web", "{{.Id}}") == first
        (folder / "base" / "file").write_text("second")
        eventually(lambda: shows("base/file", "second"), "it is built again")
        assert project.inspect("web", "{{.Id}}") != first


# -- what services are given --------------------------------------------------------------------------------------


def test_a_relative_folder_is_the_hosts(project: Project) -> None:
    """The folder that is not there yet is made on the host."""
    (project.folder / "given").mkdir()
    (project.folder / "given" / "in").write_text("from the host")
    volumes = ["./given:/given:ro", "./made:/made", "./single:/single"]
    (project.folder / "single").write_text("one file")
    project.write({"one": project.service("cat /given/in > /made/out; cat /single >> /made/out", volumes=volumes)})
    assert project.compose.run("up", "--no-color", timeout=240).code == 0
    assert (project.folder / "made" / "out").read_text() == "from the hostone file"


def test_memory_limits(machine: RunningMachine, project: Project) -> None:
    """In both spellings; the engine reports them, and the container's cgroup has them."""
    limits = {"limits": {"memory": "64M", "cpus": "0.5", "pids": 50}, "reservations": {"memory": "32M"}}
    project.write(
        {
            "old": project.service(mem_limit="64m", memswap_limit="96m", cpus=0.5, pids_limit=50),
            "new": project.service(deploy={"resources": limits}),
        }
    )
    told = project.compose.run("up", "-d", timeout=240)
    assert told.code == 0, told
    assert "WARNING" not in told.err
    template = "{{.Memory}} {{.MemorySwap}} {{.MemoryReservation}} {{.NanoCpus}} {{.PidsLimit}}"
    shown = {
        name: project.inspect(name, "{{with .HostConfig}}" + template + "{{end}}").split()
        for name in ("old", "new")
    }
    assert shown["old"] == [str(64 * MIB), str(96 * MIB), "0", "500000000", "50"]
    assert shown["new"] == [str(64 * MIB), str(128 * MIB), str(32 * MIB), "500000000", "50"]
    read = "cd /sys/fs/cgroup && cat memory.max memory.swap.max memory.low pids.max cpu.max"
    for name, swap, low in (("old", 32 * MIB, 0), ("new", 64 * MIB, 32 * MIB)):
        wanted = [*map(str, (64 * MIB, swap, low)), "50", "50000", "100000"]
        assert project.exec(name, "sh", "-c", read).split() == wanted


@slow
def test_secrets_and_configs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """From files, which are mounted, from the environment, and from the project's file."""
    monkeypatch.setenv("PEER_WORD", "from the environment")
    for name in ("secret", "config"):
        (project.folder / name).write_text(f"{name} of a file")
    project.write(
        {
            "one": project.service(
                "cat /run/secrets/file; echo; cat /run/secrets/word; echo; cat /etc/config; echo; cat /inline;"
                " echo; stat -c %a /run/secrets/word; sleep 1000",
                secrets=["file", {"source": "word", "mode": 0o400}],
                configs=[{"source": "file", "target": "/etc/config"}, "inline"],
            )
        },
        secrets={"file": {"file": "./secret"}, "word": {"environment": "PEER_WORD"}},
        configs={"file": {"file": "./config"}, "inline": {"content": "in the project's file"}},
    )
    project.compose("up", "-d")
    wanted = "secret of a file\nfrom the environment\nconfig of a file\nin the project's file\n400"
    eventually(lambda: project.compose("logs", "--no-log-prefix", "one") == wanted, "all are there")


def test_a_secret_that_is_not_shared(machine: RunningMachine, project: Project, tmp_path: Path) -> None:
    """Compose mounts the file, and the reason it cannot be mounted reaches its user."""
    (tmp_path / "secret").write_text("outside")
    one = project.service("cat /run/secrets/file", secrets=["file"])
    project.write({"one": one}, secrets={"file": {"file": str(tmp_path / "secret")}})
    told = project.compose.fails("up", "--no-color")
    assert f"“{tmp_path / 'secret'}” is not shared" in told.err
    assert "Share its folder: slipway settings set shared_folders" in told.err


@slow
def test_environment_files_profiles_and_extends(project: Project) -> None:
    folder = project.folder
    (folder / ".env").write_text("WORD=default\n")
    (folder / "other.env").write_text("WORD=other\n")
    (folder / "service.env").write_text("# for the container\nGREETING='hello $${WORD}'\nEMPTY=\n")
    base = {"services": {"base": project.service("echo $$GREETING $$WORD; echo", labels={"kind": "base"})}}
    (folder / "base.yaml").write_text(json.dumps(base))
    extended = {"extends": {"file": "base.yaml", "service": "base"}, "env_file": ["service.env"]}
    project.write(
        {
            "one": {**extended, "environment": {"WORD": "${WORD}"}},
            "debug": {**extended, "profiles": ["debug"]},
        }
    )
    project.compose("up", "-d")
    assert set(project.states()) == {"one"}
    assert project.inspect("one", "{{.Config.Labels.kind}}") == "base"
    assert "WORD=default" in project.inspect("one", "{{.Config.Env}}")
    program = Program((*project.compose.argv, "--env-file", str(folder / "other.env")), project.docker.environment)
    program("--profile", "debug", "up", "-d")
    assert set(project.states()) == {"one", "debug"}
    assert "WORD=other" in project.inspect("one", "{{.Config.Env}}")
    project.compose("--profile", "debug", "down", "--timeout", "1")


@slow
def test_only_what_has_changed_is_made_again(project: Project) -> None:
    """The container's label is the hash that ``config`` prints."""
    services = {"one": project.service(), "two": project.service()}
    project.write(services)
    project.compose("up", "-d")
    hashes = dict(line.split() for line in project.compose("config", "--hash", "*").splitlines())
    label = '{{index .Config.Labels "com.docker.compose.config-hash"}}'
    assert {name: project.inspect(name, label) for name in services} == hashes
    before = {name: project.inspect(name, "{{.Id}}") for name in services}
    project.write(services | {"two": project.service(environment={"WORD": "changed"})})
    project.compose("up", "-d")
    after = {name: project.inspect(name, "{{.Id}}") for name in services}
    assert after["one"] == before["one"]
    assert after["two"] != before["two"]
    project.write({"one": services["one"]})
    assert "Found orphan containers" in project.compose.run("up", "-d").err
    project.compose("up", "-d", "--remove-orphans")
    assert set(project.states()) == {"one"}


# -- using services -----------------------------------------------------------------------------------------------


def test_exec_run_cp_and_logs(project: Project) -> None:
    project.write({"one": project.service("for i in 1 2 3; do echo line $$i; done; tail -f /dev/null")})
    project.compose("up", "-d")
    data = hashlib.shake_256(b"stdin").digest(MIB).hex()
    assert project.compose("exec", "-T", "one", "sh", "-c", "cat; echo; echo end", stdin=data) == f"{data}\nend"
    assert project.compose.run("exec", "-T", "one", "sh", "-c", "exit 9").code == 9
    ran = project.compose.run("run", "--rm", "-T", "one", "sh", "-c", "wc -c; exit 4", stdin=data)
    assert (ran.code, ran.out.strip()) == (4, str(len(data)))
    assert set(project.states()) == {"one"}
    (project.folder / "in").mkdir()
    (project.folder / "in" / "file").write_text(data)
    project.compose("cp", project.folder / "in", "one:/tmp")
    assert project.exec("one", "sha256sum", "/tmp/in/file").split()[0] == hashlib.sha256(data.encode()).hexdigest()
    project.compose("cp", "one:/tmp/in/file", project.folder / "out")
    assert (project.folder / "out").read_text() == data
    with project.compose.start("logs", "-f", "--no-color") as logs:
        assert logs.stdout
        assert [next(logs.stdout).split("|")[1].strip() for _ in range(3)] == ["line 1", "line 2", "line 3"]
        project.compose("kill")
        assert logs.wait(timeout=60) == 0


@slow
def test_scaled_services_share_a_range_of_ports(project: Project) -> None:
    first = free_port()
    project.write({"web": project.service(SERVE, ports=[f"127.0.0.1:{first}-{first + 9}:80"])})
    project.compose("up", "-d", "--scale", "web=3", timeout=240)
    ports = [
        int(project.compose("port", "--index", str(index), "web", "80").rpartition(":")[2]) for index in (1, 2, 3)
    ]
    assert len(set(ports)) == 3
    assert set(ports) <= set(range(first, first + 10))
    seen: set[str] = set()
    for port in ports:
        eventually(lambda port=port: answer(port) != "", f"{port} answers")  # type: ignore[misc]  # mypy has no type for it
        seen.add(answer(port))
    assert len(seen) == 3
    project.compose("up", "-d", "--scale", "web=1")
    assert len(project.compose("ps", "-q").split()) == 1


def answer(port: int) -> str:
    """What a web server on the host's port says; nothing while it does not answer."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").text.strip()
    except httpx.TransportError:
        return ""


@slow
def test_volumes_stay_unless_they_are_to_go(project: Project, name: str) -> None:
    project.docker("volume", "create", name)
    volumes = {"own": {}, "outside": {"name": name, "external": True}}
    mounts = ["own:/own", "outside:/outside", "/anonymous"]
    project.write(
        {"one": project.service("date >> /own/file; wc -l < /own/file; sleep 1000", volumes=mounts)},
        volumes=volumes,
    )
    for runs in ("1", "2"):
        project.compose("up", "-d")
        eventually(lambda: project.compose("logs", "--no-log-prefix") != "", "it has counted")
        assert project.compose("logs", "--no-log-prefix") == runs
        project.compose("down", "--timeout", "1")
    label = ("--filter", f"label=com.docker.compose.project={project.name}")
    assert project.docker("volume", "ls", "-q", *label) == f"{project.name}_own"
    project.compose("down", "--volumes")
    assert project.docker("volume", "ls", "-q", *label) == ""
    assert project.docker("volume", "ls", "-q", "--filter", f"name={name}") == name
    project.docker("volume", "rm", name)


@slow
def test_networks(project: Project) -> None:
    """Fixed addresses, aliases, a network without a way out, and the host by name."""
    subnet = {"ipam": {"config": [{"subnet": "172.31.250.0/24"}]}}
    project.write(
        {
            "web": project.service(
                SERVE, networks={"inner": {"ipv4_address": "172.31.250.9", "aliases": ["pages"]}}
            ),
            "asks": project.service(
                networks={"inner": {}, "outer": {}}, extra_hosts=["host.docker.internal:host-gateway"]
            ),
            "alone": project.service(networks=["outer"]),
        },
        networks={"inner": {"internal": True, **subnet}, "outer": {}},
    )
    project.compose("up", "-d", timeout=240)
    fetch = ("wget", "-q", "-O", "-")
    names = {project.exec("asks", *fetch, f"http://{host}/") for host in ("web", "pages", "172.31.250.9")}
    assert len(names) == 1
    assert project.exec("asks", "grep", "-c", "host.docker.internal", "/etc/hosts") == "1"
    assert project.compose.run("exec", "-T", "alone", *fetch, "http://pages/").code != 0
    routes = project.exec("web", "ip", "route")
    assert "172.31.250.0/24" in routes
    assert "default" not in routes


@slow
def test_build_with_a_secret_and_a_second_context(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEER_WORD", "hush")
    (project.folder / "more").mkdir()
    (project.folder / "more" / "file").write_text("of the second context\n")
    recipe = (
        f"FROM {project.image} AS base\nCOPY --from=more file /\nARG COLOUR\n"
        "RUN --mount=type=secret,id=word (cat /run/secrets/word; echo; echo $$COLOUR) >> /file\n"
        "FROM base AS wanted\nFROM base AS unwanted\nRUN exit 1\n"
    )
    build = {
        "context": ".",
        "dockerfile_inline": recipe,
        "additional_contexts": {"more": "./more"},
        "args": {"COLOUR": "blue"},
        "secrets": ["word"],
        "target": "wanted",
    }
    service = project.service("cat /file", build=build, pull_policy="build")
    del service["image"]
    project.write({"one": service}, secrets={"word": {"environment": "PEER_WORD"}})
    project.compose("build", "-q")
    project.compose("up", "-d")
    eventually(lambda: project.states() == {"one": "exited"}, "it has ended")
    assert project.compose("logs", "--no-log-prefix") == "of the second context\nhush\nblue"
