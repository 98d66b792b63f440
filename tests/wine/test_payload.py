"""What the package for Windows holds does start on Windows, in the folder where it is installed."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path, PureWindowsPath

import pytest

from installers.common.tree import tree_hash
from installers.windows.payload import build_payload
from tests.localhost import free_port
from tests.wine.system import WineProgram, WineSystem
from tests.wine.windows import INSTALLED, PYTHON

FACTS = "import json, sys; print(json.dumps([sys.platform, sys.version_info[:2], sys.path]))"
LIBRARIES = "PySide6.QtWidgets, PySide6.QtNetwork, PySide6.QtSvg, paramiko, qemu.qmp, httpx, aiohttp, pyqtgraph"


@pytest.mark.quick
def test_python_is_windows_own(wine: WineSystem) -> None:
    done = wine.run([PYTHON, "-c", FACTS], environment={"PYTHONPATH": r"C:\elsewhere"})
    assert done.code == 0, done
    platform, version, path = json.loads(done.output)
    assert (platform, version) == ("win32", [3, 13])
    assert [place for place in path if not place.startswith(INSTALLED)] == []


def test_every_library_can_be_imported(wine: WineSystem) -> None:
    done = wine.run([PYTHON, "-c", f"import {LIBRARIES}, uuid; print(uuid.__file__)"], seconds=240)
    assert done.code == 0, done


@pytest.mark.quick
def test_its_encryption_works(wine: WineSystem) -> None:
    """OpenSSL from Python's own library, and from that of cryptography, which goes through python3.dll."""
    script = (
        "import hashlib, ssl\n"
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
        "key = Ed25519PrivateKey.generate()\n"
        "key.public_key().verify(key.sign(b'word'), b'word')\n"
        "assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED\n"
        "print(hashlib.sha256(b'word').hexdigest()[:8])\n"
    )
    done = wine.run([PYTHON, "-c", script])
    assert (done.code, done.output.strip()) == (0, "98c1eb4e"), done


@pytest.mark.quick
@pytest.mark.parametrize("program", ["qemu-system-x86_64.exe", "qemu-img.exe"])
def test_qemu_starts(wine: WineSystem, program: str) -> None:
    done = wine.run([rf"{INSTALLED}\qemu\{program}", "--version"])
    assert done.code == 0, done
    assert "(v11." in done.output


def test_qemu_finds_its_firmware(wine: WineSystem) -> None:
    done = wine.run([rf"{INSTALLED}\qemu\qemu-system-x86_64.exe", "-L", "help"])
    folders = [PureWindowsPath(line) for line in done.output.splitlines()]
    assert PureWindowsPath(INSTALLED, "qemu", "share") in folders


def test_qemus_monitor_answers(wine: WineSystem) -> None:
    """Programs in there and here share the host's network."""
    port = free_port()
    options = ["-nodefaults", "-display", "none", "-M", "none", "-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off"]
    program = wine.popen([rf"{INSTALLED}\qemu\qemu-system-x86_64.exe", *options])
    with connected(port, program) as monitor, monitor.makefile("rwb") as lines:
        greeting = json.loads(lines.readline())
        assert greeting["QMP"]["version"]["qemu"]["major"] >= 10
        lines.write(b'{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n')
        lines.flush()
        assert json.loads(lines.readline()) == {"return": {}}
        assert program.wait() == 0


def connected(port: int, program: WineProgram, seconds: float = 60) -> socket.socket:
    """A connection to a program that is starting.

    :raise OSError: it does not listen within ``seconds``, or has ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=seconds)
        except ConnectionRefusedError:
            if time.monotonic() > deadline or not program.is_running():
                raise
            time.sleep(0.05)


def test_the_window_is_drawn_by_windows(wine: WineSystem) -> None:
    script = (
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication, QLabel\n"
        "app = QApplication([])\n"
        "label = QLabel('Slipway')\n"
        "label.show()\n"
        "def look():\n"
        "    size = app.primaryScreen().size()\n"
        "    print(app.platformName(), size.width(), size.height(), label.isVisible())\n"
        "    app.quit()\n"
        "QTimer.singleShot(0, look)\n"
        "raise SystemExit(app.exec())\n"
    )
    done = wine.run([PYTHON, "-c", script], seconds=240)
    assert (done.code, done.output.split()) == (0, ["windows", "1280", "1024", "True"]), done


def test_the_docker_command_starts(wine: WineSystem) -> None:
    done = wine.run([rf"{INSTALLED}\docker\docker.exe", "version", "--format", "json"])
    client = json.loads(done.output)["Client"]
    assert (client["Os"], client["Arch"], client["Version"]) == ("windows", "amd64", "28.5.2")


@pytest.mark.parametrize(("plugin", "version"), [("buildx", "v0.29.1"), ("compose", "v2.40.3")])
def test_dockers_plugins_start(wine: WineSystem, plugin: str, version: str) -> None:
    """They are found beside docker.exe, without an entry in the user's configuration."""
    done = wine.run([rf"{INSTALLED}\docker\docker.exe", plugin, "version"])
    assert done.code == 0, done
    assert version in done.output


def test_the_command_line_starts(wine: WineSystem) -> None:
    done = wine.run([rf"{INSTALLED}\bin\slipway.exe", "--version"])
    assert done.code == 0, done
    assert "slipway" in done.output.lower()


@pytest.mark.quick
def test_the_command_lines_exit_code_comes_back(wine: WineSystem) -> None:
    done = wine.run([rf"{INSTALLED}\bin\slipway.exe", "no-such-command"])
    assert done.code == 2, done
    assert "no-such-command" in done.errors


@pytest.mark.parametrize("program", [r"bin\slipway.exe", "Slipway.exe"])
def test_a_module_runs_under_the_name_of_slipway(wine: WineSystem, program: str) -> None:
    """In the launcher's own process, apart from the user's variables, and without a console if it has none."""
    module = [rf"{INSTALLED}\{program}", "--run-module", "vm.image.build", "--help"]
    done = wine.run(module, environment={"PYTHONHOME": r"C:\elsewhere", "PYTHONPATH": r"C:\elsewhere"})
    assert done.code == 0, done
    assert "Build Slipway's system image" in done.output


def test_a_module_of_others_does_not(wine: WineSystem) -> None:
    done = wine.run([rf"{INSTALLED}\bin\slipway.exe", "--run-module", "http.server"])
    assert done.code == 1, done
    assert "not a part of Slipway" in done.errors


def test_words_that_are_not_english_and_empty_ones(wine: WineSystem) -> None:
    done = wine.run([rf"{INSTALLED}\bin\slipway.exe", "", "Grüße 日本"])
    assert done.code == 2, done
    done = wine.run([rf"{INSTALLED}\bin\slipway.exe", "Grüße 日本"])
    assert "Grüße 日本" in done.errors


def test_a_damaged_installation_is_named(wine: WineSystem, payload: Path) -> None:
    (wine.drive_c / "broken" / "bin").mkdir(parents=True)
    (wine.drive_c / "broken" / "bin" / "slipway.exe").write_bytes((payload / "bin" / "slipway.exe").read_bytes())
    done = wine.run([r"C:\broken\bin\slipway.exe", "status"])
    assert done.code == 1, done
    assert r"C:\broken\bin\..\python\python313.dll" in done.errors
    assert "Install Slipway again" in done.errors


def test_the_same_twice(payload: Path, tmp_path: Path) -> None:
    again = build_payload(tmp_path, image=False)
    assert tree_hash(again) == tree_hash(payload)
