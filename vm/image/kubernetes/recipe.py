"""Read the recipe of the Kubernetes image; its version is a hash over all that goes in."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.errors import ImageError
from vm.image.recipe import feed, walk
from vm.spec import Arch

HERE = Path(__file__).resolve().parent
TESTS = "_test.go"
"""What Go's own tests end with, which are in no program."""


@dataclass(frozen=True)
class GoProgram:
    """A program in Go.

    :ivar folder: has its ``go.mod``.    :ivar variables: what the linker sets: ``package.name=value``.
    """

    name: str
    folder: Path
    variables: tuple[str, ...]


@dataclass(frozen=True)
class KubernetesRecipe:
    """The recipe as values.

    :ivar folder: where the recipe and all that goes in is.
    """

    folder: Path
    data: dict[str, Any]

    @property
    def expect_go(self) -> str:
        """What the version of Go begins with."""
        return str(self.data["go"]["expect"])

    @property
    def parallel(self) -> int:
        """How many packages are compiled at once."""
        return int(self.data["go"]["parallel"])

    @property
    def programs(self) -> list[GoProgram]:
        """What is compiled, in the recipe's order."""
        return [
            GoProgram(name, self.folder / entry["folder"], tuple(entry["variables"]))
            for name, entry in self.data["programs"].items()
        ]

    @property
    def pause(self) -> Path:
        """The source of the pause program."""
        return self.folder / "pause.c"

    @property
    def rootfs(self) -> Path:
        """Files that are copied."""
        return self.folder / "rootfs"

    @property
    def cluster(self) -> int:
        """Bytes of erofs' largest compressed cluster (mkfs.erofs(1), ``-C``)."""
        return int(self.data["root"]["cluster"])

    @property
    def links(self) -> dict[str, str]:
        return dict(self.data["root"]["links"])

    def version(self, arch: Arch) -> str:
        """The image's content address: 16 hex digits over everything that goes in.

        :raise ImageError: a file cannot be read.
        """
        digest = hashlib.sha256()
        feed(digest, "arch", arch.value.encode())
        for name, kind, content in walk(self.folder):
            if not name.endswith((".py", TESTS)):
                feed(digest, f"{kind} {name}", content)
        return digest.hexdigest()[:16]


def load_kubernetes_recipe(folder: Path = HERE) -> KubernetesRecipe:
    """Read the project's recipe, or that of another folder (tests have their own).

    :raise ImageError: it is missing or not what it should be.
    """
    path = folder / "recipe.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImageError(
            "The recipe of the Kubernetes image cannot be read", "Reinstall Slipway.", f"{path}: {error}"
        ) from error
    missing = {"go", "programs", "root"} - data.keys()
    if missing:
        raise ImageError(
            "The recipe of the Kubernetes image is incomplete",
            "Reinstall Slipway.",
            f"{path}: no {sorted(missing)}",
        )
    return KubernetesRecipe(folder, data)
