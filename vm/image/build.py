"""Build the system image: fetch packages, put the root together, write initramfs and erofs, add it to the store.

Every step is deterministic: the same package versions and the same tools give the same bytes. Runs as an ordinary
user on Debian and Ubuntu, for its own and for the other architecture.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import platform
import re
import sys
from pathlib import Path

from vm.errors import ImageError, UserError
from vm.image.compile import check_compiler, compile_programs
from vm.image.cpio import CpioWriter
from vm.image.erofs import make_erofs
from vm.image.fetch import Progress, check_tools, fetch, find_tool, run
from vm.image.modules import ModuleSet, read_tree
from vm.image.recipe import ENGINE_ROOTFS, Recipe, load_recipe
from vm.image.store import ImageInfo, ImageStore
from vm.image.tree import compose
from vm.spec import Arch, BootFiles

ARM64_MAGIC, ARM64_MAGIC_AT = b"ARMd", 56
"""What an uncompressed arm64 kernel says of itself, and where (the same source as :func:`pack_kernel`'s)."""


async def build(
    arch: Arch,
    store: ImageStore,
    engine_rootfs: Path,
    progress: Progress,
    *,
    mirror: str | None = None,
    force: bool = False,
) -> ImageInfo:
    """Build the image for ``arch``, unless the store has it.

    Cancelling ends all programs and leaves nothing behind. A second build of the same version waits for the first
    and returns its result.

    :param engine_rootfs: the engine's guest files.
    :param progress: called with what is going on, and how far it is (0…1).
    :param mirror: address of a Debian archive; None: the host's own, else mmdebstrap's default.
    :param force: build even if the store has it (to repair a damaged one).
    :raise ImageError: the packages cannot be fetched or do not fit the recipe.
    :raise HostError: the host lacks a tool, space or a permission.
    """
    recipe = load_recipe(engine_rootfs)
    version = recipe.version(arch)
    if not force and (found := store.find(arch, version)):
        return found
    await asyncio.to_thread(check_tools)
    check_compiler()
    async with store.building(version) as work:
        if not force and (found := store.find(arch, version)):
            return found
        try:
            packages = await fetch(recipe, arch, work, mirror, progress)
            made = await make_files(recipe, arch, version, work, progress)
        except OSError as error:
            raise ImageError(
                f"The system image cannot be built: {error.strerror or error}",
                f"A build needs about 3 GB in {store.folder}; free some space and try again.",
                str(error),
            ) from error
        progress("storing", 0.95)
        about = {"created_by": "slipway", "packages": packages, "tools": await tool_versions()}
        return await asyncio.to_thread(store.add, made, version, arch, about)


async def make_files(recipe: Recipe, arch: Arch, version: str, work: Path, progress: Progress) -> Path:
    """Make kernel, initramfs and root.erofs out of ``work / "tree"``; returns the folder they are in."""
    source, native, root, made = work / "tree", work / "native", work / "root", work / "made"
    made.mkdir()
    progress("compiling the guest's programs", 0.4)
    await compile_programs(recipe, arch, source, native, work / "compiler")
    progress("putting the root together", 0.5)
    modules = ModuleSet(await asyncio.to_thread(read_tree, source))
    await asyncio.to_thread(compose, recipe, arch, source, native, root, modules)
    release = modules.tree.release
    await run([find_tool("depmod"), "-b", str(root), release], "The kernel modules cannot be indexed")
    (made / "initramfs").write_bytes(make_initramfs(recipe, source, modules))
    kernel = (source / "boot" / f"vmlinuz-{release}").read_bytes()
    (made / "kernel").write_bytes(await asyncio.to_thread(pack_kernel, kernel, arch))
    progress("compressing the root", 0.6)
    await make_erofs(root, made / "root.erofs", recipe.cluster, version)
    return made


def pack_kernel(kernel: bytes, arch: Arch) -> bytes:
    """The kernel as QEMU takes it. Debian's for amd64 unpacks itself; for arm64 that is the loader's work.

    Source: Documentation/arch/arm64/booting.rst, "Decompress the kernel image"; QEMU's loader knows gzip.
    """
    if arch is Arch.ARM64 and kernel[ARM64_MAGIC_AT:].startswith(ARM64_MAGIC):
        return gzip.compress(kernel, mtime=0)
    return kernel


def make_initramfs(recipe: Recipe, source: Path, modules: ModuleSet) -> bytes:
    """The archive the kernel unpacks first: busybox, the modules that mount the root, and our ``init``."""
    archive = CpioWriter()
    for folder in ("dev", "proc", "sys", "run", "lower", "upper", "root"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", (source / "usr/bin/busybox").read_bytes(), 0o755)
    archive.link("bin/sh", "busybox")
    order = modules.in_order(recipe.modules("initramfs"))
    for number, name in enumerate(order):
        archive.file(f"modules/{number:02}-{name}.ko", modules.content[name])
    for path in sorted(recipe.initramfs.iterdir()):
        if path.is_file():
            archive.file(path.name, path.read_bytes(), 0o755)
    return archive.finish()


async def tool_versions() -> dict[str, str]:
    """Names and versions of what made the image, for the manifest."""
    versions = {"python": platform.python_version()}
    for name, argument in (("mmdebstrap", "--version"), ("mkfs.erofs", "--help"), ("depmod", "--version")):
        process = await asyncio.create_subprocess_exec(
            find_tool(name), argument, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        found = re.search(r"(?:mkfs\.erofs|mmdebstrap|kmod version) (\d[\w.]*)", output.decode(errors="replace"))
        versions[name] = found[1] if found else "unknown"
    return versions


def digest(boot: BootFiles) -> dict[str, str]:
    """SHA-256 of each file of an image, to compare two builds."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (boot.kernel, boot.initramfs, boot.root)
    }


def main(argv: list[str]) -> int:
    """Build from a checkout without a supervisor: ``python -m vm.image.build [--arch ARCH] [--mirror URL]``."""
    parser = argparse.ArgumentParser(prog="vm.image.build", description="Build Slipway's system image.")
    here = Arch.ARM64 if platform.machine() in ("aarch64", "arm64") else Arch.AMD64
    parser.add_argument("--arch", type=Arch, choices=list(Arch), default=here)
    parser.add_argument("--store", type=Path, default=Path.home() / ".cache" / "slipway" / "images")
    parser.add_argument("--mirror", help="address of a Debian archive (default: this host's own)")
    parser.add_argument("--force", action="store_true", help="build even if the image is there")
    given = parser.parse_args(argv)

    def show(text: str, fraction: float | None) -> None:
        print(f"{'' if fraction is None else f'{fraction:4.0%} '}{text}", file=sys.stderr)

    try:
        made = asyncio.run(
            build(given.arch, ImageStore(given.store), ENGINE_ROOTFS, show, mirror=given.mirror, force=given.force)
        )
    except UserError as error:
        print(f"{error.message}.\n{error.hint}\n{error.detail}", file=sys.stderr)
        return 1
    print(made.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
