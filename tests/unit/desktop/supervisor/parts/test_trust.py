"""Certificates of the host: what cannot be read is a warning, and costs the machine nothing else."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.control.schema import CallerEnvironment
from desktop.settings.schema import Settings
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.trust import HostTrust
from desktop.supervisor.warnings import Warnings
from engine import trust
from tests.unit.broken_files import KINDS, broken, roomy_folder
from tests.unit.engine.no_link import NoLink
from tests.unit.sshd import eventually
from vm.guest.stream import Completed
from vm.host import certificates, host


class Machine(NoLink):
    """Takes archives."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        self.given.append(input)
        return Completed(0, b"", b"")


class Kit:
    def __init__(self, folder: Path) -> None:
        self.registries = folder / "docker" / "certs.d"
        self.environment = UserEnvironment()
        self.environment.use(CallerEnvironment.of({"DOCKER_CONFIG": str(folder / "docker")}))
        self.warnings = Warnings()
        self.part = HostTrust(host(), self.environment, self.warnings)
        (self.registries / "good.test").mkdir(parents=True)
        (self.registries / "good.test" / "ca.crt").write_text("good")

    async def names(self) -> list[str]:
        plan = BootPlan(Settings(), None)
        await self.part.plan(plan)
        return names(plan.config["trust"])


def names(archive: bytes) -> list[str]:
    """The certificates of registries in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return [Path(name).parent.name for name in tar.getnames() if name.startswith(trust.REGISTRIES)]


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.setattr(trust, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(trust, "SYSTEM_REGISTRIES", Path("/nowhere"))
    monkeypatch.setattr(certificates, "BUNDLES", ())
    monkeypatch.setattr(certificates, "ANCHORS", ())
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with roomy_folder() as folder:
        yield Kit(folder)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("a file for a folder", "no descriptors")])
async def test_one_that_cannot_be_read_is_passed_over(kit: Kit, kind: str) -> None:
    with broken(kit.registries / "bad.test" / "ca.crt", kind):
        assert await kit.names() == ["good.test"]
        (warning,) = kit.warnings.list()
    assert "bad.test" in warning.message
    assert os.strerror(KINDS[kind]) in warning.message
    assert warning.hint
    (kit.registries / "bad.test").rename(kit.registries.parent / "away")
    assert await kit.names() == ["good.test"]
    assert kit.warnings.list() == ()


async def test_the_folder_of_another_configuration_is_followed(kit: Kit) -> None:
    other = kit.registries.parent.parent / "other"
    (other / "certs.d" / "other.test").mkdir(parents=True)
    (other / "certs.d" / "other.test" / "ca.crt").write_text("other")
    machine = Machine()
    kit.part._task.use(machine)  # noqa: SLF001 - what attach() does with a guest
    await eventually(lambda: len(machine.given) == 1)
    kit.environment.use(CallerEnvironment.of({"DOCKER_CONFIG": str(other)}))
    await eventually(lambda: names(machine.given[-1]) == ["other.test"])
    await kit.part.close()


async def test_a_running_machine_keeps_them_while_no_file_can_be_opened(kit: Kit) -> None:
    machine = Machine()
    kit.part._task.use(machine)  # noqa: SLF001 - as above
    await eventually(lambda: len(machine.given) == 1)
    with broken(kit.registries.parent / "x", "no descriptors"):
        await eventually(lambda: "too many files are open" in kit.part.report().error)
        assert kit.warnings.list()
    await eventually(lambda: kit.warnings.list() == ())
    assert len(machine.given) == 1 or names(machine.given[-1]) == ["good.test"]
    assert all(names(archive) == ["good.test"] for archive in machine.given)
    await kit.part.close()
