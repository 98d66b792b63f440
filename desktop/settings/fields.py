"""What a setting is: one declaration that the form, the command line, the checks and the parts all read.

A field of the schema is declared with :func:`setting`. Everything there is to know about it is a :class:`Field`,
kept in the dataclass field's metadata.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

from desktop.settings.phrases import phrase
from vm.errors import UserError
from vm.host import Host

T = TypeVar("T")

KEY = "slipway"
"""Where a dataclass field's metadata holds its :class:`Field`."""


class Applies(StrEnum):
    """When a change takes effect while a machine is running."""

    LIVE = "at once"
    RESTART = "after a restart"


class Kind(StrEnum):
    """What values a setting takes."""

    FLAG = "true or false"
    NUMBER = "a whole number"
    CHOICE = "one of the choices"
    TEXT = "text"
    LIST = "a list of paths"
    OBJECT = "a JSON object"


class SettingsError(UserError):
    """A setting, or the file of settings, is not acceptable; nothing was changed.

    :ivar path: the setting it is about, as ``cpus`` or ``daemon.mtu``; empty when it is about the file.
    :ivar why: the message without its subject, for a place that names the setting already.
    """

    def __init__(self, message: str, hint: str = "", detail: str = "", *, path: str = "", why: str = "") -> None:
        super().__init__(message, hint, detail)
        self.path = path
        self.why = why or message


class HostSize(NamedTuple):
    """What the computer has. :ivar memory_mib: in MiB."""

    cpus: int
    memory_mib: int


class Problem(NamedTuple):
    """Why a value cannot be used, and what to do.

    :ivar why: continues a sentence that begins with the setting's title.
    :ivar below: the member of an object that it is about, dotted; empty when it is about the whole value.
    """

    why: str
    hint: str = ""
    below: str = ""


