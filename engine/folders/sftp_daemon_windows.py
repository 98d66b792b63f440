"""The SFTP daemon on Windows: it serves at a named pipe of the user's (see vm/host/pipes.py)."""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path

from engine.folders.sessions import SftpDaemon
from engine.folders.tree_windows import WindowsTree

assert sys.platform == "win32"

from vm.host import host  # noqa: E402 - the line above narrows types
from vm.host.nt import Nt  # noqa: E402 - the line above narrows types
from vm.host.pipe_connection import PipeListener  # noqa: E402 - the line above narrows types

log = logging.getLogger(__name__)


def main() -> None:
    """``python -m engine.folders.sftp_daemon_windows PIPE``: serve at PIPE, which no other program may serve."""
    path = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    listener = PipeListener(path)
    log.info("serving at %s", path)
    try:
        SftpDaemon(host(), partial(WindowsTree, calls=Nt())).serve(listener.accept)
    finally:
        listener.close()
        log.info("the machine has ended")


if __name__ == "__main__":
    main()
