"""A machine in an office: names by the host's resolver, a proxy, authorities of one's own, and a clock of 2020.

The supervisor lives in a mount namespace with an /etc/resolv.conf of the test's; QEMU is started through a wrapper
that sets its hardware clock wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from installers.checkout import fetch, system
from tests.e2e.authority import Authority
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS, foreign_socket
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.office import Proxy, http_proxy, name_server
from tests.e2e.registry import Registry, running_registry
from tests.localhost import free_port
from vm.host import host

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs an administrator's port 53 and namespaces"),
    pytest.mark.skipif(foreign_socket() is not None, reason="there is no machine of ours to look at"),
]

FIRST, SECOND = "127.0.53.11", "127.0.53.12"
RECORDS = {
    ("git.corp.test", "A"): "10.9.8.7",
    ("git.corp.test", "TXT"): '"by the vpn"',
    ("moved.corp.test", "A"): "10.9.8.1",
}
MOVED = {("moved.corp.test", "A"): "10.9.8.2"}
HOST = "host.docker.internal"
NAMESPACE = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass
class Office:
    """The machine, and what is around it."""

    folder: Path
    home: Path
    slipway: Program
    docker: Program
    proxy: Proxy
    private: Registry
    guarded: Registry
    plain: Registry
    authority: Authority
    image: str

    def resolver(self, *servers: str) -> None:
        """This computer asks these name servers from now on."""
        (self.folder / "resolv.conf").write_text(
            "".join(f"nameserver {server}\n" for server in servers) + "options timeout:1 attempts:1\n"
        )

    def lookup(self, name: str, kind: str = "a") -> str:
        return self.docker.run("run", "--rm", self.image, "nslookup", f"-type={kind}", name).out


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, busybox_archives: dict[str, tuple[Path, str]]
) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    authority, other = Authority(folder / "ca", "Office CA"), Authority(folder / "other", "Registry CA")
    signed, guarded = authority.sign(HOST), other.sign(HOST)
    secret = bcrypt.hashpw(b"secret", bcrypt.gensalt(4, b"2b")).decode()
    (folder / "htpasswd").write_text(f"ann:{secret}\n")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home)
        stack.enter_context(name_server(FIRST, RECORDS))
        proxy = stack.enter_context(http_proxy())

        def run_registry(name: str, more: dict[str, object]) -> Registry:
            (folder / name).mkdir()
            return stack.enter_context(running_registry(folder / name, free_port(), HOST, more))

        plain = run_registry("plain", {})
        tls = {"certificate": str(signed.certificate), "key": str(signed.key)}
        users = {"htpasswd": {"realm": "office", "path": str(folder / "htpasswd")}}
        private = run_registry("private", {"http": {"tls": tls}, "auth": users})
        mutual = {"certificate": str(guarded.certificate), "key": str(guarded.key)}
        mutual_tls = {"tls": {**mutual, "clientcas": [str(other.certificate)]}}
        strict = run_registry("guarded", {"http": mutual_tls})
        slipway, docker = programs(folder, home, proxy, authority)
        archive, image = busybox_archives[host().arch.value]
        made = Office(folder, home, slipway, docker, proxy, private, strict, plain, other, image)
        made.resolver(FIRST)
        # in the office there is no Debian to be had
        Program((sys.executable, "-m", "vm.image.build"), {})(timeout=START_SECONDS)
        slipway("settings", "set", "daemon", f'{{"insecure-registries": ["registry.corp.test:{plain.port}"]}}')
        try:
            slipway("start", timeout=START_SECONDS)
            docker("load", "-i", archive)
            yield made
        finally:
            stopped = slipway.run("stop", timeout=300)
        assert stopped.code == 0, f"\n{stopped}"
    assert_nothing_left(home, 30)


def programs(folder: Path, home: Path, proxy: Proxy, authority: Authority) -> tuple[Program, Program]:
    """``slipway`` in its namespace and with the office's variables, and ``docker`` for its engine."""
    (folder / "docker").mkdir()
    plugins = fetch.docker_folder() / fetch.PLUGINS
    (folder / "docker" / "config.json").write_text(f'{{"cliPluginsExtraDirs": ["{plugins}"]}}')
    (folder / "bin").mkdir()
    name = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[host().arch.value]
    wrapper = folder / "bin" / name
    wrapper.write_text(f'#!/bin/sh\nexec "{shutil.which(name)}" "$@" -rtc base=2020-01-01,clock=vm\n')
    wrapper.chmod(0o755)
    environment = {
        "SLIPWAY_HOME": str(home),
        "DOCKER_CONFIG": str(folder / "docker"),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "http_proxy": f"http://127.0.0.1:{proxy.port}",
        "no_proxy": "*.direct.test",
        "SSL_CERT_FILE": str(authority.certificate),
    }
    unshare = ("unshare", "-m", "sh", "-c", NAMESPACE, str(folder / "resolv.conf"))
    docker = system.find_program("docker")
    assert docker, "the docker command line is missing: python3 installers/dev.py setup"
    slipway = Program((*unshare, str(venv_program("slipway"))), environment)
    own = {"DOCKER_HOST": f"unix://{home / 'run' / 'docker.sock'}", "DOCKER_CONFIG": str(folder / "docker")}
    return slipway, Program((docker,), own)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask again and again; each asking takes its time by itself."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"


