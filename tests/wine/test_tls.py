"""The engine by TLS on Windows: the listener on Windows' event loop, and docker.exe with a client's files."""

from __future__ import annotations

from tests.wine.cases import run_cases
from tests.wine.system import Completed, WineSystem
from tests.wine.windows import CLI, DOCKER

PORT = "23760"


def test_every_case_passes(wine: WineSystem) -> None:
    assert len(run_cases(wine, "tls_cases")) == 8


def cli(wine: WineSystem, *arguments: str) -> Completed:
    return wine.run([CLI, *arguments], {"SLIPWAY_FAKE": "running"}, seconds=120)


def test_docker_exe_by_a_context_of_the_files(wine: WineSystem) -> None:
    """The command that is printed is one for cmd.exe, too."""
    assert cli(wine, "start").code == 0
    try:
        assert cli(wine, "tls", "enable", "--port", PORT).code == 0
        added = cli(wine, "tls", "client", "add", "laptop", "--out", r"C:\laptop's files")
        assert added.code == 0, added
        command = added.output.splitlines()[-1].strip().replace("docker ", f'"{DOCKER}" ', 1)
        (wine.drive_c / "create.cmd").write_text(f"@echo off\r\n{command}\r\n")
        made = wine.run(["cmd", "/c", r"C:\create.cmd"])
        assert "Successfully created context" in made.output + made.errors, made
        asked = wine.run([DOCKER, "--context", "laptop", "ps", "-q"], seconds=120)
        assert asked.code == 0, asked
        assert asked.output.split()
        assert cli(wine, "tls", "client", "revoke", "laptop").code == 0
        refused = wine.run([DOCKER, "--context", "laptop", "ps", "-q"], seconds=120)
        assert "revoked certificate" in refused.errors, refused
        assert cli(wine, "tls", "disable", "--forget", "--yes").code == 0
    finally:
        assert cli(wine, "stop").code == 0
