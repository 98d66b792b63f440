"""WHPX where there is none: what Windows says of it beforehand, and what a trial boot of the real QEMU ends in."""

from __future__ import annotations

import json

from tests.wine.system import WineSystem
from tests.wine.windows import PYTHON

SCRIPT = """
import asyncio, json, tempfile
from pathlib import Path
from vm.host.windows import WindowsHost
from vm.qemu.accelerator import choose
from vm.qemu.process import find_qemu
from vm.spec import BootFiles

class Trying(WindowsHost):
    def obstacle(self, accelerator):
        return None

async def main():
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder) / "kernel"
        kernel.write_bytes(b"none: QEMU does not come so far")
        for host in (WindowsHost(), Trying()):
            qemu = find_qemu(host.arch, host)
            boot = BootFiles(host.arch, kernel, kernel, kernel, "f00d")
            found = await choose(qemu, boot, host, Path(folder) / "verdicts")
            trial = found.tried[0]
            print(json.dumps([found.accelerator, found.why, found.fix, trial.accelerator, trial.seconds]))

asyncio.run(main())
"""

DISM = "DISM /Online /Enable-Feature /All /FeatureName:HypervisorPlatform"


def test_the_machine_is_emulated_and_the_fix_is_named(wine: WineSystem) -> None:
    done = wine.run([PYTHON, "-c", SCRIPT])
    assert done.code == 0, done
    asked, tried = (json.loads(line) for line in done.output.splitlines())
    assert (asked[0], asked[3], asked[4]) == ("tcg", "whpx", 0.0)
    assert "feature “Windows Hypervisor Platform” is off" in asked[1]
    assert (tried[0], tried[3]) == ("tcg", "whpx")
    assert tried[4] > 0.0
    assert "a trial boot failed with “-accel whpx: Could not load library WinHvPlatform.dll.”" in tried[1]
    for found in (asked, tried):
        assert DISM in found[2]
        assert "restart Windows" in found[2]
