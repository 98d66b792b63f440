"""What carries folders, and what `slipway folders` says of a carrier that could be faster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from desktop.control.schema import MOUNTED, FolderReport
from desktop.settings.schema import Settings
from desktop.supervisor.guest import MachineAccess
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.folders import Folders
from vm.errors import FolderServerEnded, QemuEnded, UserError
from vm.host import host
from vm.host.base import Installer
from vm.host.paths import Paths
from vm.machine import Machine
from vm.spec import FileServer

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


async def test_without_virtiofs_until_it_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with it again because the machine crashed once more, for another cause, before it was up."""
    here, paths = host(), Paths(tmp_path / "h", tmp_path / "c")
    server = FileServer(Path("/virtiofsd"), rust=True)
    monkeypatch.setattr("desktop.supervisor.parts.folders.find", lambda _: (server, ""))
    part = Folders(paths, here, MachineAccess(Machine(paths, here)), dict)

    async def planned(failure: UserError | None) -> FileServer | None:
        plan = BootPlan(Settings(), failure)
        await part.plan(plan)
        assert (plan.file_server is None) == bool(plan.unshared)
        return plan.file_server

    crash = QemuEnded("QEMU ended unexpectedly: killed by SIGSEGV")
    assert await planned(None) is server
    assert await planned(crash) is server
    assert await planned(FolderServerEnded("the server of a shared folder ended")) is None
    assert await planned(crash) is None
    assert await planned(None) is server
    await part.close()
