"""What of Debian comes along: the libraries that programs need, found in unpacked packages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from installers.checkout.console import StepError
from installers.linux import bundle
from installers.linux.bundle import FOLDERS, GLIBC, find, needed, take_qemu
from vm.image.elf import read_needs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Unpacked packages, with a program of this computer's and its libraries."""
    tree = tmp_path / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    shutil.copyfile("/bin/ls", tree / "usr/bin/qemu")
    folder = tree / FOLDERS[0]
    folder.mkdir(parents=True)
    for path in here(Path("/bin/ls")):
        shutil.copyfile(path, folder / path.name)
    for name in ("usr/share/qemu/x.bin", "usr/share/doc/qemu/copyright"):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_text(name)
    return tree


def here(program: Path) -> set[Path]:
    """The libraries of a program, and theirs, on this computer."""
    found: set[Path] = set()
    needs = read_needs(program)
    assert needs is not None
    for name in set(needs.libraries) - GLIBC:
        path = Path("/lib/x86_64-linux-gnu") / name
        found |= {path, *here(path)}
    return found


def test_libraries_of_libraries_are_needed_too(tree: Path) -> None:
    names = [path.name for path in needed(tree, [tree / "usr/bin/qemu"])]
    assert names == sorted(path.name for path in here(Path("/bin/ls")))
    assert {"libselinux.so.1", "libpcre2-8.so.0"} <= set(names)
    assert not GLIBC & set(names)


def test_one_that_is_missing_is_named(tree: Path) -> None:
    with pytest.raises(StepError, match=r"libnone\.so\.1 is not in the packages of bundle\.toml"):
        find(tree, "libnone.so.1")


def test_the_layout(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU beside its libraries, each told where its own are."""
    paths: dict[str, str] = {}
    monkeypatch.setattr(bundle, "find_program", lambda name: name)
    monkeypatch.setattr(
        bundle, "run_quietly", lambda title, argv: paths.update({path.name: argv[2] for path in argv[3:]})
    )
    made = tmp_path / "qemu"
    take_qemu(tree, made, {"programs": ["usr/bin/qemu"], "firmware": ["usr/share/qemu/x.bin"]})
    assert (made / "qemu-bundle/usr/share/qemu/x.bin").read_text() == "usr/share/qemu/x.bin"
    assert (made / "licenses/qemu.txt").read_text() == "usr/share/doc/qemu/copyright"
    assert (made / "lib/libselinux.so.1").is_file()
    assert (paths["qemu"], paths["libselinux.so.1"]) == ("$ORIGIN/lib", "$ORIGIN")
