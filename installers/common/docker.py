"""The docker command, its plugins, and ``dockerd.exe``: compiled from their Go modules by a Go of known content.

The ``go`` command fetches the modules from wherever this user's configuration says; sources.toml has their hashes.
The docker CLI has no ``go.mod``: its requirements are in ``vendor.mod``.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from installers.checkout.console import StepError, run_quietly
from installers.common.layout import Layout
from installers.common.packages import GO_LOCK, go_toolchain
from installers.common.sources import GoSource, go_source
from installers.common.store import keep, key_of

HERE = Path(__file__).resolve().parent

ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOARCH": "amd64",
    "GOFLAGS": "-buildvcs=false",
    "GOOS": "",  # of each package
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
"""How Go is to compile (``go help environment``); where modules come from stays as the user has it."""

LICENCES = "licences.txt"
LICENCE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")
MODULES = '{{with .Module}}{{.Path}} {{.Version}}{{"\\t"}}{{.Dir}}{{end}}'
"""What ``go list`` prints for each package: its module and the folder with that."""


def environment(layout: Layout) -> dict[str, str]:
    """The variables for one system."""
    return {**ENVIRONMENT, "GOOS": layout.system}


def docker_program(name: str, layout: Layout) -> Path:
    """One of the programs (:data:`installers.common.sources.PROGRAMS`), compiled for a system.

    :raise StepError: Go has failed; with its last lines.
    """
    source = go_source(name, layout)

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="slipway-go-") as scratch:
            build(source, layout, Path(scratch), folder / Path(source.program).name)

    added = [(HERE / name).read_bytes() for name in source.added]
    key = key_of(repr(source), *source.tags, repr(environment(layout)), GO_LOCK.read_bytes(), *added)
    return keep(f"{layout.system}-{name}", key, make) / Path(source.program).name


def build(source: GoSource, layout: Layout, scratch: Path, target: Path) -> None:
    """Compile the program of a module.

    :param scratch: an empty folder.
    :raise StepError: Go has failed, or the module is not the one of sources.toml.
    """
    go, variables, module = prepare(source, layout, scratch)
    argv: list[str | Path] = [go, "build", "-trimpath", "-mod=readonly", "-ldflags", source.flags]
    argv += source.constraints
    argv += ["-o", target, source.package]
    run_quietly(f"compiling {target.name}", argv, variables, folder=module)


def docker_licences(name: str, layout: Layout) -> Path:
    """A file with the licences of all modules that one of the programs is made of.

    :raise StepError: Go has failed, or a module has none.
    """
    source = go_source(name, layout)

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="slipway-go-") as scratch:
            text = licences(source, layout, Path(scratch))
            (folder / LICENCES).write_text(text, encoding="utf-8", newline="\n")

    key = key_of(repr(source), *source.tags, repr(environment(layout)), MODULES)
    return keep(f"{layout.system}-{name}-licences", key, make) / LICENCES


def licences(source: GoSource, layout: Layout, scratch: Path) -> str:
    """The licences of the modules in a program, each module under its name and version.

    :raise StepError: Go has failed, or a module has none.
    """
    go, variables, module = prepare(source, layout, scratch)
    title = f"listing the modules of {Path(source.program).name}"
    argv: list[str | Path] = [go, "list", "-mod=readonly", "-deps", "-f", MODULES]
    argv += [*source.constraints, source.package]
    parts = []
    for line in sorted(set(run_quietly(title, argv, variables, folder=module).split("\n")) - {""}):
        name, _, folder = line.partition("\t")
        texts = [path for path in sorted(Path(folder).iterdir()) if path.name.upper().startswith(LICENCE_NAMES)]
        if not texts:
            raise StepError(f"{name} has no licence in {folder}")
        parts += [f"{'=' * 100}\n{name}: {path.name}\n\n{_text(path)}\n" for path in texts if path.is_file()]
    return "\n".join(parts)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip()


def prepare(source: GoSource, layout: Layout, scratch: Path) -> tuple[Path, dict[str, str], Path]:
    """Lay out a module so that Go can compile it: the program ``go``, its variables, and the module's folder.

    :raise StepError: Go has failed, or the module is not the one of sources.toml.
    """
    go = go_toolchain() / "bin" / "go"
    variables = {**environment(layout), "GOROOT": str(go.parent.parent)}
    module = scratch / "module"
    shutil.copytree(fetch(source, go, variables, scratch), module)
    for path in [module, *module.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # Go's own copy is read-only
    if (module / "vendor.mod").exists():
        (module / "vendor.mod").rename(module / "go.mod")
        (module / "vendor.sum").rename(module / "go.sum")
    shutil.rmtree(module / "vendor", ignore_errors=True)
    for name, place in source.added.items():
        shutil.copyfile(HERE / name, module / place)
    return go, variables, module


def fetch(source: GoSource, go: Path, variables: dict[str, str], scratch: Path) -> Path:
    """The module's folder among those that Go keeps, fetched first when it is not there.

    :raise StepError: it cannot be had, or is not the one of sources.toml.
    """
    (scratch / "go.mod").write_text("module fetching\n", encoding="ascii")
    name = f"{source.module}@{source.version}"
    answer = json.loads(
        run_quietly(f"fetching {name}", [go, "mod", "download", "-json", name], variables, scratch)
    )
    if answer.get("Sum") != source.sum:
        raise StepError(f"{name} is not what sources.toml says: its hash is {answer.get('Sum')}")
    return Path(answer["Dir"])