# -- names -----------------------------------------------------------------------------------------------------


def test_names_are_the_hosts(office: Office) -> None:
    assert "Address: 10.9.8.7" in office.lookup("git.corp.test")
    assert "by the vpn" in office.lookup("git.corp.test", "txt")
    assert "NXDOMAIN" in office.lookup("none.corp.test")
    assert "NXDOMAIN" not in office.lookup("git.corp.test", "aaaa")


def test_names_follow_a_change_of_the_network(office: Office) -> None:
    assert "Address: 10.9.8.1" in office.lookup("moved.corp.test")
    with name_server(SECOND, MOVED):
        office.resolver(SECOND)
        try:
            until(lambda: "Address: 10.9.8.2" in office.lookup("moved.corp.test"))
        finally:
            office.resolver(FIRST)
    until(lambda: "Address: 10.9.8.1" in office.lookup("moved.corp.test"))


def test_a_name_server_that_is_gone_and_back(office: Office) -> None:
    office.resolver(SECOND)  # where nobody listens
    try:
        gone = office.lookup("moved.corp.test")
        assert "10.9.8" not in gone
        assert "NXDOMAIN" not in gone
        assert "Address: 10.0.2.2" in office.lookup(HOST)
        with name_server(SECOND, MOVED):
            until(lambda: "Address: 10.9.8.2" in office.lookup("moved.corp.test"))
    finally:
        office.resolver(FIRST)


def test_names_outlive_the_supervisor(office: Office) -> None:
    container = office.docker("run", "-d", office.image, "sleep", "600")
    supervisor = int((office.home / "run" / "supervisor.lock").read_text())
    # the docker command's way ends with the supervisor, so the machine itself is asked, by a job that stays
    script = f"for i in 1 2 3 4 5 6 7 8 9 10; do nslookup -type=a {HOST}; sleep 1; done >/log 2>&1"
    office.docker("exec", "-d", container, "sh", "-c", script)
    os.kill(supervisor, signal.SIGKILL)
    office.slipway("start", timeout=START_SECONDS)
    until(lambda: "Address: 10.9.8.7" in office.lookup("git.corp.test"))
    until(lambda: office.docker("exec", container, "cat", "/log").count("Address: 10.0.2.2") == 10)
    office.docker("rm", "-f", container)


@pytest.mark.parametrize("network", ["bridge", "host", "own", "own-v6"])
def test_the_host_has_a_name(office: Office, network: str) -> None:
    if network.startswith("own"):
        options = ["--ipv6"] if network == "own-v6" else []
        office.docker("network", "create", *options, network)
    address = f"http://{HOST}:{office.plain.port}/v2/"
    gateway = address.replace("host.", "gateway.")
    words = ("run", "--rm", "--network", network, "-e", "http_proxy=", office.image)
    assert office.docker(*words, "wget", "-qO-", address, gateway) == "{}{}"
    if network.startswith("own"):
        office.docker("network", "rm", network)


@pytest.mark.parametrize("kit", ["0", "1"])
def test_the_host_has_a_name_in_builds(office: Office, kit: str, tmp_path: Path) -> None:
    lookup = f"nslookup -type=a {HOST} && http_proxy= wget -qO- http://{HOST}:{office.plain.port}/v2/"
    (tmp_path / "Dockerfile").write_text(f"FROM {office.image}\nRUN {lookup}\n")
    docker = Program(office.docker.argv, {**office.docker.environment, "DOCKER_BUILDKIT": kit})
    docker("build", "--no-cache", tmp_path)


def test_containers_reach_each_other_by_ipv6(office: Office) -> None:
    office.docker("network", "create", "--ipv6", "six")
    server = office.docker("run", "-d", "--network", "six", "--name", "six1", office.image, "sleep", "600")
    out = office.docker("run", "--rm", "--network", "six", office.image, "ping", "-6", "-c1", "-W5", "six1")
    assert " 0% packet loss" in out
    office.docker("rm", "-f", server)
    office.docker("network", "rm", "six")


# -- the proxy -------------------------------------------------------------------------------------------------


def test_the_engine_uses_the_proxy(office: Office) -> None:
    reference = f"registry.corp.test:{office.plain.port}/{office.image}"
    office.docker("tag", office.image, reference)
    office.docker("push", reference)  # a name that only the proxy knows
    assert any(f"registry.corp.test:{office.plain.port}" in line for line in office.proxy.asked)
    office.docker("rmi", reference)
    office.docker("pull", reference)


