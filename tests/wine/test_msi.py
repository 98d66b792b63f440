"""The MSI on Windows: for all users, without a question, and removed without a trace."""

from __future__ import annotations

from pathlib import Path

from installers.common.product import version
from installers.common.tree import files_below
from installers.windows.msi.build import build_msi
from tests.wine.installed import wait_for_supervisor
from tests.wine.prefix import fresh_prefix
from tests.wine.registry import value
from tests.wine.system import WineSystem
from tests.wine.windows import INSTALLED

OF_ALL = "HKEY_LOCAL_MACHINE"
VARIABLES = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
SECONDS = 400.0


def files(wine: WineSystem) -> set[str]:
    """Everything outside Windows' own folder and the user's data."""
    data = wine.host_path(r"C:\users\slipway\AppData\Local\Slipway")
    found = {path for path in wine.drive_c.rglob("*") if not path.is_relative_to(data)}
    names = {path.relative_to(wine.drive_c).as_posix() for path in found}
    return {name for name in names if not name.startswith("windows/")}


def test_it_is_installed_and_removed(payload: Path, tmp_path: Path) -> None:
    build_msi(payload, tmp_path / "Slipway.msi")
    with WineSystem(fresh_prefix(), {tmp_path: r"C:\setup"}) as wine:
        before, path = files(wine), value(wine, OF_ALL, VARIABLES, "Path")
        done = wine.run(["msiexec", "/i", r"C:\setup\Slipway.msi", "/qn"], seconds=SECONDS)
        assert done.code == 0, done
        top = wine.host_path(INSTALLED)
        wanted = {path.relative_to(payload).as_posix() for path in files_below(payload)}
        assert {path.relative_to(top).as_posix() for path in files_below(top)} == wanted
        assert value(wine, OF_ALL, VARIABLES, "Path") == rf"{path};{INSTALLED}\bin;{INSTALLED}\docker"
        assert any(name.endswith("Start Menu/Programs/Slipway.lnk") for name in files(wine))
        done = wine.run(["cmd", "/c", "slipway --version"])
        assert (done.code, done.output.strip()) == (0, f"slipway {version()}"), done

        window = wine.popen([rf"{INSTALLED}\Slipway.exe"])
        wait_for_supervisor(wine, INSTALLED)
        done = wine.run(["msiexec", "/x", r"C:\setup\Slipway.msi", "/qn"], seconds=SECONDS)
        assert done.code == 0, done
        assert window.wait() == 0
        assert files(wine) == before
        assert value(wine, OF_ALL, VARIABLES, "Path").rstrip(";") == path
