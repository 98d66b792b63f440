"""What images are made of: the recipe and its address, archives, libraries, modules, sources of packages."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vm.errors import HostError, ImageError
from vm.image import fetch
from vm.image.build import pack_kernel
from vm.image.cpio import CpioWriter
from vm.image.elf import read_needs
from vm.image.modules import ModuleSet, needed_by, read_tree
from vm.image.recipe import Recipe, load_recipe, read_recipe
from vm.image.tree import RootTree
from vm.spec import Arch

# -- the recipe ---------------------------------------------------------------------------------------------------


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """The project's own, in a copy that may be changed."""
    own = load_recipe()
    folders = []
    for number, folder in enumerate((own.initramfs, own.native, *own.rootfs)):
        folders.append(tmp_path / str(number))
        shutil.copytree(folder, folders[-1], symlinks=True)
    (tmp_path / "recipe.toml").write_bytes(own.text)
    return read_recipe(tmp_path / "recipe.toml", tuple(folders[2:]), folders[0], folders[1])


def test_the_address_does_not_depend_on_the_place(recipe: Recipe) -> None:
    assert recipe.version(Arch.AMD64) == load_recipe().version(Arch.AMD64)
    assert recipe.version(Arch.AMD64) != recipe.version(Arch.ARM64)


def test_the_address_changes_with_each_part(recipe: Recipe, tmp_path: Path) -> None:
    seen = {recipe.version(Arch.AMD64)}
    script = recipe.initramfs / "init"
    script.write_text(script.read_text() + "#\n")
    seen.add(recipe.version(Arch.AMD64))
    for folder in (recipe.native, *recipe.rootfs):
        (folder / "new").write_text("x")
        seen.add(recipe.version(Arch.AMD64))
        (folder / "new").rename(folder / "other")
        seen.add(recipe.version(Arch.AMD64))
    text = (tmp_path / "recipe.toml").read_text()
    (tmp_path / "recipe.toml").write_text(text + "\n")
    changed = read_recipe(tmp_path / "recipe.toml", recipe.rootfs, recipe.initramfs, recipe.native)
    seen.add(changed.version(Arch.AMD64))
    assert len(seen) == 2 + 2 * (1 + len(recipe.rootfs)) + 1


def test_the_address_does_not_depend_on_the_umask(recipe: Recipe) -> None:
    before = recipe.version(Arch.AMD64)
    (recipe.rootfs[0] / "etc" / "hostname").chmod(0o600)
    assert recipe.version(Arch.AMD64) == before


@pytest.mark.parametrize("text", ["", "not toml [", "[debian]\n"])
def test_recipes_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ImageError, match="recipe"):
        read_recipe(path, (), tmp_path, tmp_path)
    with pytest.raises(ImageError, match="recipe"):
        read_recipe(tmp_path / "none.toml", (), tmp_path, tmp_path)


def test_missing_guest_files(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="missing"):
        read_recipe(tmp_path / "recipe.toml", (tmp_path / "nothing",), recipe.initramfs, recipe.native).version(
            Arch.AMD64
        )


# -- archives, libraries, modules ---------------------------------------------------------------------------------


def test_the_kernel_could_unpack_the_archive(tmp_path: Path) -> None:
    """Read by busybox's cpio, which is not ours."""
    archive = CpioWriter()
    archive.folder("dev")
    archive.file("bin/tool", b"x" * 5, 0o755)
    archive.link("bin/sh", "tool")
    archive.device("dev/console", 5, 1)
    with pytest.raises(ValueError, match="already"):
        archive.file("bin/tool", b"")
    data = archive.finish()
    listed = subprocess.run(["busybox", "cpio", "-tv"], input=data, capture_output=True, text=False, check=True)
    lines = listed.stdout.decode().splitlines()
    assert any(line.startswith("-rwxr-xr-x") and line.endswith("bin/tool") for line in lines)
    assert any("bin/sh -> tool" in line for line in lines)
    assert len(data) % 4 == 0


def test_only_a_bare_arm64_kernel_is_packed() -> None:
    bare, own = bytes(56) + b"ARMd" + bytes(4096), b"MZ unpacks itself"
    packed = pack_kernel(bare, Arch.ARM64)
    assert gzip.decompress(packed) == bare
    assert pack_kernel(bare, Arch.ARM64) == packed  # no time of day in it
    assert pack_kernel(own, Arch.ARM64) == own
    assert pack_kernel(bare, Arch.AMD64) == bare


def test_libraries_of_a_program() -> None:
    needs = read_needs(Path(sys.executable).resolve())
    assert needs is not None
    assert any(library.startswith("libc.so") for library in needs.libraries)
    assert "ld-linux" in (needs.interpreter or "")


