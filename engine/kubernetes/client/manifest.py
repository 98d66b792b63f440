"""Objects as YAML, as people edit them; the only place that knows the YAML library."""

from __future__ import annotations

from typing import Any

import yaml

from engine.kubernetes.client.errors import ManifestError

Json = dict[str, Any]

HIDDEN = ("managedFields",)
"""Fields of the metadata that no reader wants to see."""

FIRST = ("apiVersion", "kind", "metadata")
"""The API's answers have them in different orders."""

LONG_LINE = 4096
"""Characters until the library would break a line: never, in what people write."""


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # the library has no types
    """Writes texts of several lines as a block, as people do."""


def _text(dumper: yaml.SafeDumper, value: str) -> Any:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(value: Json) -> str:
    """An object as text, with what it is first; the order of its other fields stays."""
    shown = {**{key: value[key] for key in FIRST if key in value}, **value}
    if isinstance(shown.get("metadata"), dict):
        shown["metadata"] = {key: one for key, one in shown["metadata"].items() if key not in HIDDEN}
    return str(yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LONG_LINE))


def load(text: str) -> Json:
    """One object from its text.

    :raise ManifestError: it is no YAML, or not one mapping.
    """
    found = _documents(text)
    if len(found) != 1:
        raise ManifestError("The text is not an object", "It begins with apiVersion and kind.")
    return found[0]


def load_all(text: str) -> list[Json]:
    """All objects of a text with several documents; those of lists (``kind: List``) are among them.

    :raise ManifestError: it is no YAML, or something in it is no object.
    """
    made: list[Json] = []
    for one in _documents(text):
        made += one["items"] if str(one.get("kind") or "").endswith("List") and "items" in one else [one]
    for one in made:
        if not (isinstance(one, dict) and one.get("apiVersion") and one.get("kind")):
            raise ManifestError("There is something without apiVersion and kind", "These are no manifests.")
        if not (one.get("metadata") or {}).get("name"):
            raise ManifestError(f"A {one['kind']} has no name", "Give it one: metadata.name")
    return made


def _documents(text: str) -> list[Json]:
    try:
        found = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        said = getattr(error, "problem", None) or str(error)
        raise ManifestError(f"The text is not YAML: {where}{said}", detail=str(error)) from error
    if not all(isinstance(one, dict) for one in found):
        raise ManifestError("The text is not an object", "It begins with apiVersion and kind.")
    return found
