"""The command ``settings``: get, set, list and describe, all made from the schema.

A group is made for a schema, so a setting that is declared there is here too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from desktop.cli.output import as_json, labelled, table
from desktop.cli.session import print_note, run
from desktop.settings.schema import Field, Kind, Settings, describe, field, fields, plain

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

JSON = click.option("--json", "json_", is_flag=True, help="Print JSON.")


def settings_group(schema: type[Settings] = Settings) -> click.Group:
    """The commands for the settings of a schema."""

    @click.group()
    def settings() -> None:
        """Show and change the settings."""

    complete = _completion(schema)
    _add_list(settings, schema)
    _add_describe(settings, schema, complete)
    _add_get(settings, schema, complete)
    _add_set(settings, complete)
    return settings


def _completion(schema: type[Settings]) -> Complete:
    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        found = [item for item in fields(schema) if item.name.startswith(begun)]
        return [CompletionItem(item.name, help=item.title) for item in found]

    return complete


def _add_list(group: click.Group, schema: type[Settings]) -> None:
    @group.command("list")
    @JSON
    def list_(json_: bool) -> None:
        """List all settings: the values in use, the defaults, and when a change applies."""
        report = run(lambda client: client.settings_report())
        values = [
            {**describe(item), "value": report.used.get(item.name), "default": report.chosen.get(item.name)}
            for item in fields(schema)
        ]
        if json_:
            as_json(values)
            return
        rows = [(v["name"], _text(v["value"]), _text(v["default"]), v["applies"]) for v in values]
        table(("SETTING", "VALUE", "DEFAULT", "APPLIES"), rows)


def _add_describe(group: click.Group, schema: type[Settings], complete: Complete) -> None:
    @group.command("describe")
    @click.argument("name", required=False, shell_complete=complete)
    @JSON
    def describe_(name: str | None, json_: bool) -> None:
        """Describe all settings, or the one called NAME: what it does, its values, and when a change applies."""
        items = fields(schema) if name is None else (field(name, schema),)
        if json_:
            described = [describe(item) for item in items]
            as_json(described if name is None else described[0])
            return
        for place, item in enumerate(items):
            if place:
                click.echo()
            labelled(_about(item))


def _add_get(group: click.Group, schema: type[Settings], complete: Complete) -> None:
    @group.command("get")
    @click.argument("name", required=False, shell_complete=complete)
    @JSON
    def get(name: str | None, json_: bool) -> None:
        """Show all settings with the values in use, or the one called NAME."""
        wanted = None if name is None else field(name, schema).name
        values = run(lambda client: client.settings())
        if json_:
            as_json(values if wanted is None else values[wanted])
        elif wanted is not None:
            click.echo(_text(values[wanted]))
        else:
            table(("SETTING", "VALUE"), [(key, _text(value)) for key, value in values.items()])


def _add_set(group: click.Group, complete: Complete) -> None:
    @group.command("set")
    @click.argument("name", shell_complete=complete)
    @click.argument("value")
    def set_(name: str, value: str) -> None:
        """Set NAME to VALUE: JSON or a plain word; null restores the default.

        A key of dockerd's daemon.json is set as daemon.KEY, for example: slipway settings set daemon.debug true
        """
        print_note(run(lambda client: client.set_settings({name: value})))


settings = settings_group()


def _about(item: Field) -> list[tuple[str, str]]:
    values = item.bounds
    if item.kind is Kind.CHOICE:
        width = max(map(len, item.choices))
        values = "\n".join(f"{value.ljust(width)}  {words}" for value, words in item.choices.items())
    default = "chosen by Slipway" if item.automatic else _text(plain(item.default)) or "empty"
    lines = [("Setting", item.name), ("Title", f"{item.section.title}: {item.title}")]
    lines += [("Help", item.help)] if item.help else []
    return [*lines, ("Values", values), ("Default", default), ("Applies", item.applies.value)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