def test_what_is_no_program(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("#!/bin/sh\n")
    assert read_needs(path) is None
    path.write_bytes(b"\x7fELF\x02\x01" + b"\0" * 10)
    with pytest.raises(ValueError, match="damaged"):
        read_needs(path)
    path.write_bytes(b"\x7fELF\x01\x01" + b"\0" * 100)
    with pytest.raises(ValueError, match="64-bit"):
        read_needs(path)


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A kernel package with three modules, of which one needs the others."""
    folder = tmp_path / "tree/usr/lib/modules/6.1-x"
    (folder / "kernel/net").mkdir(parents=True)
    (folder / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    for name, depends in (("low", b""), ("mid-dle", b"low"), ("top", b"mid-dle,low")):
        content = b"\0license=GPL\0depends=" + depends + b"\0"
        (folder / f"kernel/net/{name}.ko.xz").write_bytes(lzma.compress(content))
    return tmp_path / "tree"


def test_modules_come_after_what_they_need(kernel: Path) -> None:
    modules = ModuleSet(read_tree(kernel))
    assert modules.in_order(["top", "ext4"]) == ["low", "mid_dle", "top"]
    assert modules.place("top") == "usr/lib/modules/6.1-x/kernel/net/top.ko"
    with pytest.raises(ImageError, match="no module nothing"):
        modules.add("nothing")


def test_modules_by_pattern(kernel: Path) -> None:
    modules = ModuleSet(read_tree(kernel))
    modules.add_matching(["net/mid*"])
    assert set(modules.content) == {"mid_dle", "low"}


def test_two_kernels(kernel: Path) -> None:
    (kernel / "usr/lib/modules/6.2-x/kernel").mkdir(parents=True)
    with pytest.raises(ImageError, match="single kernel"):
        read_tree(kernel)


def test_soft_dependencies_count() -> None:
    assert needed_by(b"\0depends=a-b\0softdep=pre: c d post: e\0") == ["a_b", "c", "d"]


def test_a_root_takes_links_and_libraries_along(tmp_path: Path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    (source / "usr/bin").mkdir(parents=True)
    (source / "usr/bin/real").write_text("#!/bin/sh\n")
    (source / "usr/bin/real").chmod(0o755)
    (source / "usr/bin/name").symlink_to("../bin/real")
    root = RootTree(source, target, Arch.AMD64)
    root.take("usr/bin/na*")
    assert (target / "usr/bin/real").stat().st_mode & 0o777 == 0o755
    assert (target / "usr/bin/name").is_symlink()
    with pytest.raises(ImageError, match="hold no usr/bin/nothing"):
        root.take("usr/bin/nothing")


def test_a_library_that_no_package_brings(tmp_path: Path) -> None:
    source = tmp_path / "s"
    (source / "usr/bin").mkdir(parents=True)
    shutil.copyfile(Path(sys.executable).resolve(), source / "usr/bin/python")
    loader = source / "usr/lib64" / "ld-linux-x86-64.so.2"
    loader.parent.mkdir()
    loader.write_text("")
    with pytest.raises(ImageError, match=r"holds the library|hold no"):
        RootTree(source, tmp_path / "t", Arch.AMD64).take("usr/bin/python")


# -- packages -----------------------------------------------------------------------------------------------------


def test_the_hosts_own_sources_are_used() -> None:
    targets = (
        "Debian|main|bookworm|http://mirror.example/debian/\n"
        "Debian|main|bookworm-updates|http://mirror.example/debian/\n"
        "Debian|main|bookworm-security|http://security.example/debian-security/\n"
        "Debian|contrib|bookworm|http://other.example/debian/\n"
        "Vendor|main|stable|http://vendor.example/apt/\n"
    )
    lines = fetch.sources_from(targets, "trixie")
    assert lines == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://security.example/debian-security trixie-security main",
    ]
    newer = fetch.newer_line(lines, "trixie", "forky")
    assert newer == "deb [check-valid-until=no] http://mirror.example/debian forky main"
    assert fetch.sources_from("Ubuntu|main|noble|http://u.example/ubuntu/\n", "trixie") == []


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostError, match=r"mkfs\.nothing is missing"):
        fetch.find_tool("mkfs.nothing")
    monkeypatch.setattr(fetch, "KEYRING", Path("/nothing"))
    with pytest.raises(HostError, match="archive keys") as caught:
        fetch.check_tools()
    assert caught.value.hint


def test_a_system_that_builds_no_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not told to install Debian's programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="your computer cannot build it") as caught:
        fetch.check_tools()
    assert caught.value.hint.startswith("Install Slipway again")


async def test_a_program_that_fails_shows_its_last_lines(tmp_path: Path) -> None:
    script = tmp_path / "fails"
    script.write_text("#!/bin/sh\necho one\necho the reason >&2\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(ImageError, match="it failed") as caught:
        async for _ in fetch.run_lines([os.fspath(script)], b"", "it failed", [], hint="try that"):
            pass
    assert "the reason" in caught.value.detail
    assert caught.value.hint == "try that"
    script.write_text("#!/bin/sh\necho tar: No space left on device >&2\nexit 2\n")
    with pytest.raises(HostError, match="disk is full"):
        async for _ in fetch.run_lines([os.fspath(script)], b"", "it failed", []):
            pass
