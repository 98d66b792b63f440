"""The SFTP daemon on Linux and macOS: it serves at a Unix socket of the user's (0600, in a 0700 folder)."""

from __future__ import annotations

import logging
import os
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from engine.folders.sessions import SftpDaemon

assert sys.platform != "win32"  # no Unix sockets, nor descriptors of folders there

from engine.folders.tree_posix import PosixTree  # noqa: E402 - the line above narrows types
from vm.host import allow_many_files, host  # noqa: E402 - the line above narrows types

log = logging.getLogger(__name__)


def accept(listener: socket.socket, seconds: float) -> socket.socket:
    """The next connection. :raise TimeoutError: there was none for so many seconds."""
    listener.settimeout(seconds)
    return listener.accept()[0]


def main() -> None:
    """``python -m engine.folders.sftp_daemon SOCKET``: serve at SOCKET, which must not be served by another."""
    path = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o177)
    path.unlink(missing_ok=True)  # left by a daemon that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    ours = path.stat().st_ino
    listener.listen(64)
    os.umask(0)  # from now on: a mode the guest asks for is the mode it gets
    log.info("serving at %s; files this process may open: %s", path, allow_many_files() or "any number")
    try:
        here = host()
        SftpDaemon(here, partial(PosixTree, open_folder=here.open_folder)).serve(partial(accept, listener))
    finally:
        listener.close()
        with suppress(FileNotFoundError):
            if path.stat().st_ino == ours:
                path.unlink()
        log.info("the machine has ended")


if __name__ == "__main__":
    main()
