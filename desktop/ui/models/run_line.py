"""A ``docker run`` line, as people copy it from a README, read into what the form has fields for.

Source: docker/cli, cli/command/container/run.go and opts.go, for which options take a value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from desktop.ui.models.run import PLATFORMS, POLICIES, RunRequest

LINE = re.compile(r"\s*(?:\$\s+)?(?:sudo\s+)?(?:docker|podman|nerdctl)(?:\.exe)?\s+(?:container\s+)?run\s")

FLAGS = {
    *("detach", "interactive", "tty", "rm", "privileged", "publish-all", "init", "read-only", "no-healthcheck"),
    *("oom-kill-disable", "sig-proxy", "disable-content-trust", "quiet", "use-api-socket", "help"),
}
"""Options without a value; every other one has one."""

SHORT = {
    **{"d": "detach", "i": "interactive", "t": "tty", "P": "publish-all", "q": "quiet"},
    **{"p": "publish", "v": "volume", "e": "env", "m": "memory", "w": "workdir", "u": "user", "h": "hostname"},
    **{"l": "label", "c": "cpu-shares", "a": "attach"},
}

TEXTS = {"name": "name", "network": "network", "net": "network", "cpus": "cpus", "memory": "memory"}
"""Options with one value → fields of the form."""

LISTS = {"publish": "ports", "volume": "volumes", "env": "environment"}


def is_run_line(text: str) -> bool:
    """Whether a text begins as such a line does."""
    return LINE.match(text) is not None


@dataclass(frozen=True)
class Read:
    """What was read. :ivar left: options that the form has no field for, such as ``--gpus all``."""

    request: RunRequest
    left: tuple[str, ...]


@dataclass
class _Found:
    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in LISTS.values()})
    flags: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=list)


def read_run_line(text: str) -> Read:
    """Read a line. Its line breaks may be escaped as a shell, cmd (``^``) or PowerShell (a backtick) has it.

    :raise ValueError: it has no image, or a quotation mark is open.
    """
    joined = re.sub(r"[\\^`][ \t]*\r?\n", " ", text)
    match = LINE.match(joined)
    if match is None:
        raise ValueError("This is no “docker run” line")
    try:
        words = shlex.split(joined[match.end() :].replace("\n", " "))
    except ValueError:
        raise ValueError("A closing quotation mark is missing") from None
    found, rest = _Found(), iter(words)
    image = ""
    for word in rest:
        if word == "--":
            image = next(rest, "")
            break
        if not word.startswith("-") or word == "-":
            image = word
            break
        for name, value, shown in _options(word, rest):
            _take(found, name, value, shown)
    if not image:
        raise ValueError("The line has no image")
    command = shlex.join(rest)
    return Read(_request(found, image, command), tuple(found.left))


def _options(word: str, rest: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Name, value and spelling of the options in a word; those that need one take the next word."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if not equals and name not in FLAGS:
            value = next(rest, "")
        yield name, value, f"--{name}{f' {value}' if value else ''}"
        return
    letters = word[1:]
    while letters:
        name, letters = SHORT.get(letters[0], letters[0]), letters[1:]
        value = ""
        if name not in FLAGS:
            value, letters = letters.removeprefix("=") or next(rest, ""), ""
        yield name, value, f"{f'--{name}' if len(name) > 1 else f'-{name}'}{f' {value}' if value else ''}"


def _take(found: _Found, name: str, value: str, shown: str) -> None:
    """Put an option where the form has it."""
    if name in FLAGS and value in ("", "true", "false"):
        if value != "false":
            found.flags.add(name)
        if name in ("privileged", "publish-all", "init", "read-only", "no-healthcheck", "oom-kill-disable"):
            found.left += [shown] if value != "false" else []
    elif name in TEXTS:
        found.texts[TEXTS[name]] = value
    elif name == "env" and "=" not in value:
        found.left.append(shown)  # the value is in the environment of whoever would type the line
    elif (name in LISTS and value.partition(":")[1]) or name in ("env", "publish"):
        found.lists[LISTS[name]].append(value)
    elif name == "mount" and (volume := _mounted(value)):
        found.lists["volumes"].append(volume)
    elif value in {"restart": POLICIES, "platform": PLATFORMS}.get(name, ()):
        found.texts[name] = value
    else:
        found.left.append(shown)


def _mounted(text: str) -> str:
    """``--mount`` in the notation of ``-v``; empty where that has no words for it."""
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    kind = pairs.pop("type", "volume")
    source = pairs.pop("source", "") or pairs.pop("src", "")
    folder = pairs.pop("target", "") or pairs.pop("dst", "") or pairs.pop("destination", "")
    flags = [pairs.pop(name) for name in ("readonly", "ro") if name in pairs]
    if pairs or kind not in ("bind", "volume") or not source or not folder:
        return ""
    read_only = any(flag in ("", "true", "1") for flag in flags)
    return f"{source}:{folder}{':ro' if read_only else ''}"


def _request(found: _Found, image: str, command: str) -> RunRequest:
    return RunRequest(
        image,
        found.texts.get("name", ""),
        command,
        tuple(found.lists["ports"]),
        tuple(found.lists["volumes"]),
        tuple(found.lists["environment"]),
        found.texts.get("network", ""),
        found.texts.get("restart", "no"),
        found.texts.get("cpus", ""),
        found.texts.get("memory", ""),
        found.texts.get("platform", ""),
        "tty" in found.flags,
        "rm" in found.flags,
    )
