"""Dev containers for tests: projects in the user's home folder, and the Dev Containers CLI that starts them."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.peers.node import NodeClients

SECONDS = 600.0
"""The limit of one command of the CLI."""

IN_THE_IMAGE = frozenset({0, 70, 1000, 65534})
"""Numbers of users in the image that the tests make."""


@dataclass(frozen=True)
class Project:
    """A folder with a devcontainer.json, and the CLI.

    :ivar environment: where the engine is.
    """

    folder: Path
    clients: NodeClients
    environment: Mapping[str, str]

    def configure(self, files: Mapping[str, str] | None = None, /, **configuration: Any) -> None:
        """Write ``.devcontainer/devcontainer.json`` and other files beside it."""
        place = self.folder / ".devcontainer"
        for name, text in {**(files or {}), "devcontainer.json": json.dumps(configuration)}.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if name.endswith(".sh") else 0o644)

    def up(self, *options: str, as_user: bool = False) -> dict[str, Any]:
        """``devcontainer up``: its result, which is the last line that it prints.

        :param as_user: as a user who is not root (see :func:`user_prefix`).
        """
        prefix = user_prefix() if as_user else ()
        out = self._run("up", *options, prefix=prefix)
        result: dict[str, Any] = json.loads(out.splitlines()[-1])
        assert result["outcome"] == "success", out
        return result

    def exec(self, *command: str) -> str:
        """``devcontainer exec``: what the command prints."""
        return self._run("exec", *command)

    def _run(self, command: str, *arguments: str, prefix: tuple[str, ...] = ()) -> str:
        program = self.clients.modules / "@devcontainers" / "cli" / "devcontainer.js"
        argv = [*prefix, str(self.clients.node), str(program), command, "--workspace-folder", str(self.folder)]
        done = subprocess.run(
            [*argv, *arguments],
            env=self.clients.environment(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = f"{' '.join(argv)}: {done.returncode}\n{done.stdout}\n{done.stderr[-8000:]}"
        assert done.returncode == 0, said
        return done.stdout


def user_prefix() -> tuple[str, ...]:
    """How to run a program as a user who is not root, with this user's rights to the socket.

    Root gets another user's number in a user namespace, for the CLI leaves the container's user alone for root.
    """
    if os.geteuid() != 0:
        return ()
    unshare = shutil.which("unshare")
    assert unshare, "unshare is missing, which util-linux has"
    return (unshare, "--user", f"--map-user={user_id()}", f"--map-group={user_id()}", "--")


def user_id() -> int:
    """The number of the user that :func:`user_prefix` makes: one with a name, which the CLI asks for."""
    if os.geteuid() != 0:
        return os.geteuid()
    return min(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in IN_THE_IMAGE)
