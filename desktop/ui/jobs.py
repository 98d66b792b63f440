"""The operations on images that take their time, made of values that can be kept, so that they can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from desktop.ui.activities import Order
from desktop.ui.archives import load_file, save_file
from desktop.ui.context import Context
from desktop.ui.models.activity import Activity, Kind, State
from desktop.ui.models.builds import Builds
from desktop.ui.models.transfer import Transfer
from engine.client.build.build import Build


def pull(context: Context, name: str, platform: str = "") -> Order:
    """Pull an image."""
    return Order(
        Kind.PULL,
        f"Pulling {name}",
        partial(context.engine.images.pull, name, platform=platform or None),
        f"Pulled {name}",
        Transfer,
        name,
        context.engine_words,
        {"name": name, "platform": platform},
    )


def push(context: Context, name: str) -> Order:
    """Push an image."""
    return Order(
        Kind.PUSH,
        f"Pushing {name}",
        partial(context.engine.images.push, name),
        f"Pushed {name}",
        Transfer,
        name,
        context.engine_words,
        {"name": name},
    )


def load(context: Context, path: str) -> Order:
    """Load images from an archive."""
    file = Path(path)
    return Order(
        Kind.LOAD,
        f"Loading {file.name}",
        partial(load_file, context.engine, file),
        f"Loaded {file.name}",
        Transfer,
        file.name,
        context.engine_words,
        {"path": path},
    )


def save(context: Context, names: list[str], path: str, total: int) -> Order:
    """Save images to an archive. :param total: about so many bytes."""
    file = Path(path)
    return Order(
        Kind.SAVE,
        f"Saving to {file.name}",
        partial(save_file, context.engine, names, file, total),
        f"Saved {file}",
        Transfer,
        ", ".join(names),
        context.engine_words,
        {"names": names, "path": path, "total": total},
    )


def build(context: Context, what: Build) -> Order:
    """Build an image. Arguments of the Dockerfile may be secrets: a build with some is not kept to be repeated."""
    kept: dict[str, Any] = {"tags": what.tags} if what.arguments else {**asdict(what), "folder": str(what.folder)}
    name = what.tags[0] if what.tags else what.folder.name
    return Order(
        Kind.BUILD,
        f"Building {name}",
        partial(context.engine.images.build, what),
        f"Built {name}",
        Builds,
        name,
        context.engine_words,
        kept,
    )


def _build(context: Context, **values: Any) -> Order:
    return build(context, Build(**{**values, "folder": Path(values["folder"]), "tags": tuple(values["tags"])}))


MAKERS: Mapping[Kind, Callable[..., Order]] = {
    Kind.PULL: pull,
    Kind.PUSH: push,
    Kind.LOAD: load,
    Kind.SAVE: save,
    Kind.BUILD: _build,
}


def again(context: Context, activity: Activity) -> Order | None:
    """The order for what can be repeated; None: it cannot.

    What this window was asked for is done as it was. For what an earlier one was asked for, the same engine has to
    be connected.
    """
    if activity.running or (activity.state is State.DONE and activity.kind not in MAKERS):
        return None
    order = context.session.activities.order(activity.key)
    if order is not None or activity.kind not in MAKERS:
        return order if order is not None and order.repeatable else None
    one = next((one for one in context.both if one.engine_words == activity.engine), None)
    if one is None or not one.connection.connected:
        return None
    try:
        return MAKERS[activity.kind](one, **activity.arguments)
    except (TypeError, KeyError):  # another version has kept something else
        return None
