"""Keys and sockets: anyone who can read the keys can log in to the machine."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "keys"
DESCRIPTION = "Permissions of keys and sockets"


async def check(context: Context) -> Finding:
    """Run the check."""
    paths, host = context.paths, context.host
    wanted = [
        (paths.run, 0o700),
        (paths.keys, 0o700),
        *((paths.keys / name, 0o600) for name in ("client", "host")),
        (paths.tls, 0o700),
        *((paths.tls / name, 0o600) for name in ("ca-key.pem", "tls.json")),
    ]
    if paths.pipes is None:
        wanted += [(paths.docker_socket, 0o600), (paths.control_socket, 0o600)]
    open_to_others = [(path, mode) for path, mode in wanted if path.exists() and not host.is_private(path)]
    if not open_to_others:
        return Finding(True, "only your user may open the keys and sockets")
    names = ", ".join(str(path) for path, _ in open_to_others)
    if paths.pipes is not None:
        return Finding(False, f"other users may have access to {names}", "Slipway corrects it: slipway restart")
    fixes = "; ".join(f"chmod {mode:o} {path}" for path, mode in open_to_others)
    return Finding(False, f"other users may have access to {names}", fixes)