def test_containers_and_builds_get_the_proxy(office: Office, tmp_path: Path) -> None:
    there = f"http://{HOST}:{office.proxy.port}"
    variables = office.docker("run", "--rm", office.image, "env").splitlines()
    assert {f"http_proxy={there}", f"HTTP_PROXY={there}"} <= set(variables)
    assert any(line.startswith("no_proxy=.direct.test,") and HOST in line for line in variables)
    assert "http_proxy=mine" in office.docker("run", "--rm", "-e", "http_proxy=mine", office.image, "env")
    office.docker("run", "--rm", office.image, "wget", "-qO-", f"http://any.corp.test:{office.plain.port}/v2/")
    assert f"GET http://any.corp.test:{office.plain.port}/v2/ HTTP/1.1" in office.proxy.asked
    fetch_it = f"wget -qO- http://build.corp.test:{office.plain.port}/v2/"
    (tmp_path / "Dockerfile").write_text(f"FROM {office.image}\nRUN {fetch_it}\n")
    office.docker("build", "--no-cache", "-t", "proxied", tmp_path)
    assert f"GET http://build.corp.test:{office.plain.port}/v2/ HTTP/1.1" in office.proxy.asked
    kept = office.docker("image", "inspect", "-f", "{{json .Config.Env}}", "proxied")
    assert "proxy" not in kept.lower()


# -- registries ------------------------------------------------------------------------------------------------


def test_a_private_registry(office: Office) -> None:
    address = f"{HOST}:{office.private.port}"
    wrong = office.docker.fails("login", "-u", "ann", "-p", "wrong", address)
    assert "Unauthorized" in wrong.err
    assert "Login Succeeded" in office.docker("login", "-u", "ann", "-p", "secret", address)
    reference = f"{address}/{office.image}"
    office.docker("tag", office.image, reference)
    office.docker("push", reference)
    office.docker("rmi", reference)
    office.docker("pull", reference)
    office.docker("rmi", reference)
    office.docker("logout", address)
    assert "no basic auth credentials" in office.docker.fails("pull", reference).err


def test_certificates_for_one_registry_come_while_it_runs(office: Office) -> None:
    address = f"{HOST}:{office.guarded.port}"
    reference = f"{address}/{office.image}"
    office.docker("tag", office.image, reference)
    assert "certificate" in office.docker.fails("push", reference).err
    folder = office.folder / "docker" / "certs.d" / address
    folder.mkdir(parents=True)
    client = office.authority.sign("client")
    shutil.copy(office.authority.certificate, folder / "ca.crt")
    shutil.copy(client.certificate, folder / "client.cert")
    shutil.copy(client.key, folder / "client.key")
    until(lambda: office.docker.run("push", reference).code == 0)
    office.docker("rmi", reference)
    office.docker("pull", reference)


def test_a_helper_that_is_missing(office: Office) -> None:
    config = office.folder / "docker" / "config.json"
    before = json.loads(config.read_text())
    config.write_text(json.dumps({**before, "credsStore": "desktop"}))
    told = office.slipway.run("diagnose").out
    assert "slipway credentials repair" in told
    office.slipway("credentials", "repair")
    assert json.loads(config.read_text()) == before
    office.slipway("credentials", "restore")
    assert json.loads(config.read_text())["credsStore"] == "desktop"
    config.write_text(json.dumps(before))


# -- time ------------------------------------------------------------------------------------------------------


def offset(office: Office) -> float:
    """Seconds the guest's clock is off at least, by the best of some round trips through the machine's shell."""
    command = ("shell", "--", "sh", "-c", "while read -r word; do echo $EPOCHREALTIME; done")
    best = (1e9, 1e9)
    with subprocess.Popen(
        [*office.slipway.argv, *command],
        env=office.slipway.full_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as shell:
        assert shell.stdin
        assert shell.stdout
        for _ in range(10):
            began = time.time()
            shell.stdin.write("tell\n")
            told = float(shell.stdout.readline())
            trip = time.time() - began
            best = min(best, (trip / 2, told - began - trip / 2))
        shell.stdin.close()
    return max(0.0, abs(best[1]) - best[0])


def test_the_clock_is_right_after_the_start(office: Office) -> None:
    until(lambda: offset(office) < 0.1, 5)


def test_the_clock_is_put_right(office: Office) -> None:
    now = int(time.time())
    office.slipway("shell", "--", "date", "-s", f"@{now - 5}")
    until(lambda: offset(office) < 0.1, 45)


def test_the_clock_is_right_after_the_machine_stood_still(office: Office) -> None:
    """As it does while the computer sleeps; the next supervisor lets it go on."""
    os.kill(int((office.home / "run" / "supervisor.lock").read_text()), signal.SIGKILL)
    with socket.socket(socket.AF_UNIX) as monitor:  # of which there can be but one
        monitor.settimeout(30)
        monitor.connect(str(office.home / "run" / "qmp.sock"))
        told = monitor.makefile("rw")
        told.readline()
        for command in ("qmp_capabilities", "stop"):
            told.write(json.dumps({"execute": command}))
            told.flush()
            while "return" not in json.loads(told.readline()):
                continue
        time.sleep(5)  # the time that is lost is what this is about
    office.slipway("start", timeout=START_SECONDS)
    until(lambda: offset(office) < 0.1, 10)
