"""What makensis is given, and that only the NSIS we know is used. tests/wine tries the installers themselves."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from installers.checkout.console import StepError
from installers.common.sources import nsis_source
from installers.windows.nsis import build
from installers.windows.signing import Signer
from tests.unit.installers.windows.test_signing import is_signed, make_certificate


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A small folder with the names that the script needs."""
    for name in ("Slipway.exe", "LICENSE", "bin/slipway.exe", "vm/a.py"):
        path = tmp_path / "payload" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "payload"


def test_each_name_in_the_folder_is_named_once(payload: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FORMER_ENTRIES", ("old", "vm"))
    assert build.entries(payload).splitlines() == [
        "!macro FOR_EACH_ENTRY ACTION FOLDER",
        *(
            f'  !insertmacro ${{ACTION}} "${{FOLDER}}" "{name}"'
            for name in ("LICENSE", "Slipway.exe", "bin", "old", "vm")
        ),
        "!macroend",
    ]


def test_the_installer_is_a_windows_program(payload: Path, tmp_path: Path) -> None:
    """The script has no error and no warning; with the strongest compression, as it is released."""
    made = build.build_installer(payload, tmp_path / "Slipway-test.exe")
    assert made.read_bytes()[:2] == b"MZ"
    assert made.stat().st_size > 100_000


def test_the_uninstaller_is_signed(payload: Path, tmp_path: Path) -> None:
    """makensis calls the signer; what it gets is a program, and afterwards has a signature."""
    kept = tmp_path / "uninstaller.exe"
    script = tmp_path / "sign.sh"
    command = shlex.join(Signer(make_certificate(tmp_path)).command)
    script.write_text(f'set -e\n{command} "$1"\ncp "$1" {kept}\n', encoding="utf-8")
    build.build_installer(payload, tmp_path / "Slipway-test.exe", ("sh", str(script)), quickly=True)
    assert is_signed(kept, tmp_path / "cert.pem")


def test_another_nsis_is_refused(payload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in nsis_source().files:
        path = tmp_path / "nsis" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((build.SHARE / name).read_bytes())
    monkeypatch.setattr(build, "SHARE", tmp_path / "nsis")
    build.checked_makensis()
    plugin = tmp_path / "nsis" / "Plugins" / "amd64-unicode" / "nsExec.dll"
    plugin.write_bytes(plugin.read_bytes() + b"x")
    with pytest.raises(StepError, match=r"nsExec\.dll is not that of NSIS"):
        build.checked_makensis()
    plugin.unlink()
    with pytest.raises(StepError, match="missing"):
        build.checked_makensis()
