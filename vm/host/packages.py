"""Which packages bring the programs that Slipway needs, by what Linux's package managers know.

Names differ between systems and their releases: Debian 12 has no package virtiofsd, Debian 13 has one. So the
manager's own index is asked, without network, and a package is named to the user only when it is in there.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vm.host.base import Installer

log = logging.getLogger(__name__)

QUERY_SECONDS = 5.0
"""For one question to a package manager; apt-cache takes up to 0.7 s on two busy cores."""


@dataclass(frozen=True)
class Manager:
    """A package manager.

    :ivar command: what the user types before the packages' names.
    :ivar query: asks its index, followed by the packages' names; prints those it knows.
    :ivar known: finds a known package's name in what that prints, as its first group.
    :ivar packages: program → the packages that bring it, best first; without an entry, one of the program's name.
    """

    name: str
    command: str
    query: tuple[str, ...]
    known: str
    packages: Mapping[str, tuple[str, ...]]


MANAGERS = (
    Manager(
        "apt",
        "sudo apt install",
        ("apt-cache", "policy"),
        r"^(\S+):\n  Installed: .*\n  Candidate: (?!\(none\))",  # apt-cache(8)
        {
            "qemu-system-x86_64": ("qemu-system-x86",),
            "qemu-system-aarch64": ("qemu-system-arm",),
            "qemu-img": ("qemu-utils",),
            "docker": ("docker-cli", "docker-ce-cli"),
        },
    ),
    Manager(
        "dnf",
        "sudo dnf install",
        ("dnf", "--cacheonly", "--quiet", "repoquery", "--queryformat", r"%{name}\n"),
        r"^(\S+)$",
        {
            "qemu-system-x86_64": ("qemu-system-x86-core", "qemu-kvm-core"),
            "qemu-system-aarch64": ("qemu-system-aarch64-core", "qemu-kvm-core"),
            "docker": ("docker-cli", "docker-ce-cli"),
        },
    ),
    Manager(
        "pacman",
        "sudo pacman -S",
        ("pacman", "-Si"),
        r"^Name\s*:\s*(\S+)$",  # pacman(8)
        {"qemu-system-x86_64": ("qemu-system-x86",)},
    ),
    Manager(
        "zypper",
        "sudo zypper install",
        ("zypper", "--non-interactive", "--no-refresh", "search", "--match-exact", "--type", "package"),
        r"^[^|\n]*\|\s*(\S+)\s*\|",  # a table: status, name, summary, type
        {
            "qemu-system-x86_64": ("qemu-x86",),
            "qemu-system-aarch64": ("qemu-arm",),
            "qemu-img": ("qemu-img", "qemu-tools"),
        },
    ),
    Manager(
        "apk",
        "sudo apk add",
        ("apk", "search", "--exact"),
        r"^(\S+?)(?:-\d\S*)?$",  # apk-search(8): name and version
        {"docker": ("docker-cli",)},
    ),
)


def find_installer(programs: Sequence[str]) -> Installer | None:
    """What installs ``programs``: see :meth:`vm.host.base.Host.installer`."""
    for manager in MANAGERS:
        if shutil.which(manager.name) is None:
            continue
        wanted = [manager.packages.get(program, (program,)) for program in programs]
        known = known_packages(manager, sorted({name for names in wanted for name in names}))
        chosen = [name for names in wanted for name in [name for name in names if name in known][:1]]
        if len(chosen) == len(programs):
            return Installer(manager.name, f"{manager.command} {' '.join(dict.fromkeys(chosen))}")
    return None


def known_packages(manager: Manager, names: Sequence[str]) -> set[str]:
    """Those of the packages that are in the manager's index; none when it does not answer."""
    with tempfile.TemporaryFile() as output:  # not a pipe, which a process below it could hold open
        try:
            subprocess.run(
                [*manager.query, *names],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
                timeout=QUERY_SECONDS,
                check=False,  # some of them fail when one of the names is not known
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("%s does not say which packages there are: %s", manager.name, error)
            return set()
        output.seek(0)
        text = output.read().decode(errors="replace")
    return set(names).intersection(re.findall(manager.known, text, re.MULTILINE))
