"""Imports point one way, desktop → engine → vm, and some libraries stay in one corner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.sources import Source, is_below, parse, sources

OURS = ("vm", "engine", "desktop", "installers", "tests")


@dataclass(frozen=True)
class Rule:
    """``who`` (but not ``but``) imports nothing of ours outside ``may``, and nothing of ``never`` at all."""

    who: tuple[str, ...]
    may: tuple[str, ...]
    never: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def breaches(self, source: Source) -> list[str]:
        if not is_below(source.module, *self.who) or (self.but and is_below(source.module, *self.but)):
            return []
        return [
            f"{source.path}:{line}: {source.module} imports {name}"
            for name, line in source.imports()
            if is_below(name, *self.never) or (is_below(name, *OURS) and not is_below(name, *self.may))
        ]


LAYERS = {
    "vm knows nothing above it": Rule(("vm",), ("vm",)),
    "engine sees five parts of vm": Rule(
        ("engine",), ("engine", "vm.errors", "vm.files", "vm.host", "vm.guest", "vm.tasks")
    ),
    "the command line is a client": Rule(
        ("desktop.cli",),
        (
            "desktop.cli",
            "desktop.control",
            "desktop.settings",
            "engine.client",
            "engine.contexts",
            "vm.errors",
        ),
        never=("vm.machine", "desktop.supervisor", "desktop.settings.store"),
    ),
    "the window is a client": Rule(
        ("desktop.ui",),
        (
            *("desktop.ui", "desktop.control", "desktop.settings", "vm.errors"),
            *(
                "engine.client",
                "engine.remote",
                "engine.kubernetes.client",
                "engine.backends.features",
            ),  # other engines are reached from the window
        ),
        never=("vm.machine", "desktop.supervisor", "desktop.cli", "desktop.settings.store"),
    ),
    "the control API's client starts no machine": Rule(
        ("desktop.control",),
        ("desktop.control", "desktop.settings", "engine", "vm"),
        never=("vm.machine", "desktop.supervisor"),
    ),
    "no part, operation or lifecycle receives the supervisor": Rule(
        ("desktop.supervisor",),
        ("desktop", "engine", "vm"),
        never=("desktop.supervisor.app", "desktop.supervisor.handlers"),
        but=("desktop.supervisor.app", "desktop.supervisor.handlers", "desktop.supervisor.__main__"),
    ),
    "a lifecycle knows no part": Rule(
        ("desktop.supervisor.lifecycle",),
        ("desktop", "engine", "vm"),
        never=("desktop.supervisor.parts", "desktop.supervisor.operations"),
    ),
    "parts know no operation": Rule(
        ("desktop.supervisor.parts",),
        ("desktop", "engine", "vm"),
        never=("desktop.supervisor.operations", "desktop.supervisor.server"),
    ),
    "nothing shipped imports installers or tests": Rule(
        ("vm", "engine", "desktop"), ("vm", "engine", "desktop"), never=("installers", "tests")
    ),
}

CONFINED = {
    "paramiko": ("vm.guest.ssh", "vm.guest.ssh_stream", "vm.guest.ssh_wire", "vm.guest.shell"),
    "qemu": ("vm.qemu",),
    "PySide6": ("desktop.ui", "desktop.system", "installers.common.icon"),
    "PyQt6": ("desktop.ui", "desktop.system"),
    "httpx": ("engine.client", "engine.kubernetes.client", "engine.cancellation", "desktop.control"),
    "httpcore": ("engine.client", "engine.kubernetes.client"),
    "aiohttp": ("desktop.supervisor", "desktop.control", "engine.kubernetes.client.channels"),
    "click": ("desktop.cli", "installers.linux"),
    "msgspec": ("desktop.control",),
    "dns": ("vm.host",),
    "yaml": ("engine.kubernetes.client.manifest",),
    "uvloop": ("vm.host",),
    "watchdog": ("engine.file_events.watcher", "engine.file_events.inotify", "engine.file_events.windows"),
}
"""Library → the modules of ours that may import it. The tests may use what they like."""


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    breaches = [breach for source in sources() for breach in LAYERS[name].breaches(source)]
    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize("library", CONFINED)
def test_libraries_stay_in_their_corner(library: str) -> None:
    breaches = [
        f"{source.path}:{line}: {name}"
        for source in sources()
        if not is_below(source.module, "tests", *CONFINED[library])
        for name, line in source.imports()
        if is_below(name, library)
    ]
    assert not breaches, "\n" + "\n".join(breaches)


def test_the_bootstrap_needs_only_the_standard_library() -> None:
    """dev.py runs before anything is installed; fetch.py alone runs in the virtual environment."""
    import sys

    allowed = {*sys.stdlib_module_names, "installers"}
    bootstrap = [
        source
        for source in sources()
        if is_below(source.module, "installers.dev", "installers.checkout")
        and source.module != "installers.checkout.fetch"
    ]
    assert len(bootstrap) >= 5
    strangers = [
        f"{source.path}:{line}: {name}"
        for source in bootstrap
        for name, line in source.imports()
        if name.split(".")[0] not in allowed or name.startswith("installers.checkout.fetch")
    ]
    assert not strangers, "\n" + "\n".join(strangers)


@pytest.mark.parametrize(
    "text",
    [
        "import desktop.cli",
        "from desktop import cli",
        "def late():\n    from desktop.cli import main",
        "from ... import desktop",
    ],
)
def test_a_wrong_import_is_seen(text: str, tmp_path: Path) -> None:
    """The rule itself can fail: every way of writing the import is found."""
    file = tmp_path / "vm" / "guest" / "wrong.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert LAYERS["vm knows nothing above it"].breaches(parse(file, tmp_path))
