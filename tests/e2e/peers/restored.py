"""Remove from the engine what a suite left there, so that the next test finds it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cli import Program

LISTINGS = {
    "container": ("ps", "-aq", "--no-trunc"),
    "network": ("network", "ls", "-q", "--no-trunc"),
    "volume": ("volume", "ls", "-q"),
    "image": ("image", "ls", "--format", "{{.Repository}}:{{.Tag}}"),
}
"""Kind → how the docker CLI lists it, in the order in which it can be removed."""


@contextmanager
def restored(docker: Program) -> Iterator[None]:
    """Afterwards the engine has no container, network, volume and image more than before."""
    before = listed(docker)
    yield
    for kind in LISTINGS:
        new = {name for name in listed(docker)[kind] - before[kind] if "<none>" not in name}
        if new:
            docker(kind, "rm", "-f", *sorted(new))
    docker("image", "prune", "-f")


def listed(docker: Program) -> dict[str, set[str]]:
    """Kind → what there is of it."""
    return {kind: set(docker(*listing).split()) for kind, listing in LISTINGS.items()}
