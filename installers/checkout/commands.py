"""What you type: ``run``, ``test``, ``wine`` and ``lock``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from installers.checkout import environment, lanes, locks, system, tools
from installers.checkout.console import StepError, say

RUN_SLOW = "--run-slow"
"""The option of tests/conftest.py for what takes many minutes."""


def main(arguments: list[str]) -> int:
    """Parse the command line and run it; return the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py", description="Slipway from a checkout.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="set everything up, start the engine and show `docker version`")
    test = commands.add_parser(
        "test", help="set everything up and run all tests, in two lanes at once", add_help=False
    )
    test.add_argument("pytest", nargs=argparse.REMAINDER, metavar="PYTEST-ARGUMENTS")
    wine = commands.add_parser("wine", help="try the package for Windows by Wine; `wine test`: its tests")
    wine.add_argument("what", nargs="?", choices=("test",), metavar="test")
    lock = commands.add_parser("lock", help="make the lock files from pyproject.toml")
    lock.add_argument("--upgrade", action="store_true", help="take the newest versions pyproject.toml allows")
    commands.add_parser("setup", help="only set everything up, for `run` and for `test`")
    if arguments[:1] == ["test"]:  # argparse would keep options of pytest's for itself
        options = argparse.Namespace(command="test", pytest=arguments[1:])
    elif arguments[:2] == ["wine", "test"]:
        options = argparse.Namespace(command="wine", what="test", pytest=arguments[2:])
    else:
        options = parser.parse_args(arguments)
    try:
        if options.command == "lock":
            locks.make_locks(upgrade=options.upgrade)
            return 0
        if options.command == "setup":
            set_up(for_tests=True)
            return 0
        if options.command == "wine":
            return test_on_wine(options.pytest) if options.what == "test" else try_on_wine()
        return test_all(options.pytest) if options.command == "test" else run()
    except StepError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. What was finished is kept; start again to go on.")
        return 130


def set_up(for_tests: bool) -> None:
    """Make the virtual environment and see to the system's parts and the docker CLI.

    :raise StepError: something is missing that cannot be installed from here.
    """
    # all at once: who has to type the command does so once
    needed = system.FOR_VENV + system.FOR_MACHINE + tools.docker_parts()
    system.ensure(needed + ((*system.FOR_WINDOW, *system.FOR_TESTS) if for_tests else ()))
    environment.prepare()
    tools.ensure_docker()
    if for_tests:
        tools.ensure_test_tools()


def run() -> int:
    """Start the engine and show that the ordinary docker CLI reaches it."""
    begun = time.monotonic()
    set_up(for_tests=False)
    slipway = environment.program("slipway")
    code = subprocess.call([slipway, "start"])
    if code != 0:
        say(f"\nThe engine did not start (exit code {code}). `{shown(slipway)} diagnose` looks for the reason.")
        return code
    docker = system.find_program("docker")
    assert docker is not None  # ensured above
    say(f"\n$ docker --context slipway version   ({docker})")
    code = subprocess.call([docker, "--context", "slipway", "version"])
    if code != 0:
        return code
    say("")
    code = subprocess.call([docker, "context", "ls"])
    say("")
    subprocess.call([slipway, "menu", "add"])
    minutes, seconds = divmod(round(time.monotonic() - begun), 60)
    say(
        f"\nThe engine runs; this took {minutes} min {seconds} s.\n"
        f"  use it:   docker --context slipway run …   (or: {shown(slipway)} context use)\n"
        f"  see it:   {shown(slipway)} open, or “Slipway” in the applications menu "
        f"(off it again: {shown(slipway)} menu remove)\n"
        f"  state:    {shown(slipway)} status\n"
        f"  stop it:  {shown(slipway)} stop"
    )
    return code


def shown(path: Path) -> str:
    """A path as you would type it in the checkout."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def test_all(arguments: list[str]) -> int:
    """Run all tests, in two lanes at once, or what pytest's ``arguments`` say, in one run of pytest.

    :return: 0 when everything has passed; the last line on standard output counts the tests.
    """
    set_up(for_tests=True)
    if RUN_SLOW in arguments:
        system.ensure(system.FOR_SLOW_TESTS)
    if set(arguments) <= {RUN_SLOW}:
        return lanes.run_lanes(arguments)
    named = [word for word in arguments if not word.startswith("-") and Path(word.partition("::")[0]).exists()]
    folders = [] if named else [str(lanes.TESTS / name) for name in lanes.FOLDERS]
    sys.stdout.flush()
    return subprocess.call([*lanes.pytest_argv(*arguments), *folders])


def test_on_wine(arguments: list[str]) -> int:
    """Run all tests of the package for Windows, the long ones too, or those that pytest's ``arguments`` name."""
    set_up_wine()
    named = [word for word in arguments if Path(word.partition("::")[0]).exists()]
    folders = [] if named else [str(lanes.TESTS / "wine")]
    sys.stdout.flush()
    return subprocess.call([*lanes.pytest_argv(RUN_SLOW, *arguments), *folders])


def try_on_wine() -> int:
    """Show a prompt of a Windows with Slipway installed."""
    set_up_wine()
    sys.stdout.flush()
    return subprocess.call([str(environment.program("python")), "-m", "tests.wine"])


def set_up_wine() -> None:
    """See to what the tests of the package for Windows need besides.

    :raise StepError: something is missing that cannot be installed from here.
    """
    set_up(for_tests=True)
    system.ensure(system.FOR_WINDOWS_TESTS)
