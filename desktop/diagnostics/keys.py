"""Keys and sockets: anyone who can read the keys can log in to the machine."""

from __future__ import annotations

import stat

from desktop.diagnostics.base import Context, Finding

NAME = "keys"
DESCRIPTION = "Permissions of keys and sockets"


async def check(context: Context) -> Finding:
    """Run the check."""
    paths = context.paths
    wanted = [(paths.run, 0o700), (paths.keys, 0o700), (paths.docker_socket, 0o600), (paths.control_socket, 0o600)]
    wanted += [(paths.keys / name, 0o600) for name in ("client", "host")]
    open_to_others = []
    for path, allowed in wanted:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & ~allowed:
            open_to_others.append((path, allowed))
    if not open_to_others:
        return Finding(True, "folders are 0700, keys and sockets 0600")
    names = ", ".join(str(path) for path, _ in open_to_others)
    fixes = "; ".join(f"chmod {allowed:o} {path}" for path, allowed in open_to_others)
    return Finding(False, f"other users may have access to {names}", fixes)