@dataclass(frozen=True)
class Section:
    """A group of settings that belong together. :ivar area: the page of the window that shows it."""

    area: str
    title: str
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One setting.

    :ivar name: as in the file and on the command line.    :ivar title: a caption for people.
    :ivar live: the members of an object that take effect at once, whatever ``applies`` says.
    :ivar help: what it does, in a sentence or two.    :ivar unit: what a number counts.
    :ivar minimum: the least a number may be, apart from 0 where Slipway can choose.    :ivar maximum: the most.
    :ivar choices: value → what it means.    :ivar example: for a text that is empty.
    :ivar automatic: the value for 0, which lets Slipway choose; None where it does not.
    :ivar available: how much of it the computer has; None where that is no limit.
    :ivar offered: whether a host can do it; elsewhere there is no such setting.
    :ivar clean: brings a value into its one form; what it cannot understand it returns as it is.
    :ivar check: finds what bounds and choices do not cover.
    """

    name: str = ""
    default: Any
    title: str
    section: Section
    help: str
    applies: Applies
    live: Collection[str]
    unit: str
    minimum: int
    maximum: int
    choices: Mapping[str, str]
    example: str
    automatic: Callable[[HostSize], int] | None
    available: Callable[[HostSize], int] | None
    offered: Callable[[Host], bool]
    clean: Callable[[Any], Any]
    check: Callable[[Any], Iterator[Problem]]

    @property
    def kind(self) -> Kind:
        """What values it takes."""
        if self.choices:
            return Kind.CHOICE
        kinds = {bool: Kind.FLAG, int: Kind.NUMBER, str: Kind.TEXT, tuple: Kind.LIST}
        return kinds.get(type(self.default), Kind.OBJECT)

    @property
    def bounds(self) -> str:
        """The values it takes, in words."""
        if self.kind is Kind.NUMBER:
            text = phrase("{minimum} to {maximum}", minimum=self.minimum, maximum=self.maximum)
            if self.unit:
                text = phrase("{range} {unit}", range=text, unit=phrase(self.unit))
            return phrase("{range}, or 0 to let Slipway choose", range=text) if self.automatic else text
        return ", ".join(self.choices) if self.choices else self.kind.value

    def applies_to(self, path: str) -> Applies:
        """When a change takes effect. :param path: this setting's, or a dotted one into it."""
        member = path.split(".")[1:2]
        return Applies.LIVE if member and member[0] in self.live else self.applies

    def problems(self, value: Any) -> Iterator[Problem]:
        """Everything that is wrong with a value."""
        value = self.clean(value)
        found = next(self._type_problems(value), None)
        if found is not None:
            yield found
        else:
            yield from self.check(value)

    def checked(self, value: Any) -> Any:
        """The value in its one form.

        :raise SettingsError: it is not acceptable.
        """
        for problem in self.problems(value):
            raise self.error(problem)
        return self.clean(value)

    def resolved(self, value: Any, size: HostSize) -> Any:
        """An acceptable value with the computer's default in place of 0.

        :raise SettingsError: the computer does not have that much.
        """
        chosen = self.automatic(size) if self.automatic and not value else value
        if self.available is not None and chosen > self.available(size):
            most = self.available(size)
            hint = phrase("Choose at most {most}, or 0 to let Slipway choose.", most=most)
            unit = phrase(self.unit)
            why = phrase("cannot be {value}: your computer has {most} {unit}", value=chosen, most=most, unit=unit)
            raise self.error(Problem(why, hint))
        return chosen

    def error(self, problem: Problem) -> SettingsError:
        """A problem as an error that names the setting."""
        path = f"{self.name}.{problem.below}" if problem.below else self.name
        subject = path if problem.below else f"{self.title} ({self.name})"
        return SettingsError(f"{subject} {problem.why}", problem.hint, path=path, why=problem.why)

    def parse(self, text: str) -> Any:
        """The value that a text stands for: JSON, or a plain word; None for ``null``."""
        try:
            value = json.loads(text)
        except ValueError:
            return text
        is_text = isinstance(self.default, str)
        return text if is_text and value is not None and not isinstance(value, str) else value

    def _type_problems(self, value: Any) -> Iterator[Problem]:
        shown = json.dumps(value, default=str, ensure_ascii=False)
        choose = phrase("Choose {bounds}.", bounds=self.bounds)
        match self.kind:
            case Kind.FLAG if not isinstance(value, bool):
                yield Problem(phrase("must be true or false, not {value}", value=shown))
            case Kind.NUMBER if isinstance(value, bool) or not isinstance(value, int):
                yield Problem(phrase("must be a whole number, not {value}", value=shown), choose)
            case Kind.NUMBER if not (self.minimum <= value <= self.maximum or (self.automatic and value == 0)):
                yield Problem(phrase("cannot be {value}", value=value), choose)
            case Kind.CHOICE if not isinstance(value, str) or value not in self.choices:
                one_of = phrase("Choose one of: {choices}.", choices=self.bounds)
                yield Problem(phrase("cannot be {value}", value=shown), one_of)
            case Kind.TEXT if not isinstance(value, str):
                yield Problem(phrase("must be text, not {value}", value=shown))


def setting(
    default: T,
    *,
    title: str,
    section: Section,
    help: str = "",
    applies: Applies = Applies.LIVE,
    live: Collection[str] = (),
    unit: str = "",
    minimum: int = 0,
    maximum: int = 2**31,
    choices: Mapping[str, str] = MappingProxyType({}),
    example: str = "",
    automatic: Callable[[HostSize], int] | None = None,
    available: Callable[[HostSize], int] | None = None,
    offered: Callable[[Host], bool] = lambda _: True,
    clean: Callable[[Any], Any] = lambda value: value,
    check: Callable[[Any], Iterator[Problem]] = lambda _: iter(()),
) -> T:
    """Declare a field of the schema; see :class:`Field`."""
    about = Field(
        default=default,
        title=title,
        section=section,
        help=help,
        applies=applies,
        live=live,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        example=example,
        automatic=automatic,
        available=available,
        offered=offered,
        clean=clean,
        check=check,
    )
    if isinstance(default, Mapping):
        return cast("T", dataclasses.field(default_factory=lambda: dict(default), metadata={KEY: about}))
    return dataclasses.field(default=default, metadata={KEY: about})
