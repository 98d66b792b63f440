"""What a Linux system is told of Slipway: checked by the programs of those who define it."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from desktop.cli.group import COMMANDS
from installers.linux.manual import escaped, manual
from installers.linux.share import COMPLETIONS, ICON_SIZES, METAINFO, write_share


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    write_share(folder, "/usr/bin/slipway")
    return folder


def check(*argv: str | Path) -> None:
    """Run a program that checks something; its words are shown when it finds fault."""
    program = shutil.which(argv[0])
    assert program, f"{argv[0]} is missing: python3 installers/dev.py setup"
    done = subprocess.run([program, *argv[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_menus_entry(share: Path) -> None:
    entry = share / "applications/slipway.desktop"
    assert "\nExec=/usr/bin/slipway open\n" in entry.read_text()
    check("desktop-file-validate", entry)


def test_the_description_for_software_centres(share: Path) -> None:
    check("appstreamcli", "validate", "--no-net", share / "metainfo" / METAINFO)


def test_the_icons(share: Path) -> None:
    icons = share / "icons/hicolor"
    for size in ICON_SIZES:
        head = (icons / f"{size}x{size}/apps/slipway.png").read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        assert int.from_bytes(head[16:20], "big") == size
    assert (icons / "scalable/apps/slipway.svg").exists()


def test_a_package_that_may_be_anywhere_has_no_entry(tmp_path: Path) -> None:
    write_share(tmp_path, None)
    assert {path.name for path in tmp_path.iterdir()} == {
        "man",
        *(name.split("/")[0] for name in COMPLETIONS.values()),
    }


def test_the_manual_has_every_command(share: Path) -> None:
    page = gzip.decompress((share / "man/man1/slipway.1.gz").read_bytes()).decode()
    assert page == manual()
    assert [name for name in COMMANDS if f'"slipway {name}' not in page] == []


def test_the_manual_is_well_formed(share: Path) -> None:
    program = shutil.which("man")
    assert program, "man is missing: python3 installers/dev.py setup"
    argv: list[str | Path] = [program, "--warnings", "-E", "UTF-8", "-l", share / "man/man1/slipway.1.gz"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SYNOPSIS" in done.stdout


@pytest.mark.parametrize(
    ("text", "source"), [("a-b", "a\\-b"), (".x", "\\&.x"), ("'x", "\\&'x"), ("a\\b", "a\\eb")]
)
def test_characters_that_mean_something_in_its_source(text: str, source: str) -> None:
    assert escaped(text) == source


def test_lines_that_stay_as_they_are() -> None:
    """What the help of `slipway logs` has as a list."""
    assert ".nf\nsupervisor  Slipway itself\n" in manual()
