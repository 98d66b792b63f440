"""A machine in a corporate network: the host's resolver, a proxy, private authorities; and a clock of 2020.

The supervisor runs in a mount namespace with the test's /etc/resolv.conf. A wrapper starts QEMU with a wrong
hardware clock.
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
from tests.e2e.corporate_network import Proxy, http_proxy, name_server
from tests.e2e.leftovers import assert_nothing_left
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
class CorporateNetwork:
    """The machine, and the servers of its network."""

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
        """Make the host ask these name servers from now on."""
        (self.folder / "resolv.conf").write_text(
            "".join(f"nameserver {server}\n" for server in servers) + "options timeout:1 attempts:1\n"
        )

    def lookup(self, name: str, kind: str = "a") -> str:
        return self.docker.run("run", "--rm", self.image, "nslookup", f"-type={kind}", name).out


@pytest.fixture(scope="module")
def corporate(
    tmp_path_factory: pytest.TempPathFactory, busybox_archives: dict[str, tuple[Path, str]]
) -> Iterator[CorporateNetwork]:
    folder = tmp_path_factory.mktemp("corporate")
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    authority, other = Authority(folder / "ca", "Corporate CA"), Authority(folder / "other", "Registry CA")
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
        users = {"htpasswd": {"realm": "corporate", "path": str(folder / "htpasswd")}}
        private = run_registry("private", {"http": {"tls": tls}, "auth": users})
        mutual = {"certificate": str(guarded.certificate), "key": str(guarded.key)}
        mutual_tls = {"tls": {**mutual, "clientcas": [str(other.certificate)]}}
        strict = run_registry("guarded", {"http": mutual_tls})
        slipway, docker = programs(folder, home, proxy, authority)
        archive, image = busybox_archives[host().arch.value]
        made = CorporateNetwork(folder, home, slipway, docker, proxy, private, strict, plain, other, image)
        made.resolver(FIRST)
        # Debian is out of reach in this network
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
    """``slipway`` in its namespace, with the network's proxy and authority, and ``docker`` for its engine."""
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
    """Wait until ``holds()``. It needs no pause: each call takes a moment by itself."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"


# -- names -----------------------------------------------------------------------------------------------------


def test_names_are_the_hosts(corporate: CorporateNetwork) -> None:
    assert "Address: 10.9.8.7" in corporate.lookup("git.corp.test")
    assert "by the vpn" in corporate.lookup("git.corp.test", "txt")
    assert "NXDOMAIN" in corporate.lookup("none.corp.test")
    assert "NXDOMAIN" not in corporate.lookup("git.corp.test", "aaaa")


def test_names_follow_a_change_of_the_network(corporate: CorporateNetwork) -> None:
    assert "Address: 10.9.8.1" in corporate.lookup("moved.corp.test")
    with name_server(SECOND, MOVED):
        corporate.resolver(SECOND)
        try:
            until(lambda: "Address: 10.9.8.2" in corporate.lookup("moved.corp.test"))
        finally:
            corporate.resolver(FIRST)
    until(lambda: "Address: 10.9.8.1" in corporate.lookup("moved.corp.test"))


def test_a_name_server_that_is_gone_and_back(corporate: CorporateNetwork) -> None:
    corporate.resolver(SECOND)  # no server listens there
    try:
        gone = corporate.lookup("moved.corp.test")
        assert "10.9.8" not in gone
        assert "NXDOMAIN" not in gone
        assert "Address: 10.0.2.2" in corporate.lookup(HOST)
        with name_server(SECOND, MOVED):
            until(lambda: "Address: 10.9.8.2" in corporate.lookup("moved.corp.test"))
    finally:
        corporate.resolver(FIRST)


def test_names_outlive_the_supervisor(corporate: CorporateNetwork) -> None:
    container = corporate.docker("run", "-d", corporate.image, "sleep", "600")
    supervisor = int((corporate.home / "run" / "supervisor.lock").read_text())
    # the docker command loses its connection with the supervisor, so a job in the container asks
    script = f"for i in 1 2 3 4 5 6 7 8 9 10; do nslookup -type=a {HOST}; sleep 1; done >/log 2>&1"
    corporate.docker("exec", "-d", container, "sh", "-c", script)
    os.kill(supervisor, signal.SIGKILL)
    corporate.slipway("start", timeout=START_SECONDS)
    until(lambda: "Address: 10.9.8.7" in corporate.lookup("git.corp.test"))
    until(lambda: corporate.docker("exec", container, "cat", "/log").count("Address: 10.0.2.2") == 10)
    corporate.docker("rm", "-f", container)


@pytest.mark.parametrize("network", ["bridge", "host", "own", "own-v6"])
def test_the_host_has_a_name(corporate: CorporateNetwork, network: str) -> None:
    if network.startswith("own"):
        options = ["--ipv6"] if network == "own-v6" else []
        corporate.docker("network", "create", *options, network)
    address = f"http://{HOST}:{corporate.plain.port}/v2/"
    gateway = address.replace("host.", "gateway.")
    words = ("run", "--rm", "--network", network, "-e", "http_proxy=", corporate.image)
    assert corporate.docker(*words, "wget", "-qO-", address, gateway) == "{}{}"
    if network.startswith("own"):
        corporate.docker("network", "rm", network)


@pytest.mark.parametrize("kit", ["0", "1"])
def test_the_host_has_a_name_in_builds(corporate: CorporateNetwork, kit: str, tmp_path: Path) -> None:
    lookup = f"nslookup -type=a {HOST} && http_proxy= wget -qO- http://{HOST}:{corporate.plain.port}/v2/"
    (tmp_path / "Dockerfile").write_text(f"FROM {corporate.image}\nRUN {lookup}\n")
    docker = Program(corporate.docker.argv, {**corporate.docker.environment, "DOCKER_BUILDKIT": kit})
    docker("build", "--no-cache", tmp_path)


def test_containers_reach_each_other_by_ipv6(corporate: CorporateNetwork) -> None:
    corporate.docker("network", "create", "--ipv6", "six")
    server = corporate.docker("run", "-d", "--network", "six", "--name", "six1", corporate.image, "sleep", "600")
    out = corporate.docker("run", "--rm", "--network", "six", corporate.image, "ping", "-6", "-c1", "-W5", "six1")
    assert " 0% packet loss" in out
    corporate.docker("rm", "-f", server)
    corporate.docker("network", "rm", "six")


# -- the proxy -------------------------------------------------------------------------------------------------


def test_the_engine_uses_the_proxy(corporate: CorporateNetwork) -> None:
    reference = f"registry.corp.test:{corporate.plain.port}/{corporate.image}"
    corporate.docker("tag", corporate.image, reference)
    corporate.docker("push", reference)  # a name that only the proxy knows
    assert any(f"registry.corp.test:{corporate.plain.port}" in line for line in corporate.proxy.asked)
    corporate.docker("rmi", reference)
    corporate.docker("pull", reference)


def test_containers_and_builds_get_the_proxy(corporate: CorporateNetwork, tmp_path: Path) -> None:
    there = f"http://{HOST}:{corporate.proxy.port}"
    variables = corporate.docker("run", "--rm", corporate.image, "env").splitlines()
    assert {f"http_proxy={there}", f"HTTP_PROXY={there}"} <= set(variables)
    assert any(line.startswith("no_proxy=.direct.test,") and HOST in line for line in variables)
    assert "http_proxy=mine" in corporate.docker("run", "--rm", "-e", "http_proxy=mine", corporate.image, "env")
    corporate.docker(
        "run", "--rm", corporate.image, "wget", "-qO-", f"http://any.corp.test:{corporate.plain.port}/v2/"
    )
    assert f"GET http://any.corp.test:{corporate.plain.port}/v2/ HTTP/1.1" in corporate.proxy.asked
    fetch_it = f"wget -qO- http://build.corp.test:{corporate.plain.port}/v2/"
    (tmp_path / "Dockerfile").write_text(f"FROM {corporate.image}\nRUN {fetch_it}\n")
    corporate.docker("build", "--no-cache", "-t", "proxied", tmp_path)
    assert f"GET http://build.corp.test:{corporate.plain.port}/v2/ HTTP/1.1" in corporate.proxy.asked
    kept = corporate.docker("image", "inspect", "-f", "{{json .Config.Env}}", "proxied")
    assert "proxy" not in kept.lower()


def test_a_proxy_that_changes_is_followed(corporate: CorporateNetwork, tmp_path: Path) -> None:
    """By containers and builds at once; the status says that dockerd has the old one still."""
    said = "by the proxy of its last start"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {corporate.image}\nRUN wget -qO- http://moved.corp.test:{corporate.plain.port}/v2/\n"
    )

    def built() -> bool:
        corporate.docker("build", "--no-cache", tmp_path)
        return any("moved.corp.test" in line for line in second.asked)

    assert said not in corporate.slipway("status")
    with http_proxy() as second:
        address = f"http://127.0.0.1:{second.port}"
        moved = Program(corporate.slipway.argv, {**corporate.slipway.environment, "http_proxy": address})
        assert "is already running" in moved("start")
        variables = corporate.docker("run", "--rm", corporate.image, "env").splitlines()
        assert f"http_proxy=http://{HOST}:{second.port}" in variables
        until(built)
        assert said in corporate.slipway("status")
        corporate.slipway("start")
    until(lambda: said not in corporate.slipway("status"))


# -- registries ------------------------------------------------------------------------------------------------


def test_a_private_registry(corporate: CorporateNetwork) -> None:
    address = f"{HOST}:{corporate.private.port}"
    wrong = corporate.docker.fails("login", "-u", "ann", "-p", "wrong", address)
    assert "Unauthorized" in wrong.err
    assert "Login Succeeded" in corporate.docker("login", "-u", "ann", "-p", "secret", address)
    reference = f"{address}/{corporate.image}"
    corporate.docker("tag", corporate.image, reference)
    corporate.docker("push", reference)
    corporate.docker("rmi", reference)
    corporate.docker("pull", reference)
    corporate.docker("rmi", reference)
    corporate.docker("logout", address)
    assert "no basic auth credentials" in corporate.docker.fails("pull", reference).err


def test_certificates_for_one_registry_come_while_it_runs(corporate: CorporateNetwork) -> None:
    address = f"{HOST}:{corporate.guarded.port}"
    reference = f"{address}/{corporate.image}"
    corporate.docker("tag", corporate.image, reference)
    assert "certificate" in corporate.docker.fails("push", reference).err
    folder = corporate.folder / "docker" / "certs.d" / address
    folder.mkdir(parents=True)
    client = corporate.authority.sign("client")
    shutil.copy(corporate.authority.certificate, folder / "ca.crt")
    shutil.copy(client.certificate, folder / "client.cert")
    shutil.copy(client.key, folder / "client.key")
    until(lambda: corporate.docker.run("push", reference).code == 0)
    corporate.docker("rmi", reference)
    corporate.docker("pull", reference)


def test_a_helper_that_is_missing(corporate: CorporateNetwork) -> None:
    config = corporate.folder / "docker" / "config.json"
    before = json.loads(config.read_text())
    config.write_text(json.dumps({**before, "credsStore": "desktop"}))
    told = corporate.slipway.run("diagnose").out
    assert "slipway credentials repair" in told
    corporate.slipway("credentials", "repair")
    assert json.loads(config.read_text()) == before
    corporate.slipway("credentials", "restore")
    assert json.loads(config.read_text())["credsStore"] == "desktop"
    config.write_text(json.dumps(before))


# -- time ------------------------------------------------------------------------------------------------------


def offset(corporate: CorporateNetwork) -> float:
    """Seconds the guest's clock is off at least, by the best of some round trips through the machine's shell."""
    command = ("shell", "--", "sh", "-c", "while read -r word; do echo $EPOCHREALTIME; done")
    best = (1e9, 1e9)
    with subprocess.Popen(
        [*corporate.slipway.argv, *command],
        env=corporate.slipway.full_environment,
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


def test_the_clock_is_right_after_the_start(corporate: CorporateNetwork) -> None:
    until(lambda: offset(corporate) < 0.1, 5)


def test_the_clock_is_put_right(corporate: CorporateNetwork) -> None:
    now = int(time.time())
    corporate.slipway("shell", "--", "date", "-s", f"@{now - 5}")
    until(lambda: offset(corporate) < 0.1, 45)


def test_the_clock_is_right_after_the_machine_stood_still(corporate: CorporateNetwork) -> None:
    """As it does while the computer sleeps; the next supervisor resumes it."""
    os.kill(int((corporate.home / "run" / "supervisor.lock").read_text()), signal.SIGKILL)
    with socket.socket(socket.AF_UNIX) as monitor:  # QEMU accepts one client at a time
        monitor.settimeout(30)
        monitor.connect(str(corporate.home / "run" / "qmp.sock"))
        told = monitor.makefile("rw")
        told.readline()
        for command in ("qmp_capabilities", "stop"):
            told.write(json.dumps({"execute": command}))
            told.flush()
            while "return" not in json.loads(told.readline()):
                continue
        time.sleep(5)  # the guest loses these seconds
    corporate.slipway("start", timeout=START_SECONDS)
    until(lambda: offset(corporate) < 0.1, 10)
