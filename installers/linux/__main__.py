"""``python3 -m installers.linux``: by any Python 3.11, in the checkout's environment, which is made first.

The commands are in command.py.
"""

from __future__ import annotations

from installers.common.entry import run

if __name__ == "__main__":
    raise SystemExit(run("installers.linux"))
