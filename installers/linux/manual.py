"""The manual page slipway(1), made from the command line's own help, so that both always agree (man(7))."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from desktop.cli.group import slipway
from installers.common.product import DESCRIPTION, NAME, version

HEAD = """\
.TH SLIPWAY 1 "" "{name} {version}" "User Commands"
.SH NAME
slipway \\- {description}
.SH SYNOPSIS
.B slipway
[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]...
.SH DESCRIPTION
"""

TAIL = """\
.SH EXIT STATUS
0 success, 1 failure, 2 wrong usage, 3 not running, 4 running but not responding, 130 interrupted.
.SH ENVIRONMENT
.TP
.B SLIPWAY_HOME
The folder of settings, machine and logs, instead of \\fI~/.slipway\\fR.
.TP
.B SLIPWAY_QEMU
The folder of another QEMU, or its program.
.SH FILES
.TP
.I ~/.slipway/run/docker.sock
The socket that docker uses, by the context
.BR slipway .
.TP
.I ~/.slipway/machine/data.qcow2
All containers, images and volumes.
.SH SEE ALSO
.BR docker (1)
"""

NO_WRAP = "\b"
"""By this, help texts mark paragraphs whose lines stay as they are (click's manual)."""


def manual() -> str:
    """The page."""
    context = click.Context(slipway, info_name="slipway")
    parts = [HEAD.format(name=NAME, version=version(), description=escaped(DESCRIPTION)), *_text(slipway)]
    parts += [".SH OPTIONS\n", *_options(slipway, context), ".SH COMMANDS\n", *_commands(slipway, context)]
    return "".join([*parts, TAIL])


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    """Each command of a group and of its groups, with its options."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, own)
            continue
        usage = " ".join([own.command_path, *command.collect_usage_pieces(own)])
        yield f'.SS "{quoted(usage)}"\n'
        yield from _text(command)
        yield from _options(command, own)


def _text(command: click.Command) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        first, *others = paragraph.split("\n")
        if first == NO_WRAP:
            yield ".PP\n.nf\n" + "".join(f"{escaped(line)}\n" for line in others) + ".fi\n"
        else:
            yield f".PP\n{escaped(' '.join([first, *others]))}\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            yield f".TP\n.B {escaped(record[0])}\n{escaped(record[1])}\n"


def escaped(text: str) -> str:
    """A text as the page's source has it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def quoted(text: str) -> str:
    """A text inside a quoted argument."""
    return escaped(text).replace('"', "\\(dq")
