"""The commands by name. A command's module is imported when it is used, which keeps every command fast."""

from __future__ import annotations

import importlib

import click
from click.exceptions import NoSuchCommand, NoSuchOption

from desktop.settings.spelling import nearest

COMMANDS = {
    "start": ("desktop.cli.machine", "start", "Start the engine and wait until it is ready."),
    "stop": ("desktop.cli.machine", "stop", "Stop all containers and the engine."),
    "restart": ("desktop.cli.machine", "restart", "Stop and start the engine."),
    "open": ("desktop.cli.window", "open_", "Open the window, or bring it to the front."),
    "menu": ("desktop.cli.window", "menu", "Add Slipway to the applications menu, or remove it."),
    "status": ("desktop.cli.machine", "status", "Show whether the engine is running, and what failed."),
    "logs": ("desktop.cli.inspect", "logs", "Show the logs of Slipway, QEMU and the engine."),
    "ports": ("desktop.cli.inspect", "ports", "List published ports."),
    "folders": ("desktop.cli.inspect", "folders", "List the folders that containers can mount."),
    "shell": ("desktop.cli.inspect", "shell", "Open a shell in the machine, or run a command in it."),
    "version": ("desktop.cli.inspect", "version", "Show the versions of Slipway and the engine."),
    "engine": ("desktop.cli.engine", "engine", "Switch between Linux and Windows containers."),
    "settings": ("desktop.cli.settings", "settings", "Show and change the settings."),
    "disk": ("desktop.cli.storage", "disk", "Show, grow and check the data disk."),
    "image": ("desktop.cli.storage", "image", "List and build system images of the machine."),
    "context": ("desktop.cli.docker", "context", "Choose which engine the docker command uses."),
    "credentials": ("desktop.cli.docker", "credentials", "Repair the credential helpers of Docker."),
    "kubernetes": ("desktop.cli.kubernetes", "kubernetes", "Run Kubernetes in the machine."),
    "kubectl": ("desktop.cli.kubernetes", "kubectl", "Run kubectl on Slipway's cluster."),
    "tls": ("desktop.cli.tls", "tls", "Let docker on other computers use the engine, by TLS."),
    "diagnose": ("desktop.cli.maintenance", "diagnose", "Check everything that Slipway needs."),
    "debug": ("desktop.cli.debug", "debug", "Print the state of the background process as JSON."),
    "reset": ("desktop.cli.maintenance", "reset", "Delete your data or reset the settings."),
    "completion": ("desktop.cli.maintenance", "completion", "Print the completion script for a shell."),
    "help": ("desktop.cli.help", "help_", "Show the help of a command."),
}
"""Command → its module, its name there, and its line in the help."""


class LazyGroup(click.Group):
    """A group that lists its commands without importing them."""

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
@click.version_option(package_name="slipway", message="slipway %(version)s", help="Show the version.")
@click.option("-v", "--verbose", is_flag=True, help="Show the technical details of errors.")
def slipway(verbose: bool) -> None:
    """Docker containers on any computer: the real Moby engine in a light virtual machine."""


def with_suggestion(error: click.ClickException) -> click.ClickException:
    """The error for a name that is not known, with the name that was meant if there is one; any other as it is."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error
    if isinstance(error, NoSuchCommand) and isinstance(context.command, click.Group):
        near = nearest(error.command_name, context.command.list_commands(context))
        return NoSuchCommand(error.command_name, possibilities=[near] if near else None, ctx=context)
    if isinstance(error, NoSuchOption):
        options = [name for item in context.command.get_params(context) for name in item.opts]
        near = nearest(error.option_name, options)
        return NoSuchOption(error.option_name, possibilities=[near] if near else None, ctx=context)
    return error
