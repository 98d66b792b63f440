"""What `slipway folders` says of a carrier that could be faster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from desktop.control.schema import MOUNTED, FolderReport
from desktop.settings.schema import Settings
from desktop.supervisor.guest import MachineAccess
from desktop.supervisor.parts.folders import Folders
from vm.host import host
from vm.host.base import Installer
from vm.host.paths import Paths
from vm.machine import Machine

BY_SFTP = FolderReport("/a", "/a", MOUNTED, "sftp", "virtiofsd is not installed", "")
BY_VIRTIOFS = FolderReport("/b", "/b", MOUNTED, "virtiofs", "", "")


@pytest.mark.parametrize(
    ("carrier", "known", "whys"),
    [
        ("auto", True, ["virtiofsd is not installed (install it: get virtiofsd)", ""]),
        ("auto", False, ["virtiofsd is not installed", ""]),
        ("sftp", True, ["virtiofsd is not installed", ""]),  # it was asked for, so nothing is missing
    ],
)
async def test_a_package_is_advised_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, carrier: str, known: bool, whys: list[str]
) -> None:
    here, paths = host(), Paths(tmp_path / "h", tmp_path / "c")

    def installer(self: object, programs: Sequence[str]) -> Installer | None:
        return Installer("manager", f"get {' '.join(programs)}") if known else None

    monkeypatch.setattr(type(here), "file_servers", lambda self: ())
    monkeypatch.setattr(type(here), "installer", installer)
    monkeypatch.setattr(Folders, "folders", lambda self: [BY_SFTP, BY_VIRTIOFS])
    part = Folders(paths, here, MachineAccess(Machine(paths, here)), dict)
    part.configure(Settings(folder_carrier=carrier))
    assert [report.why for report in await part.advised()] == whys
    await part.close()
