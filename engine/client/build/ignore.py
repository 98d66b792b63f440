"""Which files of a folder a build sees: ``.dockerignore`` as moby/patternmatcher reads it.

It is not git's: a pattern begins at the folder's root, and the last pattern that fits a path or one of the folders
above it decides, so that ``!`` can bring back a file of a folder that was left out. (Checked against the docker
command in tests/e2e/test_client_build.py; no library for it is kept: pathspec knows git's rules only.)
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vm.errors import EngineError

NAME = ".dockerignore"


@dataclass(frozen=True)
class Pattern:
    """One line. :ivar again: it brings back (``!``). :ivar literal: its beginning without wildcards."""

    regex: re.Pattern[str]
    again: bool
    literal: str


class Ignore:
    """The patterns of one file."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Read the lines.

        :raise EngineError: a pattern is not one.
        """
        self.patterns = [made for line in lines for made in _parse(line)]

    def hits(self, path: str, above: tuple[bool, ...]) -> tuple[bool, ...]:
        """For each pattern whether it fits a path. :param above: the same for the folder it is in."""
        return tuple(
            fits or pattern.regex.fullmatch(path) is not None
            for fits, pattern in zip(above, self.patterns, strict=True)
        )

    def leaves_out(self, hits: tuple[bool, ...]) -> bool:
        """Whether what has these hits is left out: the last one decides."""
        for fits, pattern in zip(reversed(hits), reversed(self.patterns), strict=True):
            if fits:
                return not pattern.again
        return False

    def may_hold(self, folder: str) -> bool:
        """Whether something in a folder that is left out might be brought back."""
        inside = folder + "/"
        return any(
            pattern.again and (inside.startswith(pattern.literal) or pattern.literal.startswith(inside))
            for pattern in self.patterns
        )


def read(folder: Path, dockerfile: str) -> Ignore:
    """The patterns for a build: the Dockerfile's own (``NAME.dockerignore``), else the folder's.

    :raise EngineError: it cannot be read.
    """
    for path in (folder / f"{dockerfile}{NAME}", folder / NAME):
        try:
            return Ignore(path.read_text(encoding="utf-8-sig").splitlines())
        except FileNotFoundError:
            continue
        except (OSError, UnicodeError) as error:
            raise EngineError(f"{path} cannot be read", "Save it as UTF-8 text.", str(error)) from error
    return Ignore()


def walk(folder: Path, ignore: Ignore, always: Iterable[str] = ()) -> Iterator[str]:
    """Paths of what the build sees, with slashes, each folder before what is in it.

    :param always: files that come along whatever the patterns say.
    """
    wanted = {posixpath.normpath(name) for name in always}
    parents = {str(parent) for name in wanted for parent in Path(name).parents if str(parent) != "."}

    def inside(name: str, above: tuple[bool, ...]) -> Iterator[str]:
        with os.scandir(folder / name) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{name}/{entry.name}" if name else entry.name
            hits = ignore.hits(path, above)
            included = path in wanted or not ignore.leaves_out(hits)
            if included:
                yield path
            if not entry.is_dir(follow_symlinks=False):
                continue
            if included or path in parents or ignore.may_hold(path):
                for inner in inside(path, hits):
                    if not included:
                        yield path
                        included = True
                    yield inner

    return inside("", (False,) * len(ignore.patterns))


def _parse(line: str) -> Iterator[Pattern]:
    if line.startswith("#") or not line.strip():
        return
    text = line.strip()
    again = text.startswith("!")
    text = text.removeprefix("!").strip()
    if not text:
        raise EngineError(f"{NAME}: “!” needs a pattern after it")
    text = posixpath.normpath(text.replace(os.sep, "/")).lstrip("/")
    try:
        yield Pattern(re.compile(_regex(text), re.DOTALL), again, re.split(r"[*?\[\\]", text)[0])
    except re.error as error:
        raise EngineError(f"{NAME}: “{line}” is not a valid pattern", "", str(error)) from error


TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?[^\]]*\]|\\.|.", re.DOTALL)


def _regex(pattern: str) -> str:
    """Go's filepath.Match, with ``**`` for any number of folders."""
    made = ""
    for token in TOKENS.findall(pattern):
        if token == "**/":
            made += "(?:.*/)?"
        elif token == "**":
            made += ".*"
        elif token == "*":
            made += "[^/]*"
        elif token == "?":
            made += "[^/]"
        elif len(token) > 1 and token[0] == "[":
            made += token
        else:
            made += re.escape(token[-1])
    return made
