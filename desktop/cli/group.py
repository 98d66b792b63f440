"""The commands by name. A command's module is imported when it is used, which keeps each of them quick."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "start": ("desktop.cli.machine", "start", "Start the machine and wait until the engine answers."),
    "stop": ("desktop.cli.machine", "stop", "Stop the containers and the machine."),
    "restart": ("desktop.cli.machine", "restart", "Stop, then start; connections to the socket wait meanwhile."),
    "open": ("desktop.cli.window", "open_", "Open the window, or bring the one that is open to the front."),
    "menu": ("desktop.cli.window", "menu", "Put Slipway into the desktop's menu of applications."),
    "status": ("desktop.cli.machine", "status", "Say whether the engine answers, and if not, what fails."),
    "logs": ("desktop.cli.inside", "logs", "Show a log of Slipway, of QEMU or of the engine."),
    "ports": ("desktop.cli.inside", "ports", "List what containers publish on this computer."),
    "folders": ("desktop.cli.inside", "folders", "List the folders that containers may mount."),
    "shell": ("desktop.cli.inside", "shell", "Open a shell in the machine, or run a command in it."),
    "version": ("desktop.cli.inside", "version", "Show the versions of Slipway and of the engine."),
    "settings": ("desktop.cli.settings", "settings", "Show and change the settings."),
    "disk": ("desktop.cli.upkeep", "disk", "Look after the data disk."),
    "image": ("desktop.cli.upkeep", "image", "Look after the machine's system images."),
    "context": ("desktop.cli.upkeep", "context", "Say which engine the docker command talks to."),
    "credentials": (
        "desktop.cli.upkeep",
        "credentials",
        "Take out credential helpers that are missing.",
    ),
    "diagnose": ("desktop.cli.care", "diagnose", "Check everything Slipway needs and say how to mend it."),
    "debug": ("desktop.cli.debug", "debug", "Print what Slipway's background process is doing, as JSON."),
    "reset": ("desktop.cli.care", "reset", "Delete all containers, images and volumes, and begin anew."),
    "completion": ("desktop.cli.care", "completion", "Print the completion script for a shell."),
}
"""Where each command lives, and its line in the help."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-v", "--verbose", is_flag=True, help="Show the technical details of errors.")
def slipway(verbose: bool) -> None:
    """Docker-style containers on this computer: the real Moby engine in a light Linux machine."""
