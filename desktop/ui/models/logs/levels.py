"""How bad a line of a log is, by the conventions of the programs that print it.

Which stream a program prints to says little: many print everything to standard error.
"""

from __future__ import annotations

import re
from enum import IntEnum

LOOKED_AT = 160
"""A level is among the first characters of a line; in JSON and ``key=value`` pairs it may be anywhere."""


class Level(IntEnum):
    """In order; ``NONE`` where the line has none."""

    NONE = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARNING = 4
    ERROR = 5
    FATAL = 6


WORDS = {
    Level.TRACE: "trace trc finest",
    Level.DEBUG: "debug dbg debug1 debug2 verbose fine",
    Level.INFO: "info inf information informational notice",
    Level.WARNING: "warn warning wrn",
    Level.ERROR: "error err severe",
    Level.FATAL: "fatal ftl crit critical panic emerg emergency alert",
}
"""Level → what programs call it."""

LEVELS = {word: level for level, words in WORDS.items() for word in words.split()}
LETTERS = {
    "T": Level.TRACE,
    "D": Level.DEBUG,
    "I": Level.INFO,
    "W": Level.WARNING,
    "E": Level.ERROR,
    "F": Level.FATAL,
}
REDIS = {".": Level.DEBUG, "-": Level.DEBUG, "*": Level.INFO, "#": Level.WARNING}
ANY = "|".join(sorted(LEVELS, key=len, reverse=True))

PAIR = re.compile(
    r'(?:"(?:level|lvl|severity|level_?name|log\.?level|@l)"\s*:\s*"?|\b(?:level|lvl|severity|loglevel)=["\']?)'
    r"(\w+)",
    re.IGNORECASE,
)
"""JSON's member, or logfmt's pair; its value is a word or a number."""

TAGGED = re.compile(rf"[\[<(|]\s*({ANY})\s*[\]>)|:]", re.IGNORECASE)
"""``[error]``, ``<warn>``, ``| INFO |``."""

FIRST = re.compile(rf"\s*({ANY})\s?:", re.IGNORECASE)
"""``Error: …`` at the beginning."""

CAPITALS = re.compile(rf"(?<![\w./\-])({ANY.upper()}|LOG(?=:))(?![\w/\-=])")
"""A word in capitals, after a time or a name."""

KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
"""Kubernetes' own programs (klog)."""

REDIS_LINE = re.compile(r"\d+:[XCSM] \d\d \w{3} \d{4} [\d:.]+ ([.*#-]) ")
RAISED = re.compile(r"(?:Traceback \(|(?:[\w.]+\.)?\w*(?:Error|Exception)\b|Unhandled |Uncaught )|(panic: )")
"""What ends a program of Python, Java, JavaScript or Go."""


def level_of(text: str) -> Level:
    """The level of a line."""
    head = text[:LOOKED_AT]
    if ('":' in text or "=" in text) and (found := PAIR.search(text)) is not None and (level := _named(found[1])):
        return level
    for pattern in (TAGGED, FIRST, CAPITALS):
        match = pattern.search(head) if pattern is not FIRST else pattern.match(head)
        if match is not None:
            return LEVELS.get(match[1].lower(), Level.INFO)
    if (match := KLOG.match(head)) is not None:
        return LETTERS[match[1]]
    if (match := REDIS_LINE.match(head)) is not None:
        return REDIS[match[1]]
    if (match := RAISED.match(head)) is not None:
        return Level.FATAL if match[1] else Level.ERROR
    return Level.NONE


def goes_on(text: str) -> bool:
    """Whether a line may belong to the one before it: a stack trace is one event in many lines."""
    return text.startswith((" ", "\t", "Caused by: "))


def _named(value: str) -> Level:
    """A level by its name, by its first letter, or by a number of pino and bunyan (10 … 60) or syslog (0 … 7)."""
    if not value.isdecimal():
        return LEVELS.get(value.lower(), LETTERS.get(value, Level.NONE))
    number = int(value)
    if number < 8:
        syslog = (Level.FATAL, Level.FATAL, Level.FATAL, Level.ERROR, Level.WARNING, Level.INFO, Level.INFO)
        return syslog[number] if number < len(syslog) else Level.DEBUG
    return Level(min(max(number // 10, Level.TRACE), Level.FATAL)) if number < 100 else Level.NONE
