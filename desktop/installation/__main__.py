"""``desktop.installation COMMAND``: what the installers call. Prints sentences for people.

in-use FOLDER [--seconds N]   waits for the programs that use it to end, and prints those that have not
end FOLDER [--seconds N] [--restart FILE]
                              asks the programs in it to end first; writes a script that starts machines again
path add|remove FOLDER [--all-users]
remove [--delete-data]        contexts and login, and the data; prints what could not be undone

The exit code is 0 when nothing was left, 1 when something was, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from desktop.installation import in_use, path, removal
from desktop.installation.ending import end
from desktop.system import path_variable, system
from desktop.windows_engine import requirements
from vm.errors import HostError
from vm.files import write_atomically
from vm.host import host

SECONDS = 20.0
"""How long programs may take to end by themselves: the window and what the engine has used."""

LINUX_LAUNCHER = "bin/slipway"

STOP_SECONDS = 180.0
"""How long those may take that stop a machine first, where it is emulated too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="desktop.installation", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    using = commands.add_parser("in-use")
    using.add_argument("folder", type=Path)
    using.add_argument("--seconds", type=float, default=SECONDS)
    ending = commands.add_parser("end")
    ending.add_argument("folder", type=Path)
    ending.add_argument("--seconds", type=float, default=STOP_SECONDS)
    ending.add_argument("--restart", type=Path)
    changing = commands.add_parser("path")
    changing.add_argument("change", choices=("add", "remove"))
    changing.add_argument("folder")
    changing.add_argument("--all-users", action="store_true")
    removing = commands.add_parser("remove")
    removing.add_argument("--delete-data", action="store_true")
    options = parser.parse_args(arguments)
    if options.command == "in-use":
        return _report(str(user) for user in in_use.wait_until_unused(options.folder, options.seconds))
    if options.command == "end":
        return end_all(options.folder, options.seconds, options.restart)
    if options.command == "path":
        return change_path(options.change, options.folder, options.all_users)
    failed = removal.forget(host().paths(), system())
    if not host().no_windows_containers and requirements.is_set_up(requirements.look()):
        failed.append(removal.WINDOWS_ENGINE)
    if options.delete_data:
        failed += removal.delete_data(host().paths(), host().default_home())
    return _report(failed)


def end_all(folder: Path, seconds: float, script: Path | None) -> int:
    """End what runs in ``folder``; return the exit code.

    :param script: what starts the machines again; not written when there was none.
    """
    left, machines = end(folder, seconds)
    if script is not None and machines:
        lines = [machine.restart(folder / LINUX_LAUNCHER) for machine in machines]
        write_atomically(script, "".join(lines).encode())  # for its owner only: environments have secrets
    return _report(str(user) for user in left)


def change_path(change: str, folder: str, all_users: bool) -> int:
    """Change the PATH; return the exit code."""
    try:
        (path.add if change == "add" else path.remove)(path_variable(all_users), folder)
    except OSError as error:
        return _report([f"The variable PATH cannot be changed: {error.strerror or error}"])
    except HostError as error:
        return _report([error.message])
    return 0


def _report(sentences: Iterable[str]) -> int:
    found = list(sentences)
    for sentence in found:
        print(sentence)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
