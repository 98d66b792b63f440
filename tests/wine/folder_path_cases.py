"""Cases for what a client on Windows writes in front of the colon of ``-v``, run as folder_cases.py is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from desktop.settings import shares
from engine.endpoint.admission.real_place import real_place
from vm.guest.hostpath import to_guest


def test_every_spelling(folder: Path) -> None:
    """All lead to the one name that the machine has, in the letters of the disk."""
    inside = folder / "Project Ä" / "Sub"
    inside.mkdir(parents=True)
    wanted, path = to_guest(str(inside)), str(inside)
    assert wanted.startswith("/c/")
    slashes = path.replace("\\", "/")
    for spelling in (
        path,
        slashes,
        f"{slashes}/",
        f"{slashes}/../Sub/.",
        f"\\\\?\\{path}",
        slashes[0].lower() + slashes[1:],
        wanted,
        f"/{wanted}",
        f"/C{wanted[2:]}",
        path.upper(),
        wanted.upper(),
        wanted.lower(),
    ):
        found = real_place(spelling, [str(folder)])
        assert found.guest == wanted, (spelling, found)
        assert found.by_share, spelling
        assert found.may_be_hosts, spelling


def test_what_is_not_there_yet(folder: Path) -> None:
    """Docker makes it."""
    assert real_place(f"{folder}\\New\\Place", [str(folder)]).guest == f"{to_guest(str(folder))}/New/Place"


def test_what_is_elsewhere(folder: Path) -> None:
    outside = real_place(r"c:\windows\System32", [str(folder)])
    assert (outside.guest, outside.by_share, outside.may_be_hosts) == (None, False, True)
    assert Path(outside.path).samefile(r"C:\windows\system32")
    assert real_place("/c/windows", [str(folder)]).path == r"C:\windows"
    for path in ("/var/run/docker.sock", "//var/run/docker.sock", "/", "/etc"):
        found = real_place(path, [str(folder)])
        assert (found.path, found.guest) == (to_guest(path), None)
        assert not found.may_be_hosts


def test_what_can_be_shared(folder: Path) -> None:
    assert shares.problem([str(folder)]) is None
    assert shares.missing([str(folder)]) is None
    assert shares.missing([str(folder / "none")]) is not None
    for path in (r"\\server\share", r"\\wsl$\Ubuntu", "C:\\", r"C:\Windows\Temp", r"C:\program files", "relative"):
        assert shares.problem([path]) is not None, path
    upper = str(folder).upper()
    assert shares.shared([str(folder), upper]) == (os.path.realpath(folder),)


def main() -> None:
    """All of them."""
    for name, run in list(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                run(Path(os.path.realpath(folder)))
            print(f"passed {name}")


if __name__ == "__main__":
    main()
